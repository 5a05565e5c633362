// Schema documents: the resources in them, what can be referred to, where each subschema stands.
#include "doc/json.h"
#include "doc/schema/schema_impl.h"

const struct schema_node schema_node_true = {.types = 0, .height = 1};
const struct schema_node schema_node_false = {.never = true, .height = 1};

enum { POINTER_PARTS = 2 * DOC_DEPTH_MAX + 8 };

static struct slice place_key(const struct val *v) { return slice_of(&v->p, sizeof v->p); }

struct schema_place *schema_place_at(const struct schema_compiler *c, struct val v) {
    return map_get(&c->places, place_key(&v));
}

static void pointer_put(char *out, size_t cap, size_t *n, struct slice part, bool raw) {
    if (!raw && *n + 1 < cap) out[(*n)++] = '/';
    for (size_t i = 0; i < part.n && *n + 2 < cap; i++) {
        bool escape = !raw && (part.p[i] == '~' || part.p[i] == '/');
        if (escape) out[(*n)++] = '~';
        out[(*n)++] = (char)(!escape ? part.p[i] : part.p[i] == '~' ? '0' : '1');
    }
    out[*n] = '\0';
}

static void place_pointer(const struct schema_place *p, struct slice keyword, char *out,
                          size_t cap) {
    const struct schema_place *chain[POINTER_PARTS];
    size_t depth = 0, n = 0;
    out[0] = '\0';
    for (; p->parent && depth < POINTER_PARTS; p = p->parent)
        chain[depth++] = p;
    while (depth--) {
        pointer_put(out, cap, &n, chain[depth]->keyword, chain[depth]->raw);
        if (chain[depth]->name.p) pointer_put(out, cap, &n, chain[depth]->name, false);
    }
    if (keyword.p) pointer_put(out, cap, &n, keyword, false);
}

nacre_status schema_refuse(struct schema_compiler *c, const struct schema_place *p,
                           struct slice keyword, const char *expected, struct val got) {
    char pointer[ERR_TEXT_MAX], shown[ERR_TEXT_MAX];
    place_pointer(p, keyword, pointer, sizeof pointer);
    schema_show(got, shown, sizeof shown);
    nacre_status status = err_set(c->ctx, NACRE_INVALID_ARGUMENT,
                                  "the schema is not valid at %s: expected %s, got %s",
                                  pointer[0] ? pointer : "its top", expected, shown);
    err_expected(c->ctx, pointer, expected, shown);
    return status;
}

// Vocabularies.

static nacre_status vocabulary_bits(struct schema_compiler *c, const struct schema_place *p,
                                    struct val list, uint32_t *out) {
    static const struct {
        const char *uri;
        uint32_t bit;
    } known[] = {
        {"https://json-schema.org/draft/2020-12/vocab/core", SCHEMA_VOCABULARY_CORE},
        {"https://json-schema.org/draft/2020-12/vocab/applicator", SCHEMA_VOCABULARY_APPLICATOR},
        {"https://json-schema.org/draft/2020-12/vocab/unevaluated", SCHEMA_VOCABULARY_UNEVALUATED},
        {"https://json-schema.org/draft/2020-12/vocab/validation", SCHEMA_VOCABULARY_VALIDATION},
        {"https://json-schema.org/draft/2020-12/vocab/meta-data", SCHEMA_VOCABULARY_OTHER},
        {"https://json-schema.org/draft/2020-12/vocab/format-annotation", SCHEMA_VOCABULARY_OTHER},
        {"https://json-schema.org/draft/2020-12/vocab/content", SCHEMA_VOCABULARY_OTHER},
    };
    struct bson_iter it = bson_iter_of_val(list);
    struct slice uri;
    struct val required;
    *out = SCHEMA_VOCABULARY_CORE;
    while (bson_next(&it, &uri, &required)) {
        uint32_t bit = 0;
        for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
            if (slice_eq_str(uri, known[i].uri)) bit = known[i].bit;
        if (bit == 0 && required.type == VAL_BOOL && required.b)
            return schema_refuse(c, p, SLICE_LIT("$schema"),
                                 "a metaschema that requires known vocabularies only",
                                 val_str(uri));
        *out |= bit;
    }
    return NACRE_OK;
}

static nacre_status resource_dialect(struct schema_compiler *c, const struct schema_place *p,
                                     struct schema_resource *resource) {
    struct slice keyword = SLICE_LIT("$schema");
    struct val dialect = bson_find(val_slice(p->schema), keyword);
    if (dialect.type == VAL_MISSING) return NACRE_OK;
    struct slice uri = {0}, fragment = {0};
    if (dialect.type == VAL_STRING &&
        !schema_uri_resolve(&c->ctx->arena, (struct slice){0}, val_slice(dialect), &uri, &fragment))
        return err_nomem(c->ctx);
    if (slice_eq_str(uri, SCHEMA_META_URI)) {
        resource->vocabularies = SCHEMA_VOCABULARY_ALL;
        return NACRE_OK;
    }
    struct schema_resource *meta = NULL;
    if (uri.n) TRY(schema_load_uri(c, uri, &meta));
    if (!meta || meta->root.type != VAL_OBJECT)
        return schema_refuse(c, p, keyword, "\"" SCHEMA_META_URI "\"", dialect);
    struct val list = bson_find(val_slice(meta->root), SLICE_LIT("$vocabulary"));
    if (list.type != VAL_OBJECT) return NACRE_OK;
    return vocabulary_bits(c, p, list, &resource->vocabularies);
}

// Resources and anchors.

static nacre_status resource_name(struct schema_compiler *c, struct slice uri,
                                  struct schema_resource *resource, bool *out_taken) {
    const struct schema_resource *old = map_get(&c->resources, uri);
    *out_taken = old && old != resource;
    if (old) return NACRE_OK;
    return map_put(&c->resources, uri, resource) ? NACRE_OK : err_nomem(c->ctx);
}

static nacre_status resource_new(struct schema_compiler *c, struct schema_place *p,
                                 struct schema_resource *outer) {
    struct slice keyword = SLICE_LIT("$id"), uri, fragment;
    struct val id = bson_find(val_slice(p->schema), keyword);
    if (id.type == VAL_MISSING) return NACRE_OK;
    if (id.type != VAL_STRING) return schema_refuse(c, p, keyword, "a URI", id);
    if (!schema_uri_resolve(&c->ctx->arena, outer->uri, val_slice(id), &uri, &fragment))
        return err_nomem(c->ctx);
    if (fragment.n) return schema_refuse(c, p, keyword, "a URI without fragment", id);
    struct schema_resource *resource = outer;
    if (outer->root.p != p->schema.p) {
        resource = ARENA_NEW(&c->ctx->arena, struct schema_resource);
        if (!resource) return err_nomem(c->ctx);
        *resource =
            (struct schema_resource){.root = p->schema, .vocabularies = outer->vocabularies};
    }
    resource->uri = uri;
    p->resource = resource;
    bool taken;
    TRY(resource_name(c, uri, resource, &taken));
    return taken ? schema_refuse(c, p, keyword, "a URI that no other schema has", id) : NACRE_OK;
}

static bool anchor_is_name(struct slice s) {
    for (size_t i = 0; i < s.n; i++) {
        uint8_t c = s.p[i], lower = c | 0x20;
        bool start = (lower >= 'a' && lower <= 'z') || c == '_';
        if (!start && (i == 0 || !((c >= '0' && c <= '9') || c == '-' || c == '.'))) return false;
    }
    return s.n > 0;
}

static nacre_status anchor_add(struct schema_compiler *c, const struct schema_place *p,
                               struct slice keyword, struct schema_anchor **list) {
    struct val name = bson_find(val_slice(p->schema), keyword);
    if (name.type == VAL_MISSING) return NACRE_OK;
    if (name.type != VAL_STRING || !anchor_is_name(val_slice(name)))
        return schema_refuse(c, p, keyword, "a name: a letter or _, then letters, digits, - _ .",
                             name);
    for (const struct schema_anchor *a = *list; a; a = a->next)
        if (slice_eq(a->name, val_slice(name)))
            return schema_refuse(c, p, keyword, "a name that no other schema has", name);
    struct schema_anchor *a = ARENA_NEW(&c->ctx->arena, struct schema_anchor);
    if (!a) return err_nomem(c->ctx);
    *a = (struct schema_anchor){.name = val_slice(name), .schema = p->schema, .next = *list};
    *list = a;
    return NACRE_OK;
}

static nacre_status place_anchors(struct schema_compiler *c, struct schema_place *p) {
    struct schema_anchor *before = p->resource->dynamic;
    TRY(anchor_add(c, p, SLICE_LIT("$anchor"), &p->resource->anchors));
    TRY(anchor_add(c, p, SLICE_LIT("$dynamicAnchor"), &p->resource->dynamic));
    struct schema_anchor *dynamic = p->resource->dynamic;
    // A $dynamicRef may find it without anybody else naming it.
    return dynamic == before ? NACRE_OK : schema_node_of(c, p->schema, &dynamic->node);
}

// Walking.

static nacre_status walk_members(struct schema_compiler *c, const struct schema_place *p,
                                 struct slice keyword, struct val v) {
    struct bson_iter it = bson_iter_of_val(v);
    struct schema_place child = {.parent = p, .keyword = keyword};
    while (bson_next(&it, &child.name, &child.schema))
        TRY(schema_walk(c, &child, p->resource));
    return NACRE_OK;
}

static nacre_status walk_keyword(struct schema_compiler *c, const struct schema_place *p,
                                 struct slice keyword, struct val v) {
    const struct schema_keyword *known = schema_keyword_find(keyword);
    struct schema_place child = {.parent = p, .keyword = keyword, .schema = v};
    switch (known ? known->holds : SCHEMA_HOLDS_NOTHING) {
    case SCHEMA_HOLDS_ONE:
        return schema_walk(c, &child, p->resource);
    case SCHEMA_HOLDS_LIST:
        if (v.type != VAL_ARRAY || bson_count(val_slice(v)) == 0)
            return schema_refuse(c, p, keyword, "an array of at least one schema", v);
        return walk_members(c, p, keyword, v);
    case SCHEMA_HOLDS_MAP:
        if (v.type != VAL_OBJECT) return schema_refuse(c, p, keyword, "an object of schemas", v);
        return walk_members(c, p, keyword, v);
    default:
        return NACRE_OK;
    }
}

static nacre_status place_new(struct schema_compiler *c, const struct schema_place *at,
                              struct schema_resource *resource, struct schema_place **out) {
    if (c->places_count++ == SCHEMA_NODES_MAX)
        return err_set(c->ctx, NACRE_INVALID_ARGUMENT, "the schema has more than %d subschemas",
                       SCHEMA_NODES_MAX);
    struct schema_place *p = ARENA_NEW(&c->ctx->arena, struct schema_place);
    if (!p) return err_nomem(c->ctx);
    *p = *at;
    p->resource = resource;
    *out = p;
    return map_put(&c->places, place_key(&p->schema), p) ? NACRE_OK : err_nomem(c->ctx);
}

nacre_status schema_walk(struct schema_compiler *c, const struct schema_place *at,
                         struct schema_resource *resource) {
    struct slice none = {0};
    if (at->schema.type == VAL_BOOL) return NACRE_OK;
    if (at->schema.type != VAL_OBJECT)
        return schema_refuse(c, at, none, "a schema: an object, true or false", at->schema);
    if (schema_place_at(c, at->schema)) return NACRE_OK;
    struct schema_place *p = NULL;
    TRY(place_new(c, at, resource, &p));
    TRY(resource_new(c, p, resource));
    if (p->resource->root.p == p->schema.p) TRY(resource_dialect(c, p, p->resource));
    TRY(place_anchors(c, p));
    struct bson_iter it = bson_iter_of_val(p->schema);
    struct slice keyword;
    struct val v;
    while (bson_next(&it, &keyword, &v))
        TRY(walk_keyword(c, p, keyword, v));
    return NACRE_OK;
}

nacre_status schema_load(struct schema_compiler *c, struct slice uri, struct val v,
                         struct schema_resource **out) {
    struct schema_resource *resource = ARENA_NEW(&c->ctx->arena, struct schema_resource);
    struct schema_place top = {.schema = v};
    bool taken;
    if (!resource) return err_nomem(c->ctx);
    *resource =
        (struct schema_resource){.uri = uri, .root = v, .vocabularies = SCHEMA_VOCABULARY_ALL};
    TRY(resource_name(c, uri, resource, &taken));
    *out = resource;
    return schema_walk(c, &top, resource);
}

// The value parsed, as bytes in the arena.
static nacre_status load_json(struct schema_compiler *c, struct slice json, struct val *out) {
    BUF_CLEANUP struct buf bson;
    buf_init(&bson, NULL, SCHEMA_BYTES_MAX);
    struct json_options options = {.allow_dollar_names = true};
    TRY(json_parse(c->ctx, json, &options, &bson));
    const uint8_t *bytes = arena_copy(&c->ctx->arena, bson.p, bson.n);
    if (!bytes) return err_nomem(c->ctx);
    *out = val_bytes(VAL_OBJECT, slice_of(bytes, bson.n));
    return NACRE_OK;
}

nacre_status schema_load_uri(struct schema_compiler *c, struct slice uri,
                             struct schema_resource **out) {
    const struct schema_registry *registry = c->options->registry;
    struct slice json;
    struct val v;
    *out = map_get(&c->resources, uri);
    if (*out) return NACRE_OK;
    if (schema_meta_find(uri, &json))
        TRY(load_json(c, json, &v));
    else if (!registry || !registry->find(registry->arg, uri, &v))
        return NACRE_OK;
    return schema_load(c, uri, v, out);
}
