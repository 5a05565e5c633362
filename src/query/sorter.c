#include "query/sorter.h"

#include <stdlib.h>
#include <string.h>

enum { SORTER_CHARGE = 64 * 1024 };

struct sorter_item {
    size_t n;
    uint8_t bytes[];
};

static struct slice key_of(const struct sorter_item *item) {
    return slice_of(item->bytes, item->n);
}

static int greatest_first(const void *a, const void *b, void *arg) {
    (void)arg;
    return slice_cmp(key_of(b), key_of(a));
}

static int least_first(const void *a, const void *b) {
    return slice_cmp(key_of(*(struct sorter_item *const *)a),
                     key_of(*(struct sorter_item *const *)b));
}

void sorter_init(struct sorter *sorter, struct budget *budget, size_t max_bytes) {
    *sorter = (struct sorter){.keep = SIZE_MAX, .budget = budget, .max = max_bytes};
    heap_init(&sorter->heap, greatest_first, NULL);
}

static size_t size_of(size_t key_n) {
    return sizeof(struct sorter_item) + key_n + 2 * sizeof(void *);
}

static bool charge(struct sorter *sorter, size_t bytes) {
    if (sorter->used + bytes > sorter->charged) {
        size_t more = bytes > SORTER_CHARGE ? bytes : SORTER_CHARGE;
        if (sorter->charged + more > sorter->max || !budget_charge(sorter->budget, more))
            return false;
        sorter->charged += more;
    }
    sorter->used += bytes;
    return true;
}

void sorter_reset(struct sorter *sorter, size_t keep) {
    for (size_t i = 0; i < sorter->heap.count; i++)
        mem_free(sorter->heap.items[i]);
    sorter->heap.count = 0;
    sorter->keep = keep;
    sorter->sorted = false;
    sorter->next = 0;
    budget_release(sorter->budget, sorter->charged);
    sorter->charged = sorter->used = 0;
}

void sorter_free(struct sorter *sorter) {
    sorter_reset(sorter, SIZE_MAX);
    heap_free(&sorter->heap);
}

static nacre_status too_much(struct ctx *ctx) {
    nacre_status status = err_set(ctx, NACRE_MEMORY_LIMIT, "there is no memory for the sort");
    err_hint(ctx, "Add an index that serves the order, set a limit, or narrow the filter.");
    return status;
}

static struct sorter_item *item_new(struct sorter *sorter, struct slice key) {
    if (!charge(sorter, size_of(key.n))) return NULL;
    struct sorter_item *item = mem_alloc(sizeof *item + key.n);
    if (!item) return NULL;
    item->n = key.n;
    if (key.n) memcpy(item->bytes, key.p, key.n);
    return item;
}

static void drop(struct sorter *sorter, struct sorter_item *item) {
    sorter->used -= size_of(item->n);
    mem_free(item);
}

nacre_status sorter_add(struct ctx *ctx, struct sorter *sorter, struct slice key) {
    struct heap *heap = &sorter->heap;
    bool full = heap->count >= sorter->keep;
    if (full && (heap->count == 0 || slice_cmp(key, key_of(heap->items[0])) >= 0)) return NACRE_OK;
    struct sorter_item *item = item_new(sorter, key);
    if (!item) return too_much(ctx);
    if (full) {
        drop(sorter, heap->items[0]);
        heap->items[0] = item;
        heap_sift_top(heap);
        return NACRE_OK;
    }
    if (heap_push(heap, item)) return NACRE_OK;
    drop(sorter, item);
    return too_much(ctx);
}

bool sorter_next(struct sorter *sorter, struct slice *out) {
    struct heap *heap = &sorter->heap;
    if (!sorter->sorted && heap->count > 1)
        qsort((void *)heap->items, heap->count, sizeof *heap->items, least_first);
    sorter->sorted = true;
    if (sorter->next == heap->count) return false;
    *out = key_of(heap->items[sorter->next++]);
    return true;
}
