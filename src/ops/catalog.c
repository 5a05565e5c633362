// Databases, collections, indexes; what the server is.
#include "ops/principal.h"

static nacre_status answer_text(struct op_call *call, const char *json) {
    return op_answer_json(call, json, strlen(json));
}

static nacre_status answer_database(struct op_call *call, const char *name) {
    const char *json;
    TRY(op_told(call, nacre_database_describe(call->session, name, &json)));
    return answer_text(call, json);
}

nacre_status run_database_list(struct op_call *call) {
    const char *json;
    TRY(op_told(call, nacre_database_describe(call->session, NULL, &json)));
    return op_answer_shown(call, json, true);
}

nacre_status run_database_get(struct op_call *call) {
    return answer_database(call, call->path[OP_PATH_DATABASE]);
}

nacre_status run_database_put(struct op_call *call) {
    const char *name = call->path[OP_PATH_DATABASE];
    int created;
    TRY(op_told(call, nacre_database_create(call->session, name, call->body, &created)));
    if (!created) call->answer.status = 200;
    return answer_database(call, name);
}

nacre_status run_database_delete(struct op_call *call) {
    return op_told(call, nacre_database_drop(call->session, call->path[OP_PATH_DATABASE]));
}

static nacre_status answer_collection(struct op_call *call) {
    const char *json;
    TRY(op_told(call, nacre_collection_describe(call->session, &call->collection, &json)));
    return answer_text(call, json);
}

nacre_status run_collection_list(struct op_call *call) {
    const char *json; // its name is not given: all
    TRY(op_told(call, nacre_collection_describe(call->session, &call->collection, &json)));
    return op_answer_shown(call, json, false);
}

nacre_status run_collection_get(struct op_call *call) { return answer_collection(call); }

nacre_status run_collection_put(struct op_call *call) {
    int created;
    TRY(op_told(call,
                nacre_collection_create(call->session, &call->collection, call->body, &created)));
    if (!created) call->answer.status = 200;
    return answer_collection(call);
}

nacre_status run_collection_patch(struct op_call *call) {
    TRY(op_told(call, nacre_collection_alter(call->session, &call->collection, call->body)));
    return answer_collection(call);
}

nacre_status run_collection_delete(struct op_call *call) {
    return op_told(call, nacre_collection_drop(call->session, &call->collection));
}

static nacre_status answer_index(struct op_call *call) {
    const char *json;
    TRY(op_told(call, nacre_index_describe(call->session, &call->collection,
                                           call->path[OP_PATH_INDEX], &json)));
    return answer_text(call, json);
}

nacre_status run_index_list(struct op_call *call) { return answer_index(call); }

nacre_status run_index_get(struct op_call *call) { return answer_index(call); }

nacre_status run_index_put(struct op_call *call) {
    int created;
    TRY(op_told(call, nacre_index_create(call->session, &call->collection,
                                         call->path[OP_PATH_INDEX], call->body, &created)));
    if (!created) call->answer.status = 200;
    return answer_index(call);
}

nacre_status run_index_delete(struct op_call *call) {
    return op_told(call,
                   nacre_index_drop(call->session, &call->collection, call->path[OP_PATH_INDEX]));
}

nacre_status run_server_get(struct op_call *call) {
    buf_printf(&call->answer.body,
               "{\"name\":\"nacre\",\"version\":\"%s\",\"features\":[\"documents\",\"queries\","
               "\"transactions\",\"history\",\"changes\"],\"limits\":{\"document_bytes\":16777216,"
               "\"depth\":100,\"id_bytes\":512,\"batch_operations\":10000,\"batch_bytes\":67108864,"
               "\"query_limit\":10000,\"lease_ms\":86400000,\"transaction_ms\":60000}}",
               nacre_version());
    return NACRE_OK;
}

nacre_status run_running_list(struct op_call *call) {
    const char *json;
    TRY(op_told(call, nacre_running(call->session, &json)));
    return answer_text(call, json);
}

nacre_status run_running_cancel(struct op_call *call) {
    return op_told(call, nacre_running_cancel(call->session, call->path[OP_PATH_QUERY]));
}
