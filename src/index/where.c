// Which filters a partial index may have, and which fields make an index multikey.
#include "base/bits/bits.h"
#include "filter/filter.h"
#include "index/entry.h"
#include "index/entry_bytes.h"

static bool where_has_children(enum filter_op op) {
    return op == FILTER_AND || op == FILTER_OR || op == FILTER_NOT;
}

// The first leaf over a system field. Below $elemMatch names are those of elements.
static const struct filter_node *where_system(const struct filter_node *node) {
    if (!where_has_children(node->op)) {
        bool is_leaf = node->op != FILTER_TRUE && node->path.count > 0;
        return is_leaf && name_is_system(node->path.parts[0].name) ? node : NULL;
    }
    for (uint32_t i = 0; i < (node->op == FILTER_NOT ? 1 : node->count); i++) {
        const struct filter_node *found = where_system(node->children[i]);
        if (found) return found;
    }
    return NULL;
}

nacre_status index_where_check(struct ctx *ctx, const struct filter *filter) {
    nacre_status status;
    const struct filter_node *system = where_system(filter->root);
    if (!filter_is_pure(filter)) {
        status = err_set(ctx, NACRE_INVALID_FILTER,
                         "the filter of an index cannot have a regular expression");
        err_expected(ctx, "/where", "a filter without $regex", "$regex");
        return status;
    }
    if (!system) return NACRE_OK;
    struct slice name = system->path.parts[0].name;
    char got[16] = {0};
    memcpy(got, name.p, name.n < sizeof got ? name.n : sizeof got - 1);
    status = err_set(ctx, NACRE_INVALID_FILTER,
                     "the filter of an index cannot be over the system field %s", got);
    err_expected(ctx, "/where", "fields of the document, or _id", got);
    return status;
}

// Format 1 said it of the index as a whole.
static nacre_status mark_decode(struct ctx *ctx, struct slice value, uint16_t *out) {
    *out = UINT16_MAX;
    if (value.n == 1 && value.p[0] == 1) return NACRE_OK;
    if (value.n && value.p[0] != INDEX_MARK_FORMAT)
        return err_set(ctx, NACRE_INCOMPATIBLE_FORMAT, "mark of an index: unknown format %u",
                       value.p[0]);
    if (value.n != INDEX_MARK_SIZE)
        return err_set(ctx, NACRE_CORRUPT, "mark of an index: %zu bytes", value.n);
    *out = bits_le16(value.p + 1);
    return NACRE_OK;
}

nacre_status index_multikey_read(struct ctx *ctx, struct kv *kv, struct kv_view *view,
                                 uint32_t tablet, uint32_t index_id, uint16_t *out) {
    struct buf key BUF_CLEANUP;
    struct kv_pin pin;
    bool found = false;
    buf_init(&key, ctx->arena.budget, 64);
    keyspace_multikey(&key, tablet, index_id);
    if (buf_status(&key) != NACRE_OK) return err_buf(ctx, &key);
    TRY(kv->ops->get(kv, ctx, view, KV_DATA, buf_slice(&key), &pin, &found));
    *out = 0;
    if (!found) return NACRE_OK;
    nacre_status status = mark_decode(ctx, pin.value, out);
    kv->ops->unpin(kv, &pin);
    return status;
}
