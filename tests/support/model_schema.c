#include "support/model_schema.h"

#include <stdlib.h>

#include "base/err/check.h"
#include "support/naive_schema.h"

struct model_schema *model_schema_new(struct rng *rng) {
    struct model_schema *schema = calloc(1, sizeof *schema);
    struct buf json BUF_CLEANUP = {0};
    CHECK(schema != NULL);
    arena_init(&schema->arena, NULL, SIZE_MAX);
    struct naive_source source = {.arena = &schema->arena, .rng = rng};
    schema->rules = naive_random_schema(&source);
    buf_init(&json, NULL, SIZE_MAX);
    naive_schema_print(&json, schema->rules);
    schema->json = arena_str(&schema->arena, buf_slice(&json));
    CHECK(schema->json != NULL);
    return schema;
}

void model_schema_free(struct model_schema *schema) {
    if (!schema) return;
    arena_free(&schema->arena);
    free(schema);
}

static nacre_status put_default(struct model *m, const struct naive_default *d, struct buf *body) {
    struct buf json BUF_CLEANUP = {0}, filled BUF_CLEANUP = {0};
    struct patch patch;
    buf_init(&json, NULL, SIZE_MAX);
    buf_init(&filled, NULL, SIZE_MAX);
    buf_printf(&json, "{\"$set\":{\"%s\":", d->path);
    naive_print(&json, d->value);
    buf_put_str(&json, "}}");
    buf_put_u8(&json, 0);
    nacre_status status = patch_of_object(&m->ctx, model_json(m, (const char *)json.p), &patch);
    if (status == NACRE_OK)
        status = patch_apply(&m->ctx, &patch, buf_slice(body), (int64_t)m->now_ms, &filled);
    buf_reset(body);
    buf_put_slice(body, buf_slice(&filled));
    return status;
}

static nacre_status fill(struct model *m, const struct model_schema *schema, struct buf *body) {
    struct naive_default defaults[NAIVE_DEFAULTS_MAX];
    nacre_status status = NACRE_OK;
    if (!schema) return NACRE_OK;
    const struct naive *tree = naive_of_bson(&m->scratch, buf_slice(body));
    uint32_t count = naive_schema_defaults(schema->rules, tree, defaults);
    for (uint32_t i = 0; i < count && status == NACRE_OK; i++)
        status = put_default(m, &defaults[i], body);
    return status;
}

nacre_status model_schema_fit(struct model *m, const struct model_collection *c,
                              struct slice before, struct buf *body) {
    if (slice_eq(before, buf_slice(body))) return NACRE_OK;
    nacre_status status = fill(m, c->schema, body);
    if (status == NACRE_OK) status = fill(m, c->next_schema, body);
    if (status != NACRE_OK) return status;
    const struct naive *tree = naive_of_bson(&m->scratch, buf_slice(body));
    bool fits = (!c->schema || naive_schema_holds(c->schema->rules, tree)) &&
                (!c->next_schema || naive_schema_holds(c->next_schema->rules, tree));
    return fits ? NACRE_OK : NACRE_SCHEMA_VIOLATION;
}

bool model_schema_fits(const struct model_collection *c, const struct model_schema *schema) {
    bool all = true;
    for (uint32_t i = 0; i < c->count; i++)
        all &= !c->docs[i]->live || naive_schema_holds(schema->rules, c->docs[i]->tree);
    return all;
}

void model_schema_decide(struct model_collection *c) {
    struct model_schema *next = c->next_schema;
    if (!next) return;
    c->next_schema = NULL;
    bool taken = model_schema_fits(c, next);
    model_schema_free(taken ? c->schema : next);
    if (taken) c->schema = next;
}
