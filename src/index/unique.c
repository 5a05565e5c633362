// Whether a change would give a unique index the same key twice.
#include "index/entry_bytes.h"

static bool unique_had(const struct index_keys *before, const struct index_key *key) {
    uint32_t low = 0, high = before->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int c = slice_cmp(key->components, before->keys[middle].components);
        if (c == 0) return true;
        if (c < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return false;
}

static nacre_status unique_check_key(struct index_work *w, const struct index_keys *before,
                                     const struct index_key *key) {
    bool guarded = false, held = false, own = false;
    if (unique_had(before, key)) return NACRE_OK;
    TRY(index_work_guarded(w, key, &guarded));
    if (!guarded) return NACRE_OK;
    index_guard_key(&w->key, w->change->tablet, w->index->id, key->components);
    TRY(index_work_guard(w, &held, &own));
    return held ? index_work_violation(w, key) : NACRE_OK;
}

// A key the document had before needs no look: its guard is its own, or the index is being built
// and the build will meet the other document.
static nacre_status unique_check(struct index_work *w) {
    struct index_keys before, after;
    TRY(index_work_change_keys(w, &before, &after));
    for (uint32_t i = 0; i < after.count; i++)
        TRY(unique_check_key(w, &before, &after.keys[i]));
    return NACRE_OK;
}

static nacre_status unique_check_index(struct index_work *w, const struct index_def *index) {
    if (!index->unique || index->state == INDEX_FAILED) return NACRE_OK;
    struct arena_mark mark = arena_mark(&w->ctx->arena);
    w->index = index;
    TRY(unique_check(w));
    arena_rewind(&w->ctx->arena, mark);
    return NACRE_OK;
}

nacre_status index_check_unique(struct ctx *ctx, struct kv *kv, const struct collection *collection,
                                const struct index_change *change) {
    struct index_work w;
    if (!change->after) return NACRE_OK;
    nacre_status status = index_work_init(&w, ctx, change);
    w.kv = kv;
    for (uint32_t i = 0; i < collection->index_count && status == NACRE_OK; i++)
        status = unique_check_index(&w, &collection->indexes[i]);
    index_work_free(&w);
    return status;
}
