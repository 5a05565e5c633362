#include "support/model_run_catalog.h"

#include <stdio.h>
#include <string.h>

#include "base/err/check.h"

static struct slice body_of(struct run *run, const char *json) {
    struct slice bson = model_json(&run->model, json);
    void *p = arena_copy(&run->ctx.arena, bson.p, bson.n);
    CHECK(p != NULL);
    return slice_of(p, bson.n);
}

static nacre_status submit(struct run *run, const struct model_collection *c, enum catalog_op op,
                           const char *index, const char *json) {
    struct result result = {0};
    struct catalog_request request = {.op = op, .target = run_target(c)};
    if (index) request.index = slice_str(index);
    if (json) request.body = body_of(run, json);
    run->counts.catalog++;
    run_note(run, "catalog %d %s.%s %s %s", (int)op, c->database, c->name, index ? index : "",
             json ? json : "");
    return engine_catalog(&run->ctx, run->engine, &request, &result);
}

// --- indexes ----------------------------------------------------------------------------

static bool has_path(const struct model_index *index, const char *path) {
    bool any = false;
    for (uint32_t i = 0; i < index->field_count; i++)
        any |= strcmp(index->paths[i], path) == 0;
    return any;
}

static const char *unique_path(struct run *run) {
    static const char *const some[] = {"u", "u", "u", "n", "o.x", "q", "tags"};
    return some[run_below(run, 7)];
}

static void choose_index(struct run *run, const struct model_collection *c,
                         struct model_index *out) {
    uint32_t want = 1 + run_below(run, MODEL_FIELDS_MAX);
    *out = (struct model_index){.unique = run_chance(run, 25)};
    snprintf(out->name, sizeof out->name, "i%u", run_below(run, 12));
    arena_init(&out->arena, NULL, SIZE_MAX);
    while (out->field_count < want) {
        const char *path = out->unique ? unique_path(run) : random_path(run);
        if (path[0] == '/') continue; // may be the same path as a dotted one
        if (out->unique && !out->field_count) path = "u";
        if (has_path(out, path)) {
            want--;
            continue;
        }
        out->paths[out->field_count] = path;
        out->descending[out->field_count++] = run_chance(run, 35);
    }
    if (run_chance(run, 30)) { // a copy that stays: from a source whose memory is the index's own
        struct arena scratch = run->model.scratch;
        run->model.scratch = out->arena;
        const struct naive_cond *cond = random_cond(run, c, COND_INDEX);
        out->where = arena_copy(&run->model.scratch, cond, sizeof *cond);
        out->arena = run->model.scratch;
        run->model.scratch = scratch;
        CHECK(out->where != NULL);
    }
}

static const char *index_json(struct run *run, const struct model_index *index) {
    struct buf json BUF_CLEANUP = {0};
    buf_init(&json, NULL, SIZE_MAX);
    buf_put_str(&json, "{\"fields\":[");
    for (uint32_t i = 0; i < index->field_count; i++)
        buf_printf(&json,
                   index->descending[i] ? "%s{\"path\":\"%s\",\"order\":\"desc\"}" : "%s\"%s\"",
                   i ? "," : "", index->paths[i]);
    buf_put_str(&json, "]");
    if (index->unique) buf_put_str(&json, ",\"unique\":true");
    if (index->where) {
        const char *where = random_spelling(run, index->where);
        bool text = where[0] != '{';
        if (text && strchr(where, '"')) { // a quoted name would need escapes
            struct buf plain BUF_CLEANUP = {0};
            buf_init(&plain, NULL, SIZE_MAX);
            naive_cond_json(&plain, index->where);
            where = scratch_text(run, &plain);
            text = false;
        }
        buf_printf(&json, text ? ",\"where\":\"%s\"" : ",\"where\":%s", where);
    }
    buf_put_str(&json, "}");
    return scratch_text(run, &json);
}

static struct model_index *find_index(struct model_collection *c, const char *name) {
    for (uint32_t i = 0; i < c->index_count; i++)
        if (strcmp(c->indexes[i].name, name) == 0) return &c->indexes[i];
    return NULL;
}

static void remove_index(struct model_collection *c, struct model_index *index) {
    uint32_t at = (uint32_t)(index - c->indexes);
    arena_free(&index->arena);
    c->index_count--;
    memmove(index, index + 1, (c->index_count - at) * sizeof *index);
}

static uint32_t live_count(const struct model_collection *c) {
    uint32_t live = 0;
    for (uint32_t i = 0; i < c->count; i++)
        live += c->docs[i]->live;
    return live;
}

static void add_index(struct run *run, struct model_collection *c, struct model_index *fresh) {
    struct model_index *there = find_index(c, fresh->name);
    if (there) {
        CHECK(there->state == MODEL_FAILED);
        remove_index(c, there); // a failed one is replaced
    }
    fresh->state = live_count(c) ? MODEL_BUILDING : MODEL_READY;
    fresh->may_fail = fresh->state == MODEL_BUILDING && !model_index_fits(c, fresh);
    CHECK(c->index_count < MODEL_INDEXES_MAX);
    c->indexes[c->index_count++] = *fresh;
    run->counts.builds += fresh->state == MODEL_BUILDING;
}

static void create_index(struct run *run, struct model_collection *c) {
    struct model_index fresh;
    choose_index(run, c, &fresh);
    fresh.options = arena_str(&fresh.arena, slice_str(index_json(run, &fresh)));
    struct model_index *there = find_index(c, fresh.name);
    bool taken = there && there->state != MODEL_FAILED;
    bool same = taken && there->options && strcmp(there->options, fresh.options) == 0;
    nacre_status wanted = !c->there        ? run_absent(run, c)
                          : taken && !same ? NACRE_ALREADY_EXISTS
                                           : NACRE_OK;
    nacre_status status = submit(run, c, CATALOG_CREATE_INDEX, fresh.name, fresh.options);
    run_expect(run, "create index", status, wanted);
    if (status == NACRE_OK && !same)
        add_index(run, c, &fresh);
    else
        arena_free(&fresh.arena);
}

static void drop_index(struct run *run, struct model_collection *c) {
    char name[24] = "i99";
    if (c->index_count) memcpy(name, c->indexes[run_below(run, c->index_count)].name, sizeof name);
    struct model_index *there = find_index(c, name);
    nacre_status wanted = !c->there ? run_absent(run, c) : there ? NACRE_OK : NACRE_INDEX_NOT_FOUND;
    run_expect(run, "drop index", submit(run, c, CATALOG_DROP_INDEX, name, NULL), wanted);
    if (wanted == NACRE_OK) remove_index(c, there);
}

// A few documents only, so that builds are under way for many commands.
static void build_some(struct run *run, const struct collection *collection) {
    struct result result;
    struct buf payload BUF_CLEANUP = {0};
    for (uint32_t i = 0; i < collection->index_count; i++) {
        if (collection->indexes[i].state != INDEX_BUILDING) continue;
        struct command_build build = {collection->tablet, collection->indexes[i].id,
                                      1 + run_below(run, 20)};
        buf_init(&payload, NULL, SIZE_MAX);
        command_build_encode(&payload, &build);
        struct engine_command command = {.type = COMMAND_BUILD,
                                         .durability = DURABILITY_MEMORY,
                                         .tablet = collection->tablet,
                                         .payload = buf_slice(&payload)};
        run_note(run, "build a chunk of %s.%s", collection->name, collection->indexes[i].name);
        nacre_status status = engine_submit(&run->ctx, run->engine, &command, &result);
        run_expect(run, "build", status, NACRE_OK);
        buf_free(&payload);
    }
}

static const struct collection *catalog_of(const struct view *view,
                                           const struct model_collection *c) {
    const struct database *db = catalog_database(view->catalog, slice_str(c->database));
    return db ? catalog_collection(view->catalog, db->id, slice_str(c->name)) : NULL;
}

static void sync_index(struct run *run, struct model_collection *c, struct model_index *index,
                       const struct collection *collection) {
    const struct index_def *def = catalog_index(collection, slice_str(index->name));
    if (!def) run_fail(run, "index %s of %s is gone", index->name, c->name);
    enum model_index_state state = def->state == INDEX_READY    ? MODEL_READY
                                   : def->state == INDEX_FAILED ? MODEL_FAILED
                                                                : MODEL_BUILDING;
    if (state == index->state) return;
    if (index->state != MODEL_BUILDING) run_fail(run, "index %s changed its state", index->name);
    if (state == MODEL_FAILED && !index->may_fail)
        run_fail(run, "index %s failed without a reason: %s", index->name, def->error);
    if (state == MODEL_READY && !model_index_fits(c, index))
        run_fail(run, "index %s is ready over documents that do not fit it", index->name);
    run->counts.failed_builds += state == MODEL_FAILED;
    index->state = state;
}

void run_sync_indexes(struct run *run) {
    struct view *view = engine_view(run->engine);
    for (int i = 0; i < MODEL_COLLECTIONS; i++) {
        struct model_collection *c = &run->model.collections[i];
        const struct collection *collection = catalog_of(view, c);
        if ((collection != NULL) != c->there) run_fail(run, "collection %s: there or not", c->name);
        if (collection && collection->index_count != c->index_count)
            run_fail(run, "collection %s has %u indexes", c->name, collection->index_count);
        for (uint32_t k = 0; k < c->index_count; k++)
            sync_index(run, c, &c->indexes[k], collection);
    }
    txn_view_release(view);
}

void run_index(struct run *run) {
    struct model_collection *c = run_collection(run);
    uint32_t roll = run_below(run, 20);
    if (roll < 8) {
        struct view *view = engine_view(run->engine);
        const struct collection *collection = catalog_of(view, c);
        if (collection) build_some(run, collection);
        txn_view_release(view);
    } else if (roll < 16 && c->index_count < MODEL_INDEXES_MAX - 1) {
        create_index(run, c);
    } else if (roll < 19 || c->index_count >= MODEL_INDEXES_MAX - 1) {
        drop_index(run, c);
    }
    run_sync_indexes(run);
}

// --- collections and databases ----------------------------------------------------------

static void create_collection(struct run *run, struct model_collection *c) {
    static const char *const settings[] = {
        "{\"history_seconds\":3600}",
        "{\"ttl_seconds\":20,\"history_seconds\":600}",
        "{\"primary_key\":\"pk\"}",
        "{\"history_seconds\":3600,\"history_bytes\":6000}",
        "{\"primary_key\":\"pk\",\"history_seconds\":3600,"
        "\"indexes\":[{\"name\":\"i0\",\"fields\":[\"n\",\"s\"]}]}",
        NULL};
    static const uint64_t history[] = {3600, 600, 0, 3600, 3600, 0};
    uint32_t which = run_below(run, 6);
    if (c->there) return;
    nacre_status absent = run_absent(run, c);
    nacre_status status = submit(run, c, CATALOG_CREATE_COLLECTION, NULL, settings[which]);
    run_expect(run, "create collection", status,
               absent == NACRE_COLLECTION_NOT_FOUND ? NACRE_OK : absent);
    if (status != NACRE_OK) return;
    c->there = true;
    c->created_ms = run->model.now_ms;
    model_history(&run->model, c, history[which]);
    if (which == 1) c->ttl_seconds = 20;
    if (which == 2 || which == 4) c->primary_key = "pk";
    if (which == 3) c->history_bytes = 6000;
    if (which != 4) return;
    c->indexes[0] = (struct model_index){
        .name = "i0", .state = MODEL_READY, .field_count = 2, .paths = {"n", "s"}};
    arena_init(&c->indexes[0].arena, NULL, SIZE_MAX);
    c->index_count = 1;
}

static void drop_collection(struct run *run, struct model_collection *c) {
    nacre_status wanted = c->there ? NACRE_OK : run_absent(run, c);
    run_expect(run, "drop collection", submit(run, c, CATALOG_DROP_COLLECTION, NULL, NULL), wanted);
    uint64_t quota = c->quota_documents;
    if (wanted != NACRE_OK) return;
    model_drop(c);
    c->quota_documents = quota;
}

static void alter_history(struct run *run, struct model_collection *c) {
    char json[64];
    static const uint64_t some[] = {0, 5, 60, 3600, 3600, 100000, 100000};
    uint64_t seconds = some[run_below(run, 7)];
    snprintf(json, sizeof json, "{\"history_seconds\":%llu}", (unsigned long long)seconds);
    run_expect(run, "alter collection", submit(run, c, CATALOG_ALTER_COLLECTION, NULL, json),
               c->there ? NACRE_OK : run_absent(run, c));
    if (c->there) model_history(&run->model, c, seconds);
}

static void alter_collection(struct run *run, struct model_collection *c) {
    char json[64];
    uint64_t ttl = run_below(run, 2) * (10 + run_below(run, 30));
    snprintf(json, sizeof json, ttl ? "{\"ttl_seconds\":%llu}" : "{\"ttl_seconds\":null}",
             (unsigned long long)ttl);
    run_expect(run, "alter collection", submit(run, c, CATALOG_ALTER_COLLECTION, NULL, json),
               c->there ? NACRE_OK : run_absent(run, c));
    if (c->there) c->ttl_seconds = ttl;
}

static void change_side(struct run *run) {
    struct model_collection *d = &run->model.collections[MODEL_COLLECTIONS - 1];
    bool there = run->model.side_there;
    if (there && run_chance(run, 50)) {
        run_expect(run, "drop database", submit(run, d, CATALOG_DROP_DATABASE, NULL, NULL),
                   NACRE_OK);
        run->model.side_there = false;
        model_drop(d);
        return;
    }
    if (there) return;
    run_expect(run, "create database",
               submit(run, d, CATALOG_CREATE_DATABASE, NULL, "{\"quota\":{\"documents\":40}}"),
               NACRE_OK);
    run->model.side_there = true;
    d->quota_documents = 40;
}

void run_ddl(struct run *run) {
    struct model_collection *c = &run->model.collections[run_below(run, MODEL_COLLECTIONS)];
    uint32_t roll = run_below(run, 20);
    if (roll < 8)
        create_collection(run, c);
    else if (roll < 10)
        drop_collection(run, c);
    else if (roll < 13)
        alter_history(run, c);
    else if (roll < 17)
        alter_collection(run, c);
    else
        change_side(run);
}
