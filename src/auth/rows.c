#include "auth/rows.h"

#include "catalog/keyspace.h"
#include "doc/bson.h"
#include "query/query.h"

static const char *const collections[ROWS_KINDS] = {
    [ROWS_KEYS] = "keys", [ROWS_ROLES] = "roles", [ROWS_USERS] = "users"};

static struct target target_of(enum rows_kind kind) {
    return (struct target){.database = SLICE_LIT(NAME_HIDDEN_DATABASE),
                           .collection = slice_str(collections[kind])};
}

// --- reading ---

static nacre_status each_row(struct ctx *ctx, struct query *query, rows_each *each, void *arg) {
    for (;;) {
        struct query_row row;
        bool found;
        TRY(query_next(ctx, query, &row, &found));
        if (!found) return NACRE_OK;
        TRY(each(arg, ctx, row.row.body));
    }
}

static nacre_status load_view(struct ctx *ctx, struct engine *engine, enum rows_kind kind,
                              struct view *view, rows_each *each, void *arg) {
    struct target at = target_of(kind);
    struct query_request request = {.limit = QUERY_UNLIMITED};
    const struct database *database = catalog_database(view->catalog, at.database);
    struct query_target target = {.view = view, .cache = engine_cache(engine)};
    struct query *query;
    if (database)
        target.collection = catalog_collection(view->catalog, database->id, at.collection);
    if (!target.collection) return NACRE_OK; // none was ever written
    TRY(query_open(ctx, &target, &request, &query));
    nacre_status status = each_row(ctx, query, each, arg);
    query_close(query);
    return status;
}

nacre_status rows_load(struct ctx *ctx, struct engine *engine, enum rows_kind kind, rows_each *each,
                       void *arg) {
    struct view *view = engine_view(engine);
    nacre_status status = load_view(ctx, engine, kind, view, each, arg);
    txn_view_release(view);
    return status;
}

// --- writing ---

static nacre_status write_item(struct ctx *ctx, struct engine *engine, enum rows_kind kind,
                               struct write_item *item, enum durability durability) {
    struct result result;
    struct write_request request = {
        .target = target_of(kind), .count = 1, .items = item, .durability = durability};
    return engine_write(ctx, engine, &request, &result);
}

nacre_status rows_put(struct ctx *ctx, struct engine *engine, enum rows_kind kind, struct slice id,
                      struct slice bson, bool insert) {
    struct write_item item = {
        .kind = insert ? WRITE_INSERT : WRITE_PUT, .id = val_str(id), .body = bson};
    nacre_status status = write_item(ctx, engine, kind, &item, DURABILITY_SYNCED);
    if (status != NACRE_DATABASE_NOT_FOUND) return status;
    struct catalog_request create = {.op = CATALOG_CREATE_DATABASE, .target = target_of(kind)};
    struct result result;
    TRY(engine_catalog(ctx, engine, &create, &result));
    return write_item(ctx, engine, kind, &item, DURABILITY_SYNCED);
}

nacre_status rows_note(struct ctx *ctx, struct engine *engine, enum rows_kind kind, struct slice id,
                       const char *member, int64_t ms) {
    struct buf bson BUF_CLEANUP = {0};
    struct bson_writer w;
    buf_init(&bson, NULL, 4096);
    bson_begin(&w, &bson);
    bson_open_object(&w, SLICE_LIT("$set"));
    bson_put(&w, slice_str(member), val_date(ms));
    bson_close(&w);
    bson_end(&w);
    if (buf_status(&bson) != NACRE_OK) return err_buf(ctx, &bson);
    struct write_item item = {.kind = WRITE_PATCH, .id = val_str(id), .body = buf_slice(&bson)};
    return write_item(ctx, engine, kind, &item, DURABILITY_MEMORY);
}

nacre_status rows_delete(struct ctx *ctx, struct engine *engine, enum rows_kind kind,
                         struct slice id) {
    struct write_item item = {.kind = WRITE_DELETE, .id = val_str(id)};
    return write_item(ctx, engine, kind, &item, DURABILITY_SYNCED);
}
