#include "base/ds/heap.h"

#include <stdint.h>

#include "base/mem/mem.h"

enum { HEAP_FIRST_CAP = 16 };

void heap_init(struct heap *heap, heap_cmp *cmp, void *arg) {
    *heap = (struct heap){.cmp = cmp, .arg = arg};
}

void heap_free(struct heap *heap) {
    mem_free((void *)heap->items);
    heap_init(heap, heap->cmp, heap->arg);
}

static bool heap_grow(struct heap *heap) {
    if (heap->cap > SIZE_MAX / 2 / sizeof(void *)) return false;
    size_t cap = heap->cap ? heap->cap * 2 : HEAP_FIRST_CAP;
    void **items = (void **)mem_realloc((void *)heap->items, cap * sizeof(void *));
    if (!items) return false;
    heap->items = items;
    heap->cap = cap;
    return true;
}

bool heap_push(struct heap *heap, void *item) {
    if (heap->count == heap->cap && !heap_grow(heap)) return false;
    size_t at = heap->count++;
    while (at > 0) {
        size_t parent = (at - 1) / 2;
        if (heap->cmp(heap->items[parent], item, heap->arg) <= 0) break;
        heap->items[at] = heap->items[parent];
        at = parent;
    }
    heap->items[at] = item;
    return true;
}

void heap_sift_top(struct heap *heap) {
    if (heap->count < 2) return;
    void *item = heap->items[0];
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= heap->count) break;
        if (child + 1 < heap->count &&
            heap->cmp(heap->items[child + 1], heap->items[child], heap->arg) < 0)
            child++;
        if (heap->cmp(item, heap->items[child], heap->arg) <= 0) break;
        heap->items[at] = heap->items[child];
        at = child;
    }
    heap->items[at] = item;
}

void *heap_pop(struct heap *heap) {
    if (heap->count == 0) return NULL;
    void *top = heap->items[0];
    heap->items[0] = heap->items[--heap->count];
    heap_sift_top(heap);
    return top;
}
