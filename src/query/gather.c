#include "query/gather.h"

#include <math.h>
#include <stdlib.h>

#include "catalog/keyspace.h"
#include "index/entry.h"

enum { GATHER_BYTES_MAX = 256 * 1024 * 1024, GATHER_LEAST = 1000, GATHER_CHECK = 256 };
// Keys that may be read for each document that they can spare: what reading one costs, in keys.
enum { GATHER_WORTH = 10, GATHER_PART = 5 };

_Static_assert(sizeof(struct scan_piece) == sizeof(struct slice),
               "places become ids where they lie");

void gather_init(struct gather *gather, struct budget *budget, bool descending) {
    *gather = (struct gather){.descending = descending};
    buf_init(&gather->bytes, budget, GATHER_BYTES_MAX);
    buf_init(&gather->places, budget, GATHER_BYTES_MAX);
}

void gather_free(struct gather *gather) {
    buf_free(&gather->bytes);
    buf_free(&gather->places);
    gather->ids = NULL;
    gather->count = gather->next = 0;
}

size_t gather_max(uint64_t documents, uint32_t limit) {
    uint64_t most = documents / GATHER_PART + GATHER_LEAST;
    if (limit == QUERY_UNLIMITED) return most;
    double even = 16 * sqrt((double)documents * ((double)limit + 1));
    uint64_t max = even < GATHER_LEAST ? GATHER_LEAST : (uint64_t)even;
    return max < most ? max : most;
}

// false: no memory.
static bool add(struct gather *gather, struct slice id_key) {
    struct scan_piece place = {.at = gather->bytes.n, .n = id_key.n};
    buf_put_slice(&gather->bytes, id_key);
    buf_put(&gather->places, &place, sizeof place);
    gather->count++;
    return buf_status(&gather->bytes) == NACRE_OK && buf_status(&gather->places) == NACRE_OK;
}

static int id_cmp(const void *a, const void *b) {
    return slice_cmp(*(const struct slice *)a, *(const struct slice *)b);
}

// Places become views, in the same memory; then they are sorted and told apart.
void gather_finish(struct gather *gather) {
    size_t kept = 0;
    for (size_t i = 0; i < gather->count; i++) {
        struct scan_piece place;
        uint8_t *at = gather->places.p + i * sizeof place;
        memcpy(&place, at, sizeof place);
        struct slice id_key = slice_of(gather->bytes.p + place.at, place.n);
        memcpy(at, &id_key, sizeof id_key);
    }
    gather->ids = (struct slice *)(void *)gather->places.p;
    if (gather->count > 1) qsort(gather->ids, gather->count, sizeof *gather->ids, id_cmp);
    for (size_t i = 1; i < gather->count; i++)
        if (!slice_eq(gather->ids[kept], gather->ids[i])) gather->ids[++kept] = gather->ids[i];
    gather->count = gather->count ? kept + 1 : 0;
}

nacre_status gather_read(struct ctx *ctx, struct gather *gather, struct scan *scan, size_t max,
                         bool *over) {
    struct slice components, id_key;
    bool found;
    *over = false;
    for (;;) {
        if (gather->count % GATHER_CHECK == 0) TRY(ctx_check(ctx));
        TRY(scan_next(ctx, scan, &found));
        if (!found) break;
        TRY(index_key_split(ctx, scan->plan->index, scan->key, &components, &id_key));
        *over = gather->count == max || !add(gather, id_key);
        if (!*over) continue;
        gather_free(gather);
        break;
    }
    return NACRE_OK;
}

nacre_status gather_points(struct ctx *ctx, struct gather *gather, const struct plan *plan) {
    for (uint32_t i = 0; i < plan->path.range_count; i++)
        if (!add(gather, slice_skip(plan->path.ranges[i].lower, KEYSPACE_PREFIX)))
            return err_nomem(ctx);
    return NACRE_OK;
}

static void mark(const struct gather *gather, struct slice id_key, uint8_t *marks) {
    const struct slice *at =
        bsearch(&id_key, gather->ids, gather->count, sizeof *gather->ids, id_cmp);
    if (at) marks[at - gather->ids] = 1;
}

nacre_status gather_narrow(struct ctx *ctx, struct gather *gather, struct scan *scan, bool *over) {
    struct buf marks BUF_CLEANUP = {0};
    struct slice components, id_key;
    size_t max = GATHER_LEAST + GATHER_WORTH * gather->count, kept = 0;
    buf_init(&marks, gather->bytes.budget, GATHER_BYTES_MAX);
    uint8_t *marked = buf_reserve(&marks, gather->count + 1);
    *over = !marked;
    if (*over || gather->count == 0) return NACRE_OK;
    memset(marked, 0, gather->count);
    for (size_t n = 0;; n++) {
        bool found;
        if (n % GATHER_CHECK == 0) TRY(ctx_check(ctx));
        TRY(scan_next(ctx, scan, &found));
        if (!found) break;
        *over = n == max;
        if (*over) return NACRE_OK;
        TRY(index_key_split(ctx, scan->plan->index, scan->key, &components, &id_key));
        mark(gather, id_key, marked);
    }
    for (size_t i = 0; i < gather->count; i++)
        if (marked[i]) gather->ids[kept++] = gather->ids[i];
    gather->count = kept;
    return NACRE_OK;
}

bool gather_next(struct gather *gather, struct slice *out_id_key) {
    if (gather->next == gather->count) return false;
    size_t at = gather->next++;
    *out_id_key = gather->ids[gather->descending ? gather->count - 1 - at : at];
    return true;
}
