// Patches: what the kinds share, and the frame of an application.
#include "doc/patch.h"

#include <stdio.h>

#include "base/text/num.h"
#include "base/text/utf8.h"
#include "doc/patch_impl.h"

struct patch_at patch_at_root(void) {
    return (struct patch_at){.pointer = ""};
}

struct patch_at patch_at_name(const struct patch_at *at, struct slice name) {
    struct patch_at out = *at;
    size_t n = strlen(out.pointer);
    if (n + 1 < sizeof out.pointer) out.pointer[n++] = '/';
    size_t i = 0;
    for (; i < name.n && n + 2 < sizeof out.pointer; i++) {
        char c = (char)name.p[i];
        if (c == '~' || c == '/') {
            out.pointer[n++] = '~';
            c = c == '~' ? '0' : '1';
        }
        out.pointer[n++] = c;
    }
    if (i < name.n)
        n = utf8_valid_prefix(slice_of(out.pointer, n)); // cut, but not within a character
    out.pointer[n] = 0;
    return out;
}

struct patch_at patch_at_index(const struct patch_at *at, uint32_t index) {
    char digits[NUM_TEXT_MAX];
    return patch_at_name(at, slice_of(digits, num_print_int(index, digits)));
}

nacre_status patch_refuse(struct ctx *ctx, const struct patch_at *at, const char *expected,
                          const char *got, const char *detail) {
    nacre_status status = err_set(ctx, NACRE_INVALID_ARGUMENT, "%s", detail);
    err_expected(ctx, at->pointer, expected, got);
    return status;
}

const char *patch_show(struct val v, char out[ERR_TEXT_MAX]) {
    size_t n = 0;
    if (v.type == VAL_INT)
        n = num_print_int(v.i, out);
    else if (v.type == VAL_DOUBLE && v.d - v.d == 0)
        n = num_print_double(v.d, out);
    else if (v.type == VAL_BOOL)
        return v.b ? "true" : "false";
    else if (v.type == VAL_STRING && v.n <= 60) {
        out[n++] = '"';
        memcpy(out + n, v.p, v.n);
        n += v.n;
        out[n++] = '"';
    } else
        return val_type_name(v.type);
    out[n] = 0;
    return out;
}

void patch_suggest(struct ctx *ctx, struct slice word, const char *const *candidates,
                   size_t count) {
    char text[64];
    size_t n = word.n < sizeof text - 1 ? word.n : sizeof text - 1;
    memcpy(text, word.p, n);
    text[n] = 0;
    const char *nearest = err_nearest(text, candidates, count);
    if (nearest) err_suggest(ctx, nearest);
}

bool patch_is_system(struct slice name) {
    static const char *const names[] = {"_version", "_created", "_updated", "_expires", "_lease"};
    if (name.n < 6 || name.p[0] != '_') return false;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (slice_eq_str(name, names[i])) return true;
    return false;
}

static nacre_status patch_refuse_dollar(struct ctx *ctx, const struct patch_at *at) {
    return patch_refuse(ctx, at, "a field name that does not start with '$'", "a name that does",
                        "names of fields do not start with '$'");
}

static nacre_status patch_refuse_system(struct ctx *ctx, const struct patch_at *at,
                                        struct slice name) {
    char detail[128];
    snprintf(detail, sizeof detail, "%.*s is a system field: a patch cannot change it", (int)name.n,
             (const char *)name.p);
    return patch_refuse(ctx, at, "a field of the document", "a system field", detail);
}

// false, and *culprit the first such name's place, if a name starts with '$'. The place is only
// made when it is needed.
static bool patch_names_ok(struct val v, const struct patch_at *at, struct patch_at *culprit) {
    if (v.type != VAL_OBJECT && v.type != VAL_ARRAY) return true;
    struct bson_iter it = bson_iter_of_val(v);
    struct slice name;
    struct val child;
    while (bson_next(&it, &name, &child)) {
        if (v.type == VAL_OBJECT && name.n && name.p[0] == '$') {
            *culprit = patch_at_name(at, name);
            return false;
        }
        if (child.type != VAL_OBJECT && child.type != VAL_ARRAY) continue;
        struct patch_at below = patch_at_name(at, name);
        if (!patch_names_ok(child, &below, culprit)) return false;
    }
    return true;
}

nacre_status patch_check_names(struct ctx *ctx, struct val v, const struct patch_at *at) {
    struct patch_at culprit;
    return patch_names_ok(v, at, &culprit) ? NACRE_OK : patch_refuse_dollar(ctx, &culprit);
}

nacre_status patch_check_object(struct ctx *ctx, struct slice bson, const struct patch_at *at) {
    TRY(patch_check_names(ctx, val_bytes(VAL_OBJECT, bson), at));
    struct bson_iter it = bson_iter_of(bson);
    struct slice name;
    struct val v;
    while (bson_next(&it, &name, &v)) {
        struct patch_at below = patch_at_name(at, name);
        if (patch_is_system(name)) return patch_refuse_system(ctx, &below, name);
    }
    return NACRE_OK;
}

nacre_status patch_check_path(struct ctx *ctx, const struct path *path, const struct patch_at *at) {
    for (uint32_t i = 0; i < path->count; i++) {
        struct slice name = path->parts[i].name;
        if (name.n && name.p[0] == '$') return patch_refuse_dollar(ctx, at);
    }
    if (path->count && patch_is_system(path->parts[0].name))
        return patch_refuse_system(ctx, at, path->parts[0].name);
    return NACRE_OK;
}

bool patch_path_is_id(const struct path *path) {
    return path->count && slice_eq_str(path->parts[0].name, "_id");
}

nacre_status patch_check_id(struct patch_job *job, struct val v, const struct patch_at *at) {
    if (job->id.type != VAL_MISSING && val_class(v.type) == val_class(job->id.type) &&
        val_eq(v, job->id))
        return NACRE_OK;
    char expected[ERR_TEXT_MAX], got[ERR_TEXT_MAX];
    return patch_refuse(job->ctx, at, patch_show(job->id, expected), patch_show(v, got),
                        "_id is what the document is found by: a patch cannot change it");
}

nacre_status patch_check_depth(struct patch_job *job, const struct tree *value, uint32_t levels,
                               const struct patch_at *at) {
    if (levels + tree_height(value) <= DOC_DEPTH_MAX) return NACRE_OK;
    return patch_refuse(job->ctx, at, "at most 100 levels, the document itself counted", "more",
                        "the document would be nested too deep");
}

nacre_status patch_of_merge(struct ctx *ctx, struct slice bson, struct patch *out) {
    TRY(patch_merge_check(ctx, bson));
    *out = (struct patch){.kind = PATCH_MERGE, .bson = bson};
    return NACRE_OK;
}

nacre_status patch_of_ops(struct ctx *ctx, struct slice bson, struct patch *out) {
    struct arena_mark mark = arena_mark(&ctx->arena);
    struct patch_step *steps;
    uint32_t count;
    nacre_status status = patch_json_parse(ctx, bson, &steps, &count);
    arena_rewind(&ctx->arena, mark);
    if (status == NACRE_OK) *out = (struct patch){.kind = PATCH_JSON, .bson = bson};
    return status;
}

static nacre_status patch_of_operators(struct ctx *ctx, struct slice bson, struct patch *out) {
    struct arena_mark mark = arena_mark(&ctx->arena);
    struct patch_action **actions;
    uint32_t count;
    nacre_status status = patch_ops_parse(ctx, bson, &actions, &count);
    arena_rewind(&ctx->arena, mark);
    if (status == NACRE_OK) *out = (struct patch){.kind = PATCH_OPERATORS, .bson = bson};
    return status;
}

nacre_status patch_of_object(struct ctx *ctx, struct slice bson, struct patch *out) {
    struct bson_iter it = bson_iter_of(bson);
    struct slice name, plain = {0};
    struct val v;
    uint32_t operators = 0, fields = 0;
    while (bson_next(&it, &name, &v)) {
        if (name.n && name.p[0] == '$')
            operators++;
        else if (fields++ == 0)
            plain = name;
    }
    if (operators == 0) return patch_of_merge(ctx, bson, out);
    if (fields == 0) return patch_of_operators(ctx, bson, out);
    struct patch_at at = patch_at_root();
    at = patch_at_name(&at, plain);
    return patch_refuse(
        ctx, &at, "an operator such as $set", "a field",
        "a patch is all operators (names with '$') or a merge patch (none), not both");
}

// _id stands first and is the stored one; a value put in the place of the whole document may leave
// it out.
static nacre_status patch_settle_id(struct patch_job *job) {
    struct patch_at at = patch_at_root();
    struct tree *id;
    at = patch_at_name(&at, SLICE_LIT("_id"));
    TRY(tree_lookup(job->ctx, job->root, SLICE_LIT("_id"), &id));
    if (!id && job->id.type == VAL_MISSING) return NACRE_OK;
    if (id) TRY(patch_check_id(job, id->val, &at));
    if (id && id == job->root->first) return NACRE_OK;
    if (id) tree_remove(id);
    TRY(tree_from_closed(job->ctx, job->id, &id));
    id->name = SLICE_LIT("_id");
    tree_insert_before(job->root, job->root->first, id);
    return NACRE_OK;
}

static nacre_status patch_run(struct patch_job *job, const struct patch *patch) {
    TRY(tree_from_closed(job->ctx, val_bytes(VAL_OBJECT, job->body), &job->root));
    TRY(tree_open(job->ctx, job->root));
    switch (patch->kind) {
    case PATCH_MERGE:
        TRY(patch_merge_apply(job, patch->bson));
        break;
    case PATCH_JSON:
        TRY(patch_json_apply(job, patch->bson));
        break;
    case PATCH_OPERATORS:
        TRY(patch_ops_apply(job, patch->bson));
        break;
    default:
        return err_set(job->ctx, NACRE_INVALID_ARGUMENT, "unknown kind of patch");
    }
    return patch_settle_id(job);
}

static nacre_status patch_write(struct patch_job *job, struct buf *out, size_t start) {
    tree_write(job->root, out);
    nacre_status status = buf_status(out);
    if (status == NACRE_OK && out->n - start <= DOC_BYTES_MAX) return NACRE_OK;
    if (status == NACRE_MEMORY_LIMIT) return err_nomem(job->ctx);
    return err_set(job->ctx, NACRE_DOCUMENT_TOO_LARGE,
                   "the patched document would be larger than 16 MiB");
}

nacre_status patch_apply(struct ctx *ctx, const struct patch *patch, struct slice body,
                         int64_t now_ms, struct buf *out) {
    struct patch_job job = {
        .ctx = ctx, .body = body, .id = bson_find(body, SLICE_LIT("_id")), .now_ms = now_ms};
    struct arena_mark mark = arena_mark(&ctx->arena);
    size_t start = out->n;
    nacre_status status = patch_run(&job, patch);
    if (status == NACRE_OK) status = patch_write(&job, out, start);
    if (status != NACRE_OK) out->n = start;
    arena_rewind(&ctx->arena, mark);
    return status;
}
