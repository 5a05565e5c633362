#include "query/fetch.h"

#include <stdlib.h>

#include "catalog/keyspace.h"

void fetch_init(struct fetch *fetch, const struct query_target *target, struct budget *budget) {
    fetch->target = target;
    fetch->count = fetch->next = 0;
    fetch->loaded = false;
    buf_init(&fetch->keys, budget, FETCH_MAX * (size_t)(KEYSPACE_PREFIX + 4 * KEY_ID_TEXT_MAX));
    buf_init(&fetch->bodies, budget, FETCH_MAX * (size_t)FETCH_TOLD_MAX);
}

void fetch_reset(struct fetch *fetch) {
    struct kv *kv = fetch->target ? fetch->target->view->kv : NULL;
    for (uint32_t i = 0; i < fetch->count; i++) {
        struct fetch_item *item = &fetch->items[i];
        if (item->entry) cache_unpin(fetch->target->cache, item->entry);
        if (item->pin.handle) kv->ops->unpin(kv, &item->pin);
    }
    fetch->count = fetch->next = 0;
    fetch->loaded = false;
    buf_reset(&fetch->keys);
    buf_reset(&fetch->bodies);
}

void fetch_free(struct fetch *fetch) {
    fetch_reset(fetch);
    buf_free(&fetch->keys);
    buf_free(&fetch->bodies);
}

nacre_status fetch_add(struct ctx *ctx, struct fetch *fetch, struct slice id_key, uint64_t run) {
    size_t at = fetch->keys.n;
    keyspace_prefix(&fetch->keys, fetch->target->collection->tablet, KIND_DOCUMENT);
    buf_put_slice(&fetch->keys, id_key);
    if (buf_status(&fetch->keys) != NACRE_OK) return err_buf(ctx, &fetch->keys);
    fetch->items[fetch->count++] =
        (struct fetch_item){.at = at, .n = fetch->keys.n - at, .run = run};
    return NACRE_OK;
}

nacre_status fetch_add_told(struct ctx *ctx, struct fetch *fetch, struct slice id_key,
                            struct slice body) {
    TRY(fetch_add(ctx, fetch, id_key, 0));
    struct fetch_item *item = &fetch->items[fetch->count - 1];
    item->told = item->found = true;
    item->body_at = fetch->bodies.n;
    item->body_n = body.n;
    buf_put_slice(&fetch->bodies, body);
    return buf_status(&fetch->bodies) == NACRE_OK ? NACRE_OK : err_buf(ctx, &fetch->bodies);
}

static struct slice key_of(const struct fetch *fetch, const struct fetch_item *item) {
    return slice_of(fetch->keys.p + item->at, item->n);
}

// Q3: an entry that is newer than the view is another state of the document.
static bool from_cache(struct fetch *fetch, struct fetch_item *item) {
    struct cache *cache = fetch->target->cache;
    if (!cache) return false;
    struct slice key = key_of(fetch, item);
    const struct cache_entry *entry = cache_get(cache, key, cache_hash(key));
    if (!entry) return false;
    if (entry->ts > fetch->target->view->commit_ts) {
        cache_unpin(cache, entry);
        return false;
    }
    item->entry = entry;
    item->found = !entry->absent;
    return true;
}

struct wanted {
    struct slice key;
    uint32_t item;
};

static int wanted_cmp(const void *a, const void *b) {
    return slice_cmp(((const struct wanted *)a)->key, ((const struct wanted *)b)->key);
}

static nacre_status read_wanted(struct ctx *ctx, struct fetch *fetch, struct wanted *wanted,
                                uint32_t count) {
    struct slice keys[FETCH_MAX];
    struct kv_pin pins[FETCH_MAX] = {0};
    bool found[FETCH_MAX] = {0};
    struct view *view = fetch->target->view;
    if (count > 1) qsort(wanted, count, sizeof *wanted, wanted_cmp);
    for (uint32_t i = 0; i < count; i++)
        keys[i] = wanted[i].key;
    TRY(view->kv->ops->multi_get(view->kv, ctx, view->kv_view, KV_DATA, count, keys, pins, found));
    for (uint32_t i = 0; i < count; i++) {
        struct fetch_item *item = &fetch->items[wanted[i].item];
        item->found = found[i];
        if (found[i]) item->pin = pins[i];
    }
    return NACRE_OK;
}

nacre_status fetch_load(struct ctx *ctx, struct fetch *fetch) {
    struct wanted wanted[FETCH_MAX];
    uint32_t count = 0;
    fetch->loaded = true;
    for (uint32_t i = 0; i < fetch->count; i++)
        if (!fetch->items[i].told && !from_cache(fetch, &fetch->items[i]))
            wanted[count++] = (struct wanted){key_of(fetch, &fetch->items[i]), i};
    return count ? read_wanted(ctx, fetch, wanted, count) : NACRE_OK;
}

nacre_status fetch_next(struct ctx *ctx, struct fetch *fetch, struct query_row *out, uint64_t *run,
                        bool *live) {
    const struct fetch_item *item = &fetch->items[fetch->next++];
    struct slice key = key_of(fetch, item);
    *live = false;
    *run = item->run;
    fetch->gave_told = item->told;
    if (!item->found) return NACRE_OK;
    out->id_key = slice_skip(key, KEYSPACE_PREFIX);
    if (item->told) {
        out->row = (struct row){.body = slice_of(fetch->bodies.p + item->body_at, item->body_n)};
        *live = true;
        return NACRE_OK;
    }
    struct slice value = item->entry ? cache_value(item->entry) : item->pin.value;
    TRY(row_decode(ctx, keyspace_local(key), value, !item->entry, &out->row));
    if (fetch->keeps && !item->entry && fetch->target->cache)
        cache_offer(fetch->target->cache, key, value, out->row.begin_ts,
                    fetch->target->view->commit_ts);
    *live = !(out->row.flags & ROW_DELETED);
    return NACRE_OK;
}
