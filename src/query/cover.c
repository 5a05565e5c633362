#include "query/cover.h"

#include "doc/key.h"
#include "index/entry.h"
#include "query/bounds.h"

static bool is_id(const struct path *path) {
    return path->count == 1 && slice_eq_str(path->parts[0].name, "_id");
}

static bool has_path(const struct index_def *index, const struct path *path) {
    if (is_id(path)) return true;
    for (uint32_t i = 0; i < index->field_count; i++)
        if (bounds_path_equal(&index->fields[i].path, path)) return true;
    return false;
}

static bool has_all(const struct index_def *index, const struct filter_node *node) {
    if (node->op == FILTER_TRUE) return true;
    if (node->op != FILTER_AND && node->op != FILTER_OR && node->op != FILTER_NOT)
        return has_path(index, &node->path);
    uint32_t children = node->op == FILTER_NOT ? 1 : node->count;
    for (uint32_t i = 0; i < children; i++)
        if (!has_all(index, node->children[i])) return false;
    return true;
}

// Paths whose documents can be put together one after the other: by names, no object in two.
static bool is_plain(const struct index_def *index) {
    for (uint32_t i = 0; i < index->field_count; i++) {
        const struct path *path = &index->fields[i].path;
        for (uint32_t k = 0; k < path->count; k++)
            if (path->parts[k].index != PATH_NO_INDEX) return false;
        for (uint32_t k = 0; k < i; k++)
            if (slice_eq(index->fields[k].path.parts[0].name, path->parts[0].name)) return false;
        if (slice_eq_str(path->parts[0].name, "_id")) return false;
    }
    return true;
}

bool cover_has(const struct index_def *index, const struct filter_node *root) {
    return is_plain(index) && has_all(index, root);
}

static bool field_of(const struct index_def *index, const struct path *path, uint32_t *fields) {
    if (is_id(path)) return true;
    // System fields stand in no body.
    if (path->parts[0].name.n && path->parts[0].name.p[0] == '_') return false;
    for (uint32_t i = 0; i < index->field_count; i++)
        if (bounds_path_equal(&index->fields[i].path, path)) {
            *fields |= 1u << i;
            return true;
        }
    return false;
}

bool cover_tells(const struct index_def *index, const struct cover_needs *needs, uint32_t *fields) {
    *fields = 0;
    for (uint32_t i = 0; i < needs->count; i++)
        if (!field_of(index, needs->paths[i], fields)) return false;
    return is_plain(index);
}

void cover_init(struct cover *cover, const struct filter *filter, struct budget *budget) {
    *cover = (struct cover){.filter = filter};
    buf_init(&cover->bson, budget, DOC_BYTES_MAX);
}

void cover_free(struct cover *cover) { buf_free(&cover->bson); }

// Null stands for missing, too; arrays, objects and what was cut are in the document only.
static bool is_told(struct val v) {
    return v.type == VAL_BOOL || v.type == VAL_INT || v.type == VAL_DOUBLE ||
           v.type == VAL_STRING || v.type == VAL_DATE;
}

static void put_at(struct bson_writer *w, const struct path *path, struct val v) {
    for (uint32_t i = 0; i + 1 < path->count; i++)
        bson_open_object(w, path->parts[i].name);
    bson_put(w, path->parts[path->count - 1].name, v);
    for (uint32_t i = 0; i + 1 < path->count; i++)
        bson_close(w);
}

struct put {
    uint32_t fields; // bit i: field i
    bool nulls;      // null will do for missing
    bool told;       // out; false: the entry does not have it all
};

static nacre_status put_document(struct ctx *ctx, struct cover *cover, struct put *put,
                                 struct slice components, struct slice id_key,
                                 const uint8_t *type_bits) {
    struct bson_writer w;
    struct val v;
    buf_reset(&cover->bson);
    bson_begin(&w, &cover->bson);
    TRY(key_decode(ctx, &id_key, false, KEY_TB_PLAIN, &v));
    bson_put(&w, SLICE_LIT("_id"), v);
    put->told = true;
    for (uint32_t i = 0; put->fields >> i && put->told; i++) {
        const struct index_field *field = &cover->index->fields[i];
        enum key_type_bits bits = (enum key_type_bits)index_type_bits(type_bits, i);
        if (!(put->fields >> i & 1)) {
            size_t size = key_component_size(components, field->descending);
            components = slice_skip(components, size);
            continue;
        }
        TRY(key_decode(ctx, &components, field->descending, bits, &v));
        put->told = is_told(v) || (put->nulls && v.type == VAL_NULL);
        if (put->told) put_at(&w, &field->path, v);
    }
    bson_end(&w);
    return buf_status(&cover->bson) == NACRE_OK ? NACRE_OK : err_buf(ctx, &cover->bson);
}

nacre_status cover_tell(struct ctx *ctx, struct cover *cover, struct slice components,
                        struct slice id_key, struct slice value, bool *told) {
    struct arena_mark mark = arena_mark(&ctx->arena);
    struct put put = {.fields = cover->fields, .nulls = cover->nulls};
    struct index_entry entry;
    TRY(index_entry_decode(ctx, value, &entry));
    TRY(put_document(ctx, cover, &put, components, id_key, entry.type_bits));
    *told = put.told;
    arena_rewind(&ctx->arena, mark);
    return NACRE_OK;
}

nacre_status cover_ask(struct ctx *ctx, struct cover *cover, struct slice components,
                       struct slice id_key, struct slice value, enum cover_says *out) {
    struct arena_mark mark = arena_mark(&ctx->arena);
    struct put all = {.fields = (1u << cover->index->field_count) - 1};
    struct index_entry entry;
    bool match = false;
    *out = COVER_ASKS;
    TRY(index_entry_decode(ctx, value, &entry));
    TRY(put_document(ctx, cover, &all, components, id_key, entry.type_bits));
    struct doc doc = {.body = buf_slice(&cover->bson)};
    if (all.told) TRY(filter_eval(ctx, cover->filter, &doc, &match));
    arena_rewind(&ctx->arena, mark);
    if (all.told) *out = match ? COVER_YES : COVER_NO;
    return NACRE_OK;
}
