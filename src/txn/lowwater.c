// Low-water cursors: a queue's claimed entries leave tombstones at the front of its range;
// remembering where the first entry was spares the next claim to walk over them. In memory only,
// with the same answers as without.
#include "txn/apply.h"

static struct slice edge_of(const struct access_path *path) {
    const struct key_range *r = &path->ranges[path->reverse ? path->range_count - 1 : 0];
    return path->reverse ? r->upper : r->lower;
}

struct lowwater *lowwater_find(struct txn *t, const struct access_path *path) {
    if (path->range_count != 1 || t->rehearsal) return NULL; // of one state, which moves on
    struct slice edge = edge_of(path);
    for (uint32_t i = 0; i < t->lowwater_count; i++) {
        struct lowwater *l = &t->lowwater[i];
        if (l->tablet != path->tablet || l->index_id != path->index_id ||
            l->reverse != path->reverse)
            continue;
        if (!slice_eq(buf_slice(&l->edge), edge)) continue;
        l->last_use = ++t->clock;
        return l;
    }
    return NULL;
}

static struct lowwater *take_slot(struct txn *t) {
    if (t->lowwater_count < LOWWATER_MAX) {
        struct lowwater *l = &t->lowwater[t->lowwater_count++];
        buf_init(&l->edge, NULL, SIZE_MAX);
        buf_init(&l->cursor, NULL, SIZE_MAX);
        return l;
    }
    struct lowwater *oldest = &t->lowwater[0];
    for (uint32_t i = 1; i < LOWWATER_MAX; i++)
        if (t->lowwater[i].last_use < oldest->last_use) oldest = &t->lowwater[i];
    return oldest;
}

void lowwater_set(struct txn *t, const struct access_path *path, struct slice key) {
    if (path->range_count != 1 || t->rehearsal) return;
    struct lowwater *l = lowwater_find(t, path);
    if (!l) {
        l = take_slot(t);
        l->tablet = path->tablet;
        l->index_id = path->index_id;
        l->reverse = path->reverse;
        l->last_use = ++t->clock;
        buf_reset(&l->edge);
        buf_put_slice(&l->edge, edge_of(path));
    }
    buf_reset(&l->cursor);
    buf_put_slice(&l->cursor, key);
    if (buf_status(&l->edge) != NACRE_OK || buf_status(&l->cursor) != NACRE_OK)
        l->tablet = 0; // forgotten: only slower
}

// A key that appears before the cursor (behind it when reversed) moves the cursor back to it.
static void lowwater_put(struct lowwater *l, struct slice key) {
    int to_edge = slice_cmp(key, buf_slice(&l->edge));
    int to_cursor = slice_cmp(key, buf_slice(&l->cursor));
    bool inside = l->reverse ? to_edge < 0 && to_cursor > 0 : to_edge >= 0 && to_cursor < 0;
    if (!inside) return;
    buf_reset(&l->cursor);
    buf_put_slice(&l->cursor, key);
    if (buf_status(&l->cursor) != NACRE_OK) l->tablet = 0;
}

void lowwater_batch(struct txn *t) {
    if (!t->lowwater_count) return;
    struct slice rest = buf_slice(&t->batch.bytes);
    struct kv_batch_entry e;
    while (kv_batch_next(&rest, &e)) {
        if (e.op != 1 || e.family != KV_DATA || e.key.n < KEYSPACE_PREFIX) continue;
        if (e.key.p[4] != KIND_INDEX && e.key.p[4] != KIND_DOCUMENT) continue;
        for (uint32_t i = 0; i < t->lowwater_count; i++)
            lowwater_put(&t->lowwater[i], e.key);
    }
}

void lowwater_drop(struct txn *t, uint32_t tablet) {
    for (uint32_t i = 0; i < t->lowwater_count; i++)
        if (t->lowwater[i].tablet == tablet) t->lowwater[i].tablet = 0;
}
