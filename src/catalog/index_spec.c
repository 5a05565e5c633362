// What a user asks an index to be:
// {"type":"btree","fields":["a",{"path":"b.c","order":"desc"}],"unique":…,"where":…}.
#include <stdio.h>
#include <string.h>

#include "catalog/spec.h"
#include "doc/bson.h"

enum { INDEX_POINTER_MAX = 48 };

struct index_wish {
    struct index_spec spec;
    struct path paths[INDEX_FIELDS_MAX];
    struct val type, fields, unique, where; // as given, for options
};

static nacre_status index_take_name(struct ctx *ctx, struct val v, void *arg) {
    struct index_wish *wish = arg;
    if (v.type == VAL_STRING && slice_eq(val_slice(v), wish->spec.name)) return NACRE_OK;
    return catalog_member_bad(ctx, "/name", "the name under which the index is created", v);
}

static nacre_status index_take_type(struct ctx *ctx, struct val v, void *arg) {
    static const char *const types[] = {"btree", "text", "vector"};
    struct index_wish *wish = arg;
    wish->type = v;
    if (v.type == VAL_STRING && slice_eq_str(val_slice(v), "btree")) return NACRE_OK;
    nacre_status status =
        catalog_member_bad(ctx, "/type", "one of \"btree\", \"text\", \"vector\"", v);
    if (v.type != VAL_STRING || v.n > 16) return status;
    char word[17];
    snprintf(word, sizeof word, "%.*s", (int)v.n, (const char *)v.p);
    const char *nearest = err_nearest(word, types, sizeof types / sizeof *types);
    if (nearest) err_suggest(ctx, nearest);
    return status;
}

static bool index_field_is_double(const struct index_wish *wish, const struct path *path) {
    for (uint32_t i = 0; i < wish->spec.field_count; i++) {
        const struct path *other = &wish->paths[i];
        uint32_t same = 0;
        if (other->count != path->count) continue;
        while (same < path->count && slice_eq(other->parts[same].name, path->parts[same].name))
            same++;
        if (same == path->count) return true;
    }
    return false;
}

struct index_field_wish {
    struct val path, order;
};

static nacre_status index_field_path(struct ctx *ctx, struct val v, void *arg) {
    (void)ctx;
    ((struct index_field_wish *)arg)->path = v;
    return NACRE_OK;
}

static nacre_status index_field_order(struct ctx *ctx, struct val v, void *arg) {
    bool good = v.type == VAL_STRING &&
                (slice_eq_str(val_slice(v), "asc") || slice_eq_str(val_slice(v), "desc"));
    ((struct index_field_wish *)arg)->order = v;
    return good ? NACRE_OK : catalog_member_bad(ctx, "/order", "\"asc\" or \"desc\"", v);
}

static const struct catalog_member index_field_members[] = {
    {"path", index_field_path}, {"order", index_field_order}, {NULL, NULL}};

// v: a path, or {"path", "order"?}. pointer: of v.
static nacre_status index_take_field(struct ctx *ctx, const char *pointer, struct val v,
                                     struct index_wish *wish) {
    struct index_field_wish field = {.path = v, .order = val_missing()};
    char path_pointer[INDEX_POINTER_MAX + 8];
    snprintf(path_pointer, sizeof path_pointer, v.type == VAL_OBJECT ? "%s/path" : "%s", pointer);
    if (v.type == VAL_OBJECT) {
        field.path = val_missing();
        nacre_status status =
            catalog_members(ctx, val_slice(v), "an index field", index_field_members, &field);
        if (status != NACRE_OK) {
            err_prefix_pointers(ctx, pointer);
            return status;
        }
    } else if (v.type != VAL_STRING) {
        return catalog_member_bad(ctx, pointer, "a path, or {\"path\", \"order\"}", v);
    }
    struct path path;
    TRY(catalog_member_path(ctx, path_pointer, field.path, &path));
    if (index_field_is_double(wish, &path))
        return catalog_member_bad(ctx, path_pointer, "a path that is not in the index already",
                                  field.path);
    uint32_t at = wish->spec.field_count++;
    wish->paths[at] = path;
    wish->spec.fields[at].path = path.text;
    wish->spec.fields[at].descending =
        field.order.type == VAL_STRING && field.order.n == 4; // "desc"
    return NACRE_OK;
}

static nacre_status index_take_fields(struct ctx *ctx, struct val v, void *arg) {
    struct index_wish *wish = arg;
    char pointer[INDEX_POINTER_MAX];
    struct slice name;
    struct val item;
    wish->fields = v;
    if (v.type != VAL_ARRAY)
        return catalog_member_bad(ctx, "/fields", "an array of 1 to 16 fields", v);
    struct bson_iter it = bson_iter_of_val(v);
    while (bson_next(&it, &name, &item)) {
        if (wish->spec.field_count == INDEX_FIELDS_MAX)
            return catalog_member_bad(ctx, "/fields", "an array of 1 to 16 fields",
                                      val_int(bson_count(val_slice(v))));
        snprintf(pointer, sizeof pointer, "/fields/%u", wish->spec.field_count);
        TRY(index_take_field(ctx, pointer, item, wish));
    }
    return NACRE_OK;
}

static nacre_status index_take_unique(struct ctx *ctx, struct val v, void *arg) {
    struct index_wish *wish = arg;
    wish->unique = v;
    if (v.type != VAL_BOOL) return catalog_member_bad(ctx, "/unique", "true or false", v);
    wish->spec.unique = v.b;
    return NACRE_OK;
}

static nacre_status index_take_where(struct ctx *ctx, struct val v, void *arg) {
    struct index_wish *wish = arg;
    wish->where = v;
    if (v.type == VAL_OBJECT) {
        // {} holds for every document: no partial index.
        if (bson_count(val_slice(v)) > 0) wish->spec.where = val_slice(v);
        return NACRE_OK;
    }
    if (v.type != VAL_STRING)
        return catalog_member_bad(ctx, "/where", "a filter as an object or a string", v);
    struct buf bson BUF_CLEANUP;
    struct bson_writer w;
    buf_init(&bson, ctx->arena.budget, DOC_BYTES_MAX + 64);
    bson_begin(&w, &bson);
    bson_put(&w, (struct slice){0}, v);
    bson_end(&w);
    return catalog_member_keep(ctx, &bson, &wish->spec.where);
}

static const struct catalog_member index_members[] = {
    {"type", index_take_type},   {"fields", index_take_fields}, {"unique", index_take_unique},
    {"where", index_take_where}, {"name", index_take_name},     {NULL, NULL}};

// As given, in one order; what was left out stays out, but for the type.
static nacre_status index_keep_options(struct ctx *ctx, struct index_wish *wish) {
    struct buf bson BUF_CLEANUP;
    struct bson_writer w;
    buf_init(&bson, ctx->arena.budget, DOC_BYTES_MAX + 64);
    bson_begin(&w, &bson);
    bson_put(&w, SLICE_LIT("type"), val_str(SLICE_LIT("btree")));
    bson_put(&w, SLICE_LIT("fields"), wish->fields);
    bson_put(&w, SLICE_LIT("unique"), wish->unique);
    bson_put(&w, SLICE_LIT("where"), wish->where);
    bson_end(&w);
    return catalog_member_keep(ctx, &bson, &wish->spec.options);
}

// Text and vector indexes have other members, so the type is looked at before them.
static nacre_status index_check_built(struct ctx *ctx, struct slice bson) {
    struct val type = bson.n ? bson_find(bson, SLICE_LIT("type")) : val_missing();
    if (type.type != VAL_STRING) return NACRE_OK;
    bool known = slice_eq_str(val_slice(type), "text") || slice_eq_str(val_slice(type), "vector");
    if (!known) return NACRE_OK;
    nacre_status status = err_set(ctx, NACRE_UNIMPLEMENTED, "%.*s indexes are not implemented yet",
                                  (int)type.n, (const char *)type.p);
    err_expected(ctx, "/type", "\"btree\"", type.n == 4 ? "\"text\"" : "\"vector\"");
    return status;
}

nacre_status index_spec_parse(struct ctx *ctx, struct slice name, struct slice bson,
                              struct index_spec *out) {
    struct index_wish wish = {.spec = {.name = name, .type = INDEX_BTREE}};
    TRY(name_check(ctx, "index", name));
    TRY(index_check_built(ctx, bson));
    TRY(catalog_members(ctx, bson, "an index", index_members, &wish));
    if (wish.spec.field_count == 0)
        return catalog_member_bad(ctx, "/fields", "an array of 1 to 16 fields",
                                  wish.fields.type == VAL_ARRAY ? val_int(0) : val_missing());
    TRY(index_keep_options(ctx, &wish));
    *out = wish.spec;
    return NACRE_OK;
}
