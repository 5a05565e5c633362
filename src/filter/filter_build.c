// Making the normalised tree. Every node comes from here.
//
// Invariants:
//  B1  AND and OR have at least two children and none of their own kind.
//  B2  NOT is never over NOT.
//  B3  values of IN ascend by val_cmp and no two are equal.
//  B4  reading the canonical form makes no more nodes than the tree has, so that what was accepted
//  once stays acceptable.
#include "filter/filter_build.h"

#include "base/bits/bits.h"

const struct filter_node filter_node_true = {.op = FILTER_TRUE};

const struct filter_node **filter_build_nodes(struct filter_build *b, size_t count) {
    return ARENA_ARRAY(&b->ctx->arena, const struct filter_node *, count);
}

struct val *filter_build_vals(struct filter_build *b, size_t count) {
    return ARENA_ARRAY(&b->ctx->arena, struct val, count);
}

static nacre_status node_new(struct filter_build *b, enum filter_op op, struct filter_node **out) {
    if (b->nodes >= FILTER_NODES_MAX)
        return err_set(b->ctx, NACRE_INVALID_FILTER, "the filter has more than %d conditions",
                       FILTER_NODES_MAX);
    struct filter_node *node = ARENA_NEW(&b->ctx->arena, struct filter_node);
    if (!node) return err_nomem(b->ctx);
    b->nodes++;
    node->op = op;
    *out = node;
    return NACRE_OK;
}

static bool path_is_single(const struct path *path) {
    for (uint32_t i = 0; i < path->count; i++)
        if (path->parts[i].index != PATH_NO_INDEX) return false;
    return true;
}

nacre_status filter_build_leaf(struct filter_build *b, enum filter_op op, const struct path *path,
                               struct filter_node **out) {
    TRY(node_new(b, op, out));
    if (path) (*out)->path = *path;
    (*out)->single = path && path_is_single(path);
    return NACRE_OK;
}

nacre_status filter_build_value(struct filter_build *b, enum filter_op op, const struct path *path,
                                struct val v, const struct filter_node **out) {
    struct filter_node *node;
    TRY(filter_build_leaf(b, op, path, &node));
    struct val *values = ARENA_NEW(&b->ctx->arena, struct val);
    if (!values) return err_nomem(b->ctx);
    *values = v;
    node->values = values;
    node->count = 1;
    *out = node;
    return NACRE_OK;
}

// Bottom-up merge sort: stable, so that of equal operands (1 and 1.0) the first is kept, on every
// machine.
static nacre_status sort_values(struct filter_build *b, struct val *values, uint32_t count) {
    struct val *from = values;
    struct val *to = filter_build_vals(b, count);
    if (!to) return err_nomem(b->ctx);
    for (uint32_t width = 1; width < count; width *= 2) {
        for (uint32_t at = 0; at < count; at += 2 * width) {
            uint32_t mid = at + width < count ? at + width : count;
            uint32_t end = mid + width < count ? mid + width : count;
            uint32_t i = at, j = mid;
            for (uint32_t k = at; k < end; k++) {
                bool left = i < mid && (j >= end || val_cmp(from[i], from[j]) <= 0);
                to[k] = left ? from[i++] : from[j++];
            }
        }
        struct val *swap = from;
        from = to;
        to = swap;
    }
    if (from != values) memcpy(values, from, count * sizeof(*values));
    return NACRE_OK;
}

nacre_status filter_build_in(struct filter_build *b, const struct path *path, struct val *values,
                             uint32_t count, const struct filter_node **out) {
    struct filter_node *node;
    TRY(filter_build_leaf(b, FILTER_IN, path, &node));
    if (count > 1) TRY(sort_values(b, values, count));
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++)
        if (kept == 0 || !val_eq(values[kept - 1], values[i])) values[kept++] = values[i];
    node->values = values;
    node->count = kept;
    *out = node;
    return NACRE_OK;
}

nacre_status filter_build_not(struct filter_build *b, const struct filter_node *child,
                              const struct filter_node **out) {
    if (child->op == FILTER_NOT) {
        *out = child->children[0];
        return NACRE_OK;
    }
    struct filter_node *node;
    TRY(node_new(b, FILTER_NOT, &node));
    const struct filter_node **children = filter_build_nodes(b, 1);
    if (!children) return err_nomem(b->ctx);
    children[0] = child;
    node->children = children;
    node->count = 1;
    *out = node;
    return NACRE_OK;
}

// Copies items into list, children of the same kind in place of their parent. list NULL: only
// counts.
static uint32_t flatten(enum filter_op op, const struct filter_node *const *items, uint32_t count,
                        const struct filter_node **list) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (items[i]->op == FILTER_TRUE) continue; // only AND gets here with TRUE
        uint32_t inner = items[i]->op == op ? items[i]->count : 1;
        const struct filter_node *const *from = items[i]->op == op ? items[i]->children : &items[i];
        for (uint32_t k = 0; list && k < inner; k++)
            list[n + k] = from[k];
        n += inner;
    }
    return n;
}

nacre_status filter_build_join(struct filter_build *b, enum filter_op op,
                               const struct filter_node *const *items, uint32_t count,
                               const struct filter_node **out) {
    *out = &filter_node_true;
    uint32_t meant = 0; // items that are not TRUE
    for (uint32_t i = 0; i < count; i++) {
        if (items[i]->op != FILTER_TRUE && meant++ == 0) *out = items[i];
        if (items[i]->op != FILTER_TRUE || op == FILTER_AND) continue;
        *out = &filter_node_true;
        return NACRE_OK;
    }
    if (meant < 2) return NACRE_OK;
    uint32_t n = flatten(op, items, count, NULL);
    const struct filter_node **list = filter_build_nodes(b, n);
    if (!list) return err_nomem(b->ctx);
    flatten(op, items, count, list);
    struct filter_node *node;
    TRY(node_new(b, op, &node));
    node->children = list;
    node->count = n;
    *out = node;
    return NACRE_OK;
}

nacre_status filter_build_path(struct filter_build *b, struct slice text, struct path *out) {
    nacre_status status = path_parse(b->ctx, text, out);
    if (status != NACRE_INVALID_ARGUMENT) return status;
    char detail[ERR_DETAIL_MAX];
    memcpy(detail, b->ctx->err.detail, sizeof(detail));
    detail[sizeof(detail) - 1] = '\0';
    return err_set(b->ctx, NACRE_INVALID_FILTER, "%s", detail);
}

static nacre_status write_canonical(struct filter_build *b, const struct filter_node *root,
                                    struct slice *out) {
    BUF_CLEANUP struct buf buf;
    buf_init(&buf, NULL,
             UINT32_MAX /
                 2); // the input was bounded, and the canonical form adds little to each node
    filter_write_node(root, &buf);
    if (buf_status(&buf) != NACRE_OK) return err_nomem(b->ctx);
    void *copy = arena_copy(&b->ctx->arena, buf.p, buf.n);
    if (!copy) return err_nomem(b->ctx);
    *out = slice_of(copy, buf.n);
    return NACRE_OK;
}

nacre_status filter_build_finish(struct filter_build *b, const struct filter_node *root,
                                 struct filter **out) {
    uint32_t depth = filter_node_depth(root);
    if (depth > FILTER_DEPTH_MAX)
        return err_set(b->ctx, NACRE_INVALID_FILTER,
                       "the filter is nested %u levels deep, at most %d are allowed", depth,
                       FILTER_DEPTH_MAX);
    struct filter *filter = ARENA_NEW(&b->ctx->arena, struct filter);
    if (!filter) return err_nomem(b->ctx);
    TRY(write_canonical(b, root, &filter->canonical));
    filter->root = root;
    filter->hash = hash_bytes(filter->canonical.p, filter->canonical.n);
    filter->nodes = b->nodes;
    filter->pure = b->pure;
    *out = filter;
    return NACRE_OK;
}
