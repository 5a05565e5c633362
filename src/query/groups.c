#include "query/groups.h"

#include "base/bits/bits.h"
#include "doc/key.h"

enum { GROUPS_KEY_MAX = 512 * 1024 * 1024, GROUPS_CHECK = 256 };

struct distinct {
    struct key_entry entry; // serial of the group u64, item u8, the value encoded
    struct group *group;
};
enum { DISTINCT_HEAD = 9 };

void groups_init(struct groups *groups, const struct aggregate_request *request,
                 struct budget *budget, size_t max_bytes) {
    groups->request = request;
    arena_init(&groups->arena, budget, max_bytes);
    key_set_init(&groups->set, budget);
    key_set_init(&groups->distinct, budget);
    buf_init(&groups->key, budget, GROUPS_KEY_MAX);
}

void groups_reset(struct groups *groups) {
    key_set_free(&groups->set);
    key_set_free(&groups->distinct);
    arena_free(&groups->arena);
    groups->first = groups->last = NULL;
}

void groups_free(struct groups *groups) {
    groups_reset(groups);
    buf_free(&groups->key);
}

static nacre_status too_much(struct ctx *ctx) {
    nacre_status status = err_set(ctx, NACRE_MEMORY_LIMIT, "there is no memory for the groups");
    err_hint(ctx, "Narrow the filter, or group by what has fewer values.");
    return status;
}

// --- one group ----------------------------------------------------------------------------------

struct group *groups_make(struct arena *arena, const struct aggregate_request *request,
                          struct slice keys) {
    size_t items_n = request->item_count * sizeof(struct accumulator);
    size_t kept_n = request->key_count * sizeof(struct kept);
    size_t head = (sizeof(struct group) + 15) & ~(size_t)15;
    uint8_t *room = arena_alloc(arena, head + items_n + kept_n + keys.n);
    if (!room) return NULL;
    memset(room, 0, head + items_n + kept_n);
    struct group *group = (struct group *)(void *)room;
    group->items = (struct accumulator *)(void *)(room + head);
    group->keys = (struct kept *)(void *)(room + head + items_n);
    uint8_t *bytes = room + head + items_n + kept_n;
    if (keys.n) memcpy(bytes, keys.p, keys.n);
    group->entry.key = slice_of(bytes, keys.n);
    return group;
}

void groups_put_state(struct buf *out, const struct aggregate_request *request,
                      const struct group *group) {
    for (uint32_t i = 0; i < request->key_count; i++)
        accumulate_put_val(out, group->keys[i].v);
    for (uint32_t i = 0; i < request->item_count; i++)
        accumulate_put(out, &request->items[i], &group->items[i]);
}

nacre_status groups_merge_state(struct ctx *ctx, struct arena *arena,
                                const struct aggregate_request *request, struct group *group,
                                struct slice state) {
    for (uint32_t i = 0; i < request->key_count; i++) {
        struct val v;
        if (!accumulate_take_val(&state, &v))
            return err_set(ctx, NACRE_CORRUPT, "a temporary file does not hold the keys written");
        bool first = group->keys[i].v.type == VAL_MISSING; // a key is never that
        if (!accumulate_keep(arena, &group->keys[i], v, first)) return too_much(ctx);
    }
    for (uint32_t i = 0; i < request->item_count; i++) {
        nacre_status status =
            accumulate_merge(ctx, arena, &request->items[i], &group->items[i], &state);
        if (status != NACRE_OK) return status == NACRE_MEMORY_LIMIT ? too_much(ctx) : status;
    }
    return NACRE_OK;
}

// --- adding a document --------------------------------------------------------------------------

// The group of the keys in groups->key, whose values are given.
static nacre_status group_of(struct ctx *ctx, struct groups *groups, const struct val *values,
                             struct group **out) {
    struct slice keys = buf_slice(&groups->key);
    struct key_slot *slot;
    TRY(key_set_place(ctx, &groups->set, keys, &slot));
    bool fresh = !slot->entry;
    struct group *group = fresh ? groups_make(&groups->arena, groups->request, keys)
                                : (struct group *)(void *)slot->entry;
    if (!group) return too_much(ctx);
    for (uint32_t i = 0; i < groups->request->key_count; i++)
        if (!accumulate_keep(&groups->arena, &group->keys[i], values[i], fresh))
            return too_much(ctx);
    if (fresh) {
        group->serial = groups->set.count++;
        slot->entry = &group->entry;
        *(groups->last ? &groups->last->next : &groups->first) = group;
        groups->last = group;
    }
    *out = group;
    return NACRE_OK;
}

nacre_status groups_whole(struct ctx *ctx, struct groups *groups, struct group **out) {
    buf_reset(&groups->key);
    return group_of(ctx, groups, NULL, out);
}

// Whether the value is new to this item of the group.
static nacre_status is_new(struct ctx *ctx, struct groups *groups, struct group *group,
                           uint32_t item, struct val v, bool *out) {
    struct key_slot *slot;
    buf_reset(&groups->key);
    buf_put_le64(&groups->key, group->serial);
    buf_put_u8(&groups->key, (uint8_t)item);
    (void)key_put(&groups->key, v, false);
    if (buf_status(&groups->key) != NACRE_OK) return err_buf(ctx, &groups->key);
    struct slice key = buf_slice(&groups->key);
    TRY(key_set_place(ctx, &groups->distinct, key, &slot));
    *out = !slot->entry;
    if (slot->entry) return NACRE_OK;
    struct distinct *entry = arena_alloc(&groups->arena, sizeof *entry + key.n);
    if (!entry) return too_much(ctx);
    memcpy(entry + 1, key.p, key.n);
    entry->entry.key = slice_of(entry + 1, key.n);
    entry->group = group;
    slot->entry = &entry->entry;
    groups->distinct.count++;
    return NACRE_OK;
}

static nacre_status add_item(struct ctx *ctx, struct groups *groups, struct group *group,
                             uint32_t i, const struct doc *doc) {
    const struct aggregate_item *item = &groups->request->items[i];
    uint8_t scratch[64];
    bool counts = true;
    if (item->documents) {
        group->items[i].count++;
        return NACRE_OK;
    }
    struct val v = doc_get(doc, &item->path, scratch);
    if (val_is_nullish(v)) return NACRE_OK;
    if (item->op == AGGREGATE_COUNT_DISTINCT) TRY(is_new(ctx, groups, group, i, v, &counts));
    if (!counts) return NACRE_OK;
    nacre_status status = accumulate_add(ctx, &groups->arena, item, &group->items[i], v);
    return status == NACRE_MEMORY_LIMIT ? too_much(ctx) : status;
}

nacre_status groups_add(struct ctx *ctx, struct groups *groups, const struct doc *doc) {
    const struct aggregate_request *r = groups->request;
    uint8_t scratch[AGGREGATE_KEYS_MAX][64];
    struct val values[AGGREGATE_KEYS_MAX];
    struct group *group = NULL;
    buf_reset(&groups->key);
    for (uint32_t i = 0; i < r->key_count; i++) {
        values[i] = doc_get(doc, &r->keys[i], scratch[i]);
        if (values[i].type == VAL_MISSING) values[i] = val_null();
        (void)key_put(&groups->key, values[i], false);
    }
    if (buf_status(&groups->key) != NACRE_OK) return err_buf(ctx, &groups->key);
    TRY(group_of(ctx, groups, values, &group));
    for (uint32_t i = 0; i < r->item_count; i++)
        TRY(add_item(ctx, groups, group, i, doc));
    return NACRE_OK;
}

// --- spilling -----------------------------------------------------------------------------------

static nacre_status end_record(struct ctx *ctx, struct groups *groups, size_t keys_n,
                               struct sorter *to) {
    buf_put_le32(&groups->key, (uint32_t)keys_n);
    if (buf_status(&groups->key) != NACRE_OK) return err_buf(ctx, &groups->key);
    return sorter_add(ctx, to, buf_slice(&groups->key));
}

static nacre_status spill_group(struct ctx *ctx, struct groups *groups, struct group *group,
                                struct sorter *to) {
    const struct aggregate_request *r = groups->request;
    for (uint32_t i = 0; i < r->item_count; i++)
        if (r->items[i].op == AGGREGATE_COUNT_DISTINCT) group->items[i].count = 0;
    buf_reset(&groups->key);
    buf_put_slice(&groups->key, group->entry.key);
    buf_put_u8(&groups->key, 0);
    groups_put_state(&groups->key, r, group);
    return end_record(ctx, groups, group->entry.key.n, to);
}

static nacre_status spill_distinct(struct ctx *ctx, struct groups *groups, const struct distinct *d,
                                   struct sorter *to) {
    struct slice keys = d->group->entry.key, value = slice_skip(d->entry.key, DISTINCT_HEAD);
    buf_reset(&groups->key);
    buf_put_slice(&groups->key, keys);
    buf_put_u8(&groups->key, (uint8_t)(d->entry.key.p[DISTINCT_HEAD - 1] + 1));
    buf_put_slice(&groups->key, value);
    return end_record(ctx, groups, keys.n, to);
}

nacre_status groups_spill(struct ctx *ctx, struct groups *groups, struct sorter *to) {
    for (struct group *group = groups->first; group; group = group->next) {
        if (group->serial % GROUPS_CHECK == 0) TRY(ctx_check(ctx));
        TRY(spill_group(ctx, groups, group, to));
    }
    for (size_t i = 0; i < groups->distinct.cap; i++) {
        if (i % GROUPS_CHECK == 0) TRY(ctx_check(ctx));
        const struct distinct *d = (const struct distinct *)groups->distinct.slots[i].entry;
        if (d) TRY(spill_distinct(ctx, groups, d, to));
    }
    groups_reset(groups);
    return NACRE_OK;
}

bool groups_split_record(struct slice bytes, struct group_record *out) {
    if (bytes.n < 5) return false;
    size_t keys_n = bits_le32(bytes.p + bytes.n - 4);
    if (keys_n > bytes.n - 5) return false;
    out->keys = slice_of(bytes.p, keys_n);
    out->kind = bytes.p[keys_n];
    out->rest = slice_of(bytes.p + keys_n + 1, bytes.n - keys_n - 5);
    return true;
}
