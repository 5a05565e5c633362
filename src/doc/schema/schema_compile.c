// From a schema to its program.
//
// Invariants:
//  S1  Every node, place and resource lives in the schema's arena; nothing of the input is kept.
//  S2  Each object that stands for a schema has one node, found by its address; so references, also
//      circular ones, are pointers.
//  S3  No node leads to itself over keywords that apply to the same value, and a chain of such is
//  at
//      most SCHEMA_IN_PLACE_MAX long. Only $dynamicRef can make a longer one while checking; then
//      SCHEMA_DEPTH_MAX ends it.
#include "base/err/check.h"
#include "doc/json.h"
#include "doc/schema/schema_impl.h"

enum { ARENA_MAX = 256 * 1024 * 1024, SHOWN_MAX = 80 };

void schema_show(struct val v, char *out, size_t cap) {
    BUF_CLEANUP struct buf json;
    buf_init(&json, NULL, 1024);
    bool scalar = v.type != VAL_OBJECT && v.type != VAL_ARRAY && v.type != VAL_MISSING;
    if (scalar && (v.n <= SHOWN_MAX || v.type < VAL_STRING))
        json_write_val(&json, v, JSON_INT64_NUMBER);
    bool written = json.n && buf_status(&json) == NACRE_OK;
    struct slice text = written ? buf_slice(&json) : slice_str(schema_value_phrase(v));
    size_t n = text.n < cap ? text.n : cap - 1;
    memcpy(out, text.p, n);
    out[n] = '\0';
}

nacre_status schema_node_of(struct schema_compiler *c, struct val v,
                            const struct schema_node **out) {
    if (v.type == VAL_BOOL) {
        *out = v.b ? &schema_node_true : &schema_node_false;
        return NACRE_OK;
    }
    struct schema_place *p = schema_place_at(c, v);
    CHECK(p); // walked before, with the document or by the reference
    if (!p->node) {
        p->node = ARENA_NEW(&c->ctx->arena, struct schema_node);
        if (!p->node) return err_nomem(c->ctx);
        *p->node = (struct schema_node){.resource = p->resource, .place = p, .next = c->all};
        p->next = c->todo;
        c->todo = p;
        c->all = p->node;
    }
    *out = p->node;
    return NACRE_OK;
}

static nacre_status compile_node(struct schema_compiler *c, struct schema_place *p) {
    struct bson_iter it = bson_iter_of_val(p->schema);
    struct slice keyword;
    struct val v;
    while (bson_next(&it, &keyword, &v)) {
        const struct schema_keyword *known = schema_keyword_find(keyword);
        bool active = known && known->take &&
                      (p->resource->vocabularies | SCHEMA_VOCABULARY_CORE) & known->vocabulary;
        if (active) TRY(known->take(c, p, keyword, v));
    }
    return NACRE_OK;
}

static nacre_status compile_all(struct schema_compiler *c, struct val v,
                                const struct schema_node **out) {
    struct schema_resource *resource;
    struct slice none = {0};
    struct schema_place top = {.schema = v};
    if (c->options->collection && v.type != VAL_OBJECT)
        return schema_refuse(c, &top, none, "an object", v);
    TRY(schema_load(c, none, v, &resource));
    TRY(schema_node_of(c, v, out));
    while (c->todo) {
        struct schema_place *p = c->todo;
        c->todo = p->next;
        TRY(compile_node(c, p));
    }
    return schema_order(c, *out);
}

// The schema's bytes in its own arena.
static nacre_status schema_copy(struct ctx *ctx, struct val *v) {
    if (v->type == VAL_BOOL) return NACRE_OK;
    if (v->type != VAL_OBJECT)
        return err_set(ctx, NACRE_INVALID_ARGUMENT, "a schema is an object, true or false, not %s",
                       schema_value_phrase(*v));
    if (v->n > SCHEMA_BYTES_MAX)
        return err_set(ctx, NACRE_INVALID_ARGUMENT,
                       "the schema takes %u bytes; a schema may take %d", v->n, SCHEMA_BYTES_MAX);
    const uint8_t *bytes = arena_copy(&ctx->arena, v->p, v->n);
    if (!bytes) return err_nomem(ctx);
    v->p = bytes;
    return NACRE_OK;
}

static nacre_status schema_build(struct schema *schema, struct val v,
                                 const struct schema_options *options) {
    struct schema_compiler c = {.ctx = &schema->ctx, .options = options};
    map_init(&c.places);
    map_init(&c.resources);
    nacre_status status = schema_copy(&schema->ctx, &v);
    if (status == NACRE_OK) status = compile_all(&c, v, &schema->root);
    map_free(&c.places);
    map_free(&c.resources);
    schema->pure = c.patterns == 0;
    return status;
}

nacre_status schema_compile(struct ctx *ctx, struct val v, const struct schema_options *options,
                            struct schema **out) {
    struct schema *schema = mem_alloc(sizeof *schema);
    if (!schema) return err_nomem(ctx);
    ctx_init(&schema->ctx, ctx->world, NULL, ARENA_MAX);
    schema->regex = options->regex;
    schema->collection = options->collection;
    schema->root = NULL;
    nacre_status status = schema_build(schema, v, options);
    if (status != NACRE_OK) {
        ctx->err = schema->ctx.err;
        schema_free(schema);
        return status;
    }
    *out = schema;
    return NACRE_OK;
}

bool schema_is_pure(const struct schema *schema) { return schema->pure; }

void schema_free(struct schema *schema) {
    if (!schema) return;
    ctx_free(&schema->ctx);
    mem_free(schema);
}
