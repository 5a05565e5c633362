// Databases, collections and indexes: changing them.
#include "doc/json.h"
#include "lib/lib_write.h"

static nacre_status read_object(struct nacre_session *s, const char *json, struct slice *out) {
    // Filters of partial indexes have operators.
    static const struct json_options options = {.allow_dollar_names = true};
    *out = slice_of(NULL, 0);
    s->body.max = DOC_BYTES_MAX;
    lib_text_reset(&s->body);
    struct slice text = slice_str(json && json[0] ? json : "{}");
    TRY(lib_done(s, json_parse(&s->ctx, text, &options, &s->body)));
    *out = buf_slice(&s->body);
    return NACRE_OK;
}

static nacre_status submit(struct nacre_session *s, struct catalog_request *request, int *created) {
    nacre_write options = {.idempotency_key = s->next_key};
    struct result result;
    s->next_key = NULL;
    lib_last_keep(s, NULL);
    TRY(lib_tx_refuse(s, "a change of databases, collections or indexes"));
    TRY(lib_write_check_plain(s, &options, "a change of the catalog"));
    request->idempotency = lib_write_idempotency(s, &options, request->body, request->op);
    TRY(lib_done(s, engine_catalog(&s->ctx, s->db->engine, request, &result)));
    lib_last_keep(s, &result);
    if (created) *created = (result.flags & RESULT_CREATED) != 0;
    return NACRE_OK;
}

// --- databases ---

static nacre_status database_call(struct nacre_session *s, enum catalog_op op, const char *name,
                                  const char *json, int *created) {
    struct catalog_request request = {.op = op};
    TRY(lib_begin(s));
    if (!name) return lib_null(s, "name", "the name of a database");
    TRY(lib_database(s, name, &request.target.database));
    if (op != CATALOG_DROP_DATABASE) TRY(read_object(s, json, &request.body));
    return submit(s, &request, created);
}

nacre_status nacre_database_create(nacre_session *s, const char *name, const char *json,
                                   int *created) {
    return database_call(s, CATALOG_CREATE_DATABASE, name, json, created);
}

nacre_status nacre_database_alter(nacre_session *s, const char *name, const char *json) {
    return database_call(s, CATALOG_ALTER_DATABASE, name, json, NULL);
}

nacre_status nacre_database_drop(nacre_session *s, const char *name) {
    return database_call(s, CATALOG_DROP_DATABASE, name, NULL, NULL);
}

// --- collections ---

static nacre_status collection_call(struct nacre_session *s, enum catalog_op op,
                                    nacre_collection *collection, const char *json, int *created) {
    struct catalog_request request = {.op = op};
    TRY(lib_begin(s));
    TRY(lib_target(s, collection, &request.target));
    if (op != CATALOG_DROP_COLLECTION) TRY(read_object(s, json, &request.body));
    return submit(s, &request, created);
}

nacre_status nacre_collection_create(nacre_session *s, nacre_collection *collection,
                                     const char *json, int *created) {
    return collection_call(s, CATALOG_CREATE_COLLECTION, collection, json, created);
}

nacre_status nacre_collection_alter(nacre_session *s, nacre_collection *collection,
                                    const char *merge_patch) {
    return collection_call(s, CATALOG_ALTER_COLLECTION, collection, merge_patch, NULL);
}

nacre_status nacre_collection_drop(nacre_session *s, nacre_collection *collection) {
    return collection_call(s, CATALOG_DROP_COLLECTION, collection, NULL, NULL);
}

// --- indexes ---

static nacre_status index_name(struct nacre_session *s, const char *name, struct slice *out) {
    if (!name) return lib_null(s, "name", "the name of an index");
    *out = slice_str(name);
    nacre_status status = name_check(&s->ctx, "index", *out);
    if (status != NACRE_OK) err_parameter(&s->ctx, "name");
    return status;
}

nacre_status nacre_index_create(nacre_session *s, nacre_collection *collection, const char *name,
                                const char *json, int *created) {
    struct catalog_request request = {.op = CATALOG_CREATE_INDEX};
    TRY(lib_begin(s));
    TRY(lib_target(s, collection, &request.target));
    TRY(index_name(s, name, &request.index));
    if (!json) return lib_null(s, "json", "an index as in {\"fields\":[\"year\"]}");
    TRY(read_object(s, json, &request.body));
    return submit(s, &request, created);
}

nacre_status nacre_index_drop(nacre_session *s, nacre_collection *collection, const char *name) {
    struct catalog_request request = {.op = CATALOG_DROP_INDEX};
    TRY(lib_begin(s));
    TRY(lib_target(s, collection, &request.target));
    TRY(index_name(s, name, &request.index));
    return submit(s, &request, NULL);
}

nacre_status nacre_index_wait(nacre_session *s, nacre_collection *collection, const char *name) {
    struct target target;
    struct slice index;
    TRY(lib_begin(s));
    TRY(lib_target(s, collection, &target));
    TRY(index_name(s, name, &index));
    return lib_done(s, engine_wait_index(&s->ctx, s->db->engine, target, index));
}
