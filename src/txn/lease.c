// Leases as pure functions: what a claim changed, and how it is taken back.
// Undo record: BSON {"f":[{"p": path, "w": value written, "o": value before (absent: there was
// none), "m": how many parts of the path were there (only if there was none)}, …]}.
#include "txn/lease.h"

#include "doc/patch.h"
#include "doc/tree.h"

static uint32_t parts_there(const struct doc *doc, struct path path) {
    uint8_t scratch[64];
    uint32_t all = path.count;
    for (path.count = 1; path.count < all; path.count++)
        if (doc_get(doc, &path, scratch).type == VAL_MISSING) break;
    return path.count - 1;
}

static nacre_status undo_one(struct ctx *ctx, struct bson_writer *w, struct slice name,
                             struct slice before, struct slice after) {
    struct path path;
    uint8_t scratch[64];
    struct doc old = {.body = before}, fresh = {.body = after};
    TRY(path_parse(ctx, name, &path));
    bson_open_object(w, slice_of(NULL, 0));
    bson_put(w, SLICE_LIT("p"), val_str(name));
    bson_put(w, SLICE_LIT("w"), doc_get(&fresh, &path, scratch));
    struct val earlier = doc_get(&old, &path, scratch);
    bson_put(w, SLICE_LIT("o"), earlier);
    if (earlier.type == VAL_MISSING) bson_put(w, SLICE_LIT("m"), val_int(parts_there(&old, path)));
    bson_close(w);
    return NACRE_OK;
}

nacre_status lease_undo_record(struct ctx *ctx, struct slice before, struct slice after,
                               struct slice set, struct buf *out) {
    struct bson_writer w;
    struct val fields = bson_find(set, SLICE_LIT("$set"));
    bson_begin(&w, out);
    bson_open_array(&w, SLICE_LIT("f"));
    if (fields.type == VAL_OBJECT) {
        struct bson_iter it = bson_iter_of(val_slice(fields));
        struct slice name;
        struct val v;
        while (bson_next(&it, &name, &v))
            TRY(undo_one(ctx, &w, name, before, after));
    }
    bson_close(&w);
    bson_end(&w);
    return buf_status(out);
}

static bool still_holds(struct ctx *ctx, struct slice body, struct slice entry,
                        nacre_status *status) {
    struct path path;
    uint8_t scratch[64];
    struct doc doc = {.body = body};
    struct val name = bson_find(entry, SLICE_LIT("p"));
    *status = path_parse(ctx, val_slice(name), &path);
    if (*status != NACRE_OK) return false;
    return val_identical(doc_get(&doc, &path, scratch), bson_find(entry, SLICE_LIT("w")));
}

static nacre_status all_hold(struct ctx *ctx, struct slice fields, struct slice body, bool *out) {
    struct bson_iter it = bson_iter_of(fields);
    struct slice name;
    struct val entry;
    *out = true;
    while (*out && bson_next(&it, &name, &entry)) {
        nacre_status status;
        *out = still_holds(ctx, body, val_slice(entry), &status);
        if (status != NACRE_OK) return status;
    }
    return NACRE_OK;
}

// {"$set":{path: old…},"$unset":{path: ""…}} for the entries of an undo record.
static bool write_group(struct bson_writer *w, struct slice fields, const char *op,
                        bool wants_old) {
    struct bson_iter it = bson_iter_of(fields);
    struct slice name;
    struct val entry;
    bool any = false;
    bson_open_object(w, slice_str(op));
    while (bson_next(&it, &name, &entry)) {
        struct val old = bson_find(val_slice(entry), SLICE_LIT("o"));
        if ((old.type != VAL_MISSING) != wants_old) continue;
        struct val path = bson_find(val_slice(entry), SLICE_LIT("p"));
        bson_put(w, val_slice(path), wants_old ? old : val_bool(true));
        any = true;
    }
    bson_close(w);
    return any;
}

static bool has_deep(struct slice fields) {
    struct bson_iter it = bson_iter_of(fields);
    struct slice name;
    struct val entry;
    while (bson_next(&it, &name, &entry)) {
        struct slice path = val_slice(bson_find(val_slice(entry), SLICE_LIT("p")));
        bool made = bson_find(val_slice(entry), SLICE_LIT("m")).type == VAL_INT;
        if (made && path.n && (memchr(path.p, '.', path.n) || path.p[0] == '/')) return true;
    }
    return false;
}

// Objects that the claim had made on the way to a field, and that nothing is in any more.
static nacre_status remove_emptied(struct ctx *ctx, struct tree *root, struct slice entry) {
    struct path path;
    struct val there = bson_find(entry, SLICE_LIT("m"));
    if (there.type != VAL_INT) return NACRE_OK;
    TRY(path_parse(ctx, val_slice(bson_find(entry, SLICE_LIT("p"))), &path));
    while (--path.count > (uint64_t)there.i) {
        struct tree *node = tree_at_path(root, &path);
        if (!node || node->val.type != VAL_OBJECT || node->count > 0 ||
            node->parent->val.type != VAL_OBJECT)
            break;
        tree_remove(node);
    }
    return NACRE_OK;
}

// out[start…] is the body with all fields given back.
static nacre_status tidy_body(struct ctx *ctx, struct slice fields, struct buf *out, size_t start) {
    struct bson_iter it = bson_iter_of(fields);
    struct slice name;
    struct val entry;
    struct tree *root;
    struct arena_mark mark = arena_mark(&ctx->arena);
    struct slice body = slice_skip(buf_slice(out), start);
    const uint8_t *copy = arena_copy(&ctx->arena, body.p, body.n);
    if (!copy) return err_nomem(ctx);
    TRY(tree_from_bson(ctx, slice_of(copy, body.n), &root));
    while (bson_next(&it, &name, &entry))
        TRY(remove_emptied(ctx, root, val_slice(entry)));
    out->n = start;
    tree_write(root, out);
    arena_rewind(&ctx->arena, mark);
    return buf_status(out);
}

// If all fields still hold what the claim wrote.
static nacre_status lease_undo(struct ctx *ctx, struct slice undo, struct slice body,
                               int64_t now_ms, struct buf *out, bool *changed) {
    *changed = false;
    struct val fields = undo.n ? bson_find(undo, SLICE_LIT("f")) : val_missing();
    if (fields.type != VAL_ARRAY) return NACRE_OK;
    bool hold;
    TRY(all_hold(ctx, val_slice(fields), body, &hold));
    if (!hold) return NACRE_OK;
    struct buf ops BUF_CLEANUP = {0};
    struct bson_writer w;
    buf_init(&ops, NULL, DOC_BYTES_MAX);
    bson_begin(&w, &ops);
    bool any = write_group(&w, val_slice(fields), "$set", true);
    any |= write_group(&w, val_slice(fields), "$unset", false);
    bson_end(&w);
    TRY(buf_status(&ops));
    if (!any) return NACRE_OK;
    struct patch patch = {.kind = PATCH_OPERATORS, .bson = buf_slice(&ops)};
    size_t start = out->n;
    TRY(patch_apply(ctx, &patch, body, now_ms, out));
    if (has_deep(val_slice(fields))) TRY(tidy_body(ctx, val_slice(fields), out, start));
    *changed = true;
    return NACRE_OK;
}

nacre_status lease_set_body(struct ctx *ctx, struct slice set, struct slice body, int64_t now_ms,
                            struct buf *out, bool *changed) {
    struct patch patch;
    *changed = set.n > 0;
    if (!set.n) return NACRE_OK;
    TRY(patch_of_object(ctx, set, &patch));
    return patch_apply(ctx, &patch, body, now_ms, out);
}

nacre_status lease_release_body(struct ctx *ctx, const struct row *row, struct slice set,
                                int64_t now_ms, struct buf *out, bool *changed) {
    if (set.n) return lease_set_body(ctx, set, row->body, now_ms, out, changed);
    return lease_undo(ctx, row->lease.undo, row->body, now_ms, out, changed);
}

nacre_status lease_end_body(struct ctx *ctx, const struct row *row, int64_t now_ms, struct buf *out,
                            bool *changed) {
    *changed = false;
    if (!row->lease.on_expire.n)
        return lease_undo(ctx, row->lease.undo, row->body, now_ms, out, changed);
    struct val kind = bson_find(row->lease.on_expire, SLICE_LIT("kind"));
    struct val bson = bson_find(row->lease.on_expire, SLICE_LIT("patch"));
    struct patch patch = {.kind = (enum patch_kind)kind.i, .bson = val_slice(bson)};
    *changed = true;
    return patch_apply(ctx, &patch, row->body, now_ms, out);
}
