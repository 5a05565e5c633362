#include "query/sorter.h"

#include <stdlib.h>
#include <string.h>

#include "base/bits/bits.h"

enum {
    SORTER_KEY_MAX = 1 << 30,
    SORTER_ITEM_BYTES = 2 * sizeof(struct sorter_item), // qsort takes as much again
    SORTER_CAP_LEAST = 16,
    SORTER_FAN_IN = 64,
    SORTER_CHECK = 1024,
};

static struct slice key_of(const struct sorter_item *item) {
    return slice_of(item->bytes, item->n);
}

static int reader_cmp(const void *a, const void *b, void *arg) {
    (void)arg;
    return slice_cmp(((const struct spill_reader *)a)->record,
                     ((const struct spill_reader *)b)->record);
}

void sorter_init(struct sorter *sorter, struct spill_place *place, struct budget *budget,
                 size_t max_bytes) {
    *sorter = (struct sorter){.keep = SIZE_MAX, .budget = budget, .max = max_bytes};
    arena_init(&sorter->arena, budget, max_bytes);
    spill_init(&sorter->spill, place, budget);
    heap_init(&sorter->merge, reader_cmp, NULL);
    buf_init(&sorter->bound, budget, SORTER_KEY_MAX);
    buf_init(&sorter->out, budget, SORTER_KEY_MAX);
}

static void drop_items(struct sorter *sorter) {
    mem_free(sorter->items);
    budget_release(sorter->budget, sorter->cap * SORTER_ITEM_BYTES);
    sorter->items = NULL;
    sorter->count = sorter->cap = 0;
    arena_free(&sorter->arena);
}

static void drop_readers(struct sorter *sorter) {
    struct heap *merge = &sorter->merge;
    while (merge->count) {
        struct spill_reader *reader = merge->items[--merge->count];
        spill_reader_close(reader);
        mem_free(reader);
    }
}

void sorter_reset(struct sorter *sorter, size_t keep) {
    if (sorter->cap > SORTER_CAP_LEAST) drop_items(sorter);
    arena_reset(&sorter->arena);
    drop_readers(sorter);
    spill_reset(&sorter->spill);
    sorter->keep = keep;
    sorter->count = sorter->given = 0;
    sorter->is_heap = sorter->has_bound = sorter->done = false;
}

void sorter_free(struct sorter *sorter) {
    sorter_reset(sorter, SIZE_MAX);
    drop_items(sorter);
    heap_free(&sorter->merge);
    spill_free(&sorter->spill);
    buf_free(&sorter->bound);
    buf_free(&sorter->out);
}

static nacre_status too_much(struct ctx *ctx) {
    nacre_status status = err_set(ctx, NACRE_MEMORY_LIMIT, "there is no memory for the sort");
    err_hint(ctx, "Add an index that serves the order, set a limit, or narrow the filter.");
    return status;
}

// --- the first few: a heap ----------------------------------------------------------------------

static void sift_down(struct sorter_item *items, size_t count, size_t at) {
    struct sorter_item item = items[at];
    for (;;) {
        size_t kid = 2 * at + 1;
        if (kid >= count) break;
        if (kid + 1 < count && slice_cmp(key_of(&items[kid + 1]), key_of(&items[kid])) > 0) kid++;
        if (slice_cmp(key_of(&items[kid]), key_of(&item)) <= 0) break;
        items[at] = items[kid];
        at = kid;
    }
    items[at] = item;
}

static void make_heap(struct sorter *sorter) {
    for (size_t i = sorter->count / 2; i-- > 0;)
        sift_down(sorter->items, sorter->count, i);
    sorter->is_heap = true;
}

// A heap's keys are all below the bound of a run.
static bool has_bound(const struct sorter *sorter) { return sorter->is_heap || sorter->has_bound; }

struct slice sorter_bound(const struct sorter *sorter) {
    if (!has_bound(sorter)) return slice_of(NULL, 0);
    return sorter->is_heap ? key_of(&sorter->items[0]) : buf_slice(&sorter->bound);
}

bool sorter_wants(const struct sorter *sorter, struct slice key) {
    if (sorter->keep == 0) return false;
    return !has_bound(sorter) || slice_cmp(key, sorter_bound(sorter)) < 0;
}

// --- sorting in memory --------------------------------------------------------------------------

static int item_cmp(const void *a, const void *b) {
    const struct sorter_item *x = a, *y = b;
    if (x->prefix != y->prefix) return x->prefix < y->prefix ? -1 : 1;
    return slice_cmp(key_of(x), key_of(y));
}

static size_t common_size(struct slice a, struct slice b, size_t most) {
    size_t n = a.n < b.n ? a.n : b.n, i = 0;
    if (n > most) n = most;
    while (i < n && a.p[i] == b.p[i])
        i++;
    return i;
}

// Zeros stand for what is not there: then the whole keys decide.
static uint64_t prefix_of(struct slice key, size_t skip) {
    uint8_t eight[8] = {0};
    size_t n = key.n - skip;
    memcpy(eight, key.p + skip, n < 8 ? n : 8);
    return bits_be64(eight);
}

static void sort_items(struct sorter *sorter) {
    struct sorter_item *items = sorter->items;
    if (sorter->count < 2) return;
    size_t common = items[0].n;
    for (size_t i = 1; i < sorter->count; i++)
        common = common_size(key_of(&items[0]), key_of(&items[i]), common);
    for (size_t i = 0; i < sorter->count; i++)
        items[i].prefix = items[i].n ? prefix_of(key_of(&items[i]), common) : 0;
    qsort(items, sorter->count, sizeof *items, item_cmp);
}

// --- spilling -----------------------------------------------------------------------------------

static nacre_status spill_items(struct ctx *ctx, struct sorter *sorter) {
    struct sorter_item *items = sorter->items;
    sort_items(sorter);
    sorter->is_heap = false;
    TRY(spill_begin(ctx, &sorter->spill));
    for (size_t i = 0; i < sorter->count; i++) {
        if (i % SORTER_CHECK == 0) TRY(ctx_check(ctx));
        TRY(spill_put(ctx, &sorter->spill, key_of(&items[i])));
    }
    TRY(spill_end(ctx, &sorter->spill));
    if (sorter->count == sorter->keep) {
        buf_reset(&sorter->bound);
        buf_put_slice(&sorter->bound, key_of(&items[sorter->count - 1]));
        if (buf_status(&sorter->bound) != NACRE_OK) return err_buf(ctx, &sorter->bound);
        sorter->has_bound = true;
    }
    drop_items(sorter);
    return NACRE_OK;
}

// --- adding -------------------------------------------------------------------------------------

// false: no room.
static bool room_for_item(struct sorter *sorter, size_t allowed) {
    if (sorter->count < sorter->cap) return true;
    size_t more = sorter->cap ? sorter->cap : SORTER_CAP_LEAST, bytes = more * SORTER_ITEM_BYTES;
    if (sorter->cap * SORTER_ITEM_BYTES + sorter->arena.used + bytes > allowed) return false;
    if (!budget_charge(sorter->budget, bytes)) return false;
    struct sorter_item *items =
        mem_realloc(sorter->items, (sorter->cap + more) * sizeof *sorter->items);
    if (!items) {
        budget_release(sorter->budget, bytes);
        return false;
    }
    sorter->items = items;
    sorter->cap += more;
    return true;
}

// A key of a heap takes the room of the one that leaves, or twice as much: what is lost stays
// bounded by what is kept.
static bool put_item(struct sorter *sorter, struct slice key, size_t allowed) {
    bool replaces = sorter->is_heap;
    if (!replaces && !room_for_item(sorter, allowed)) return false;
    struct sorter_item item = replaces ? sorter->items[0] : (struct sorter_item){0};
    if (key.n > item.room) {
        size_t room = key.n < 2 * (size_t)item.room ? 2 * (size_t)item.room : key.n;
        size_t others = sorter->cap * SORTER_ITEM_BYTES;
        sorter->arena.max = allowed > others ? allowed - others : 0;
        item.bytes = arena_alloc(&sorter->arena, room);
        if (!item.bytes) return false;
        item.room = (uint32_t)room;
    }
    if (key.n) memcpy(item.bytes, key.p, key.n);
    item.n = (uint32_t)key.n;
    sorter->items[replaces ? 0 : sorter->count++] = item;
    if (replaces)
        sift_down(sorter->items, sorter->count, 0);
    else if (sorter->count == sorter->keep)
        make_heap(sorter);
    return true;
}

static nacre_status add_spilling(struct ctx *ctx, struct sorter *sorter, struct slice key) {
    if (put_item(sorter, key, spill_work_bytes(sorter->spill.place, sorter->budget)))
        return NACRE_OK;
    if (sorter->count) TRY(spill_items(ctx, sorter));
    // One key may be larger than what is meant for all.
    return put_item(sorter, key, sorter->max) ? NACRE_OK : too_much(ctx);
}

nacre_status sorter_add(struct ctx *ctx, struct sorter *sorter, struct slice key) {
    if (!sorter_wants(sorter, key)) return NACRE_OK;
    if (key.n > SORTER_KEY_MAX / 2) return too_much(ctx);
    if (sorter->spill.place) return add_spilling(ctx, sorter, key);
    return put_item(sorter, key, sorter->max) ? NACRE_OK : too_much(ctx);
}

// --- merging ------------------------------------------------------------------------------------

static nacre_status open_reader(struct ctx *ctx, struct sorter *sorter) {
    bool found;
    struct spill_reader *reader = mem_zalloc(sizeof *reader);
    if (!reader) return err_nomem(ctx);
    nacre_status status = spill_reader_open(ctx, &sorter->spill, reader);
    if (status == NACRE_OK) status = spill_reader_next(ctx, reader, &found);
    if (status == NACRE_OK && !heap_push(&sorter->merge, reader)) status = err_nomem(ctx);
    if (status == NACRE_OK) return NACRE_OK;
    spill_reader_close(reader);
    mem_free(reader);
    return status;
}

static nacre_status open_readers(struct ctx *ctx, struct sorter *sorter) {
    struct spill *spill = &sorter->spill;
    size_t most = spill->place->work_bytes / spill->block_size;
    most = most < 2 ? 2 : most > SORTER_FAN_IN ? SORTER_FAN_IN : most;
    while (spill->first < spill->count && sorter->merge.count < most)
        TRY(open_reader(ctx, sorter));
    return NACRE_OK;
}

// Past the record on top.
static nacre_status step_reader(struct ctx *ctx, struct sorter *sorter) {
    struct spill_reader *reader = sorter->merge.items[0];
    bool found;
    TRY(spill_reader_next(ctx, reader, &found));
    if (found) {
        heap_sift_top(&sorter->merge);
        return NACRE_OK;
    }
    (void)heap_pop(&sorter->merge);
    spill_reader_close(reader);
    mem_free(reader);
    return NACRE_OK;
}

// The first runs into one at the end.
static nacre_status merge_some(struct ctx *ctx, struct sorter *sorter) {
    struct heap *merge = &sorter->merge;
    TRY(open_readers(ctx, sorter));
    TRY(spill_begin(ctx, &sorter->spill));
    for (size_t given = 0; merge->count && given < sorter->keep; given++) {
        if (given % SORTER_CHECK == 0) TRY(ctx_check(ctx));
        const struct spill_reader *reader = merge->items[0];
        TRY(spill_put(ctx, &sorter->spill, reader->record));
        TRY(step_reader(ctx, sorter));
    }
    drop_readers(sorter);
    return spill_end(ctx, &sorter->spill);
}

static nacre_status finish(struct ctx *ctx, struct sorter *sorter) {
    struct spill *spill = &sorter->spill;
    sorter->done = true;
    if (spill->count == 0) {
        sort_items(sorter);
        return NACRE_OK;
    }
    if (sorter->count) TRY(spill_items(ctx, sorter));
    TRY(open_readers(ctx, sorter));
    while (spill->first < spill->count) {
        TRY(merge_some(ctx, sorter));
        TRY(open_readers(ctx, sorter));
    }
    return NACRE_OK;
}

bool sorter_is_empty(const struct sorter *sorter) {
    if (!sorter->done) return sorter->count == 0 && sorter->spill.count == 0;
    if (sorter->spill.count) return sorter->merge.count == 0 || sorter->given == sorter->keep;
    return sorter->given == sorter->count;
}

nacre_status sorter_next(struct ctx *ctx, struct sorter *sorter, struct slice *out, bool *found) {
    *found = false;
    if (!sorter->done) TRY(finish(ctx, sorter));
    if (sorter_is_empty(sorter)) return NACRE_OK;
    size_t at = sorter->given++;
    *found = true;
    if (sorter->spill.count == 0) {
        *out = key_of(&sorter->items[at]);
        return NACRE_OK;
    }
    if (at % SORTER_CHECK == 0) TRY(ctx_check(ctx));
    const struct spill_reader *reader = sorter->merge.items[0];
    buf_reset(&sorter->out);
    buf_put_slice(&sorter->out, reader->record);
    if (buf_status(&sorter->out) != NACRE_OK) return err_buf(ctx, &sorter->out);
    *out = buf_slice(&sorter->out);
    return step_reader(ctx, sorter);
}
