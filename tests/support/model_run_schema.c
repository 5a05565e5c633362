#include "support/model_run_schema.h"

#include <string.h>

#include "base/err/check.h"
#include "support/model_run_leases.h"
#include "support/model_schema.h"

enum { CANDIDATES = 12 };

static bool is_filled(const struct model_collection *c) {
    bool any = false;
    for (uint32_t i = 0; i < c->count; i++)
        any |= c->docs[i]->live;
    return any;
}

// Mostly one that fits the documents: at random hardly any does.
static struct model_schema *choose(struct run *run, const struct model_collection *c) {
    struct model_schema *schema = model_schema_new(&run->rng);
    uint32_t more = run_chance(run, 70) ? CANDIDATES : 0;
    while (more-- && !model_schema_fits(c, schema)) {
        model_schema_free(schema);
        schema = model_schema_new(&run->rng);
    }
    return schema;
}

static struct slice settings(struct run *run, const char *schema, bool and_more) {
    struct buf json BUF_CLEANUP = {0};
    buf_init(&json, NULL, SIZE_MAX);
    buf_printf(&json, and_more ? "{\"ttl_seconds\":30,\"schema\":%s}" : "{\"schema\":%s}", schema);
    struct slice bson = model_json(&run->model, scratch_text(run, &json));
    void *p = arena_copy(&run->ctx.arena, bson.p, bson.n);
    CHECK(p != NULL);
    return slice_of(p, bson.n);
}

static nacre_status ask_and_wait(struct run *run, const struct model_collection *c,
                                 struct slice body) {
    struct result result = {0};
    struct catalog_request request = {
        .op = CATALOG_ALTER_COLLECTION, .target = run_target(c), .body = body};
    return engine_catalog(&run->ctx, run->engine, &request, &result);
}

// As above, but the documents are held against it by a later tick.
static nacre_status ask(struct run *run, const struct model_collection *c, struct slice body) {
    struct buf payload BUF_CLEANUP = {0};
    struct result result;
    struct command_catalog command = {.op = CATALOG_ALTER_COLLECTION,
                                      .database = slice_str(c->database),
                                      .collection = slice_str(c->name),
                                      .body = body};
    buf_init(&payload, NULL, SIZE_MAX);
    command_catalog_encode(&payload, &command);
    struct engine_command submitted = {.type = COMMAND_CATALOG, .payload = buf_slice(&payload)};
    return engine_submit(&run->ctx, run->engine, &submitted, &result);
}

static void give_up_next(struct model_collection *c) {
    model_schema_free(c->next_schema);
    c->next_schema = NULL;
}

static void take_away(struct run *run, struct model_collection *c) {
    run_note(run, "schema of %s: none", c->name);
    run_expect(run, "no schema", ask_and_wait(run, c, settings(run, "null", false)), NACRE_OK);
    give_up_next(c);
    model_schema_free(c->schema);
    c->schema = NULL;
}

static bool same(const struct model_schema *a, const struct model_schema *b) {
    return a && b && strcmp(a->json, b->json) == 0;
}

// Takes schema.
static void begin_change(struct model_collection *c, struct model_schema *schema) {
    bool there = same(schema, c->schema), coming = same(schema, c->next_schema);
    if (there || coming) model_schema_free(schema);
    if (coming) return;
    give_up_next(c);
    if (!there) c->next_schema = schema;
}

static void change(struct run *run, struct model_collection *c) {
    struct model_schema *schema = choose(run, c);
    bool more = run_chance(run, 5), wait = run_chance(run, 40), filled = is_filled(c);
    char *json = arena_str(&run->model.scratch, slice_str(schema->json));
    CHECK(json != NULL);
    struct slice body = settings(run, json, more);
    run_note(run, "schema of %s%s%s: %s", c->name, filled ? ", filled" : "", wait ? ", waits" : "",
             json);
    nacre_status status = wait ? ask_and_wait(run, c, body) : ask(run, c, body);
    if (filled && more && !same(schema, c->schema)) {
        model_schema_free(schema);
        run_expect(run, "schema and other settings", status, NACRE_INVALID_ARGUMENT);
        return;
    }
    if (more) c->ttl_seconds = 30;
    begin_change(c, schema);
    bool waited = wait && filled && c->next_schema;
    if (!filled) model_schema_decide(c);
    if (waited) run_ticked(run);
    bool refused = waited && !(c->schema && strcmp(c->schema->json, json) == 0);
    run_expect(run, "schema", status, refused ? NACRE_SCHEMA_VIOLATION : NACRE_OK);
    run->counts.schemas++;
    run->counts.refused_schemas += refused;
}

// The same again, while it is there or comes.
static void repeat(struct run *run, struct model_collection *c) {
    const struct model_schema *schema = c->next_schema ? c->next_schema : c->schema;
    if (!schema) return;
    bool more = c->next_schema && run_chance(run, 20);
    run_note(run, "schema of %s: again", c->name);
    run_expect(run, "schema again", ask(run, c, settings(run, schema->json, more)),
               more && is_filled(c) ? NACRE_INVALID_ARGUMENT : NACRE_OK);
    if (is_filled(c)) return;
    if (more) c->ttl_seconds = 30;
    model_schema_decide(c); // there is nothing left to look at
}

void run_schema(struct run *run) {
    struct model_collection *c = run_collection(run);
    uint32_t roll = run_below(run, 100);
    if (!c->there)
        run_expect(run, "schema of nothing", ask(run, c, settings(run, "{}", false)),
                   run_absent(run, c));
    else if (roll < 35)
        take_away(run, c);
    else if (roll < 45)
        repeat(run, c);
    else
        change(run, c);
    run_sync_schemas(run);
}

void run_sync_schemas(struct run *run) {
    struct view *view = engine_view(run->engine);
    for (int i = 0; i < MODEL_COLLECTIONS; i++) {
        const struct model_collection *c = &run->model.collections[i];
        const struct database *db = catalog_database(view->catalog, slice_str(c->database));
        const struct collection *there =
            db ? catalog_collection(view->catalog, db->id, slice_str(c->name)) : NULL;
        if (!there) continue;
        if ((there->schema.n != 0) != (c->schema != NULL))
            run_fail(run, "collection %s has %s schema", c->name, there->schema.n ? "a" : "no");
        if ((there->next_schema.n != 0) != (c->next_schema != NULL))
            run_fail(run, "the schema of collection %s is %s", c->name,
                     there->next_schema.n ? "changing" : "not changing");
    }
    txn_view_release(view);
}
