// Databases, collections, indexes; what the server is.
#include "catalog/keyspace.h"
#include "doc/bson.h"
#include "engine/tx.h"
#include "ops/principal.h"
#include "query/query.h"

static nacre_status answer_text(struct op_call *call, const char *json) {
    return op_answer_json(call, json, strlen(json));
}

// --- changes ---

// Before and after the library's call: its idempotency key, its sequence.
static void begin_change(struct op_call *call) {
    nacre_session_idempotency(call->session, call->headers[OP_HEADER_IDEMPOTENCY_KEY]);
}

static nacre_status end_change(struct op_call *call, nacre_status status) {
    nacre_session_idempotency(call->session, NULL);
    TRY(op_told(call, status));
    op_answer_last(call);
    return NACRE_OK;
}

// --- databases ---

static nacre_status describe_database(struct op_call *call, const char *name, const char **out) {
    return op_told(call, nacre_database_describe(call->session, name, out));
}

static nacre_status answer_database(struct op_call *call, const char *name) {
    const char *json;
    TRY(describe_database(call, name, &json));
    return answer_text(call, json);
}

nacre_status run_database_list(struct op_call *call) {
    const char *json;
    TRY(describe_database(call, NULL, &json));
    return op_answer_shown(call, json, true);
}

nacre_status run_database_get(struct op_call *call) {
    return answer_database(call, call->path[OP_PATH_DATABASE]);
}

// A database has no PATCH: its PUT alters the quotas that it names.
static nacre_status create_or_alter(struct op_call *call, int *created) {
    const char *name = call->path[OP_PATH_DATABASE], *json;
    begin_change(call);
    nacre_status status = nacre_database_create(call->session, name, call->body, created);
    if (status == NACRE_OK && (*created || !call->body_size)) return status;
    if (status != NACRE_OK && status != NACRE_ALREADY_EXISTS) return status;
    if (nacre_database_describe(call->session, name, &json) != NACRE_OK) // there in another case
        return nacre_database_create(call->session, name, call->body, created);
    begin_change(call);
    return nacre_database_alter(call->session, name, call->body);
}

nacre_status run_database_put(struct op_call *call) {
    const char *name = call->path[OP_PATH_DATABASE], *json;
    int created = 0;
    TRY(end_change(call, create_or_alter(call, &created)));
    if (!created) call->answer.status = 200;
    TRY(describe_database(call, name, &json));
    return op_answer_changed(call, json);
}

nacre_status run_database_delete(struct op_call *call) {
    begin_change(call);
    return end_change(call, nacre_database_drop(call->session, call->path[OP_PATH_DATABASE]));
}

// --- collections ---

static nacre_status describe_collection(struct op_call *call, const char **out) {
    return op_told(call, nacre_collection_describe(call->session, &call->collection, out));
}

static nacre_status answer_collection(struct op_call *call) {
    const char *json;
    TRY(describe_collection(call, &json));
    return answer_text(call, json);
}

nacre_status run_collection_list(struct op_call *call) {
    const char *json; // its name is not given: all
    TRY(describe_collection(call, &json));
    return op_answer_shown(call, json, false);
}

nacre_status run_collection_get(struct op_call *call) { return answer_collection(call); }

nacre_status run_collection_put(struct op_call *call) {
    const char *json;
    int created;
    begin_change(call);
    TRY(end_change(
        call, nacre_collection_create(call->session, &call->collection, call->body, &created)));
    if (!created) call->answer.status = 200;
    TRY(describe_collection(call, &json));
    return op_answer_changed(call, json);
}

nacre_status run_collection_patch(struct op_call *call) {
    const char *json;
    begin_change(call);
    TRY(end_change(call, nacre_collection_alter(call->session, &call->collection, call->body)));
    TRY(describe_collection(call, &json));
    return op_answer_changed(call, json);
}

nacre_status run_collection_delete(struct op_call *call) {
    begin_change(call);
    return end_change(call, nacre_collection_drop(call->session, &call->collection));
}

// --- indexes ---

static nacre_status describe_index(struct op_call *call, const char **out) {
    return op_told(call, nacre_index_describe(call->session, &call->collection,
                                              call->path[OP_PATH_INDEX], out));
}

static nacre_status answer_index(struct op_call *call) {
    const char *json;
    TRY(describe_index(call, &json));
    return answer_text(call, json);
}

nacre_status run_index_list(struct op_call *call) { return answer_index(call); }

nacre_status run_index_get(struct op_call *call) { return answer_index(call); }

nacre_status run_index_put(struct op_call *call) {
    const char *json;
    int created;
    begin_change(call);
    TRY(end_change(call, nacre_index_create(call->session, &call->collection,
                                            call->path[OP_PATH_INDEX], call->body, &created)));
    if (!created) call->answer.status = 200;
    TRY(describe_index(call, &json));
    return op_answer_changed(call, json);
}

nacre_status run_index_delete(struct op_call *call) {
    begin_change(call);
    return end_change(
        call, nacre_index_drop(call->session, &call->collection, call->path[OP_PATH_INDEX]));
}

// --- the server ---

nacre_status run_server_get(struct op_call *call) {
    buf_printf(&call->answer.body,
               "{\"name\":\"nacre\",\"version\":\"%s\",\"features\":[\"documents\",\"queries\","
               "\"transactions\",\"history\",\"changes\"],\"limits\":{\"document_bytes\":%d,"
               "\"depth\":%d,\"id_bytes\":%d,\"batch_operations\":%d,\"batch_bytes\":%d,"
               "\"query_limit\":%d,\"lease_ms\":%d,\"transaction_ms\":%d}}",
               nacre_version(), DOC_BYTES_MAX, DOC_DEPTH_MAX, KEY_ID_TEXT_MAX, WRITE_OPS_MAX,
               COMMAND_BYTES_MAX, QUERY_LIMIT_MAX, LEASE_MS_MAX, TX_TIMEOUT_MS_MAX);
    return NACRE_OK;
}

nacre_status run_node_list(struct op_call *call) {
    const char *json;
    TRY(op_told(call, nacre_nodes(call->session, &json)));
    return answer_text(call, json);
}

nacre_status run_shard_list(struct op_call *call) {
    const char *json;
    TRY(op_told(call, nacre_shards(call->session, &json)));
    return answer_text(call, json);
}

nacre_status run_running_list(struct op_call *call) {
    const char *json;
    TRY(op_told(call, nacre_running(call->session, &json)));
    return answer_text(call, json);
}

nacre_status run_running_cancel(struct op_call *call) {
    return op_told(call, nacre_running_cancel(call->session, call->path[OP_PATH_QUERY]));
}
