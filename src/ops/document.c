// One document: read, written, its versions; batches.
#include "doc/json.h"
#include "lib/lib_body.h"
#include "lib/lib_cached.h"
#include "ops/op.h"

static nacre_status answer_document(struct op_call *call, const nacre_doc *doc) {
    const char *json;
    size_t size;
    bool same;
    call->answer.version = doc->version;
    TRY(op_matches(call, doc->version, &same));
    if (same) {
        call->answer.status = 304;
        return NACRE_OK;
    }
    TRY(op_told(call,
                nacre_doc_json(call->session, doc, call->params[OP_PARAM_FIELDS], &json, &size)));
    return op_answer_json(call, json, size);
}

enum { AT_ONCE_MAX = 16 << 10 }; // bytes of a document that is printed without a worker

static nacre_status get_cached(struct op_call *call, nacre_id id, nacre_doc *out) {
    TRY(lib_get_cached(call->session, &call->collection, id, out, &call->would_wait));
    if (out->bson_size <= AT_ONCE_MAX) return NACRE_OK;
    nacre_doc_release(out);
    call->would_wait = true;
    return NACRE_UNAVAILABLE;
}

static nacre_status get(struct op_call *call, nacre_id id, nacre_doc *out) {
    const char *as_of = call->params[OP_PARAM_AS_OF];
    if (call->at_once) return get_cached(call, id, out);
    if (as_of) return nacre_get_as_of(call->session, &call->collection, id, as_of, out);
    return nacre_get(call->session, &call->collection, id, out);
}

nacre_status run_document_get(struct op_call *call) {
    nacre_doc doc;
    nacre_id id;
    TRY(op_id(call, &id));
    nacre_status got = get(call, id, &doc);
    if (call->would_wait) return got;
    TRY(op_told(call, got));
    nacre_status status = answer_document(call, &doc);
    nacre_doc_release(&doc);
    return status;
}

nacre_status run_document_versions(struct op_call *call) {
    nacre_cursor *cursor;
    nacre_id id;
    TRY(op_id(call, &id));
    TRY(op_told(call, nacre_versions(call->session, &call->collection, id, &cursor)));
    return op_answer_rows(call, cursor, false);
}

nacre_status run_document_put(struct op_call *call) {
    uint64_t versions[64];
    nacre_write options;
    nacre_result result;
    nacre_id id;
    TRY(op_id(call, &id));
    TRY(op_write_options(call, &options, versions));
    TRY(op_told(call, nacre_put(call->session, &call->collection, &id, call->body, call->body_size,
                                &options, &result)));
    if (result.created) call->answer.status = 201;
    return op_answer_write(call, &result);
}

// The path of a document, as Location gives it.
static void put_location(struct op_call *call, const char *id) {
    static const char kept[] = "-._~"; // RFC 3986, unreserved; others are percent-encoded
    struct buf *out = &call->answer.location;
    buf_reset(out);
    if (strcmp(call->path[OP_PATH_DATABASE], "main") == 0)
        buf_put_str(out, "/v1");
    else
        buf_printf(out, "/v1/db/%s", call->path[OP_PATH_DATABASE]);
    buf_printf(out, "/collections/%s/docs/", call->path[OP_PATH_COLLECTION]);
    for (const char *at = id; *at; at++) {
        bool plain = (*at >= '0' && *at <= '9') || (*at >= 'a' && *at <= 'z') ||
                     (*at >= 'A' && *at <= 'Z') || strchr(kept, *at);
        if (plain)
            buf_put_u8(out, (uint8_t)*at);
        else
            buf_printf(out, "%%%02X", (unsigned)(uint8_t)*at);
    }
}

nacre_status run_document_insert(struct op_call *call) {
    uint64_t versions[64];
    nacre_write options;
    nacre_result result;
    TRY(op_write_options(call, &options, versions));
    // Under If-None-Match a document that is there is a condition that does not hold.
    TRY(op_told(call, (options.if_absent ? nacre_put : nacre_insert)(
                          call->session, &call->collection, NULL, call->body, call->body_size,
                          &options, &result)));
    put_location(call, result.id);
    return op_answer_write(call, &result);
}

nacre_status run_document_patch(struct op_call *call) {
    static const nacre_patch_kind kinds[] = {[OP_JSON] = NACRE_PATCH,
                                             [OP_MERGE_PATCH] = NACRE_PATCH_MERGE,
                                             [OP_JSON_PATCH] = NACRE_PATCH_JSON};
    uint64_t versions[64];
    nacre_write options;
    nacre_result result;
    nacre_id id;
    TRY(op_id(call, &id));
    TRY(op_write_options(call, &options, versions));
    TRY(op_told(call, nacre_patch(call->session, &call->collection, id, kinds[call->media],
                                  call->body, call->body_size, &options, &result)));
    return op_answer_write(call, &result);
}

nacre_status run_document_delete(struct op_call *call) {
    uint64_t versions[64];
    nacre_write options;
    nacre_result result;
    nacre_id id;
    TRY(op_id(call, &id));
    TRY(op_write_options(call, &options, versions));
    options.want_document = 0;
    TRY(op_told(call, nacre_delete(call->session, &call->collection, id, &options, &result)));
    call->answer.replayed = result.replayed;
    op_answer_sequence(call, result.sequence);
    return NACRE_OK;
}

// --- batches ---

// Lines of operations as one batch.
static void put_batch(struct op_call *call, struct buf *out) {
    const char *at = call->body, *end = at + call->body_size;
    buf_printf(out, "{\"atomic\":%s,\"operations\":[",
               op_flag(call, OP_PARAM_ATOMIC, true) ? "true" : "false");
    for (bool first = true; at < end;) {
        const char *line_end = memchr(at, '\n', (size_t)(end - at));
        size_t size = (size_t)((line_end ? line_end : end) - at);
        if (strspn(at, " \t\r") < size) {
            if (!first) buf_put_u8(out, ',');
            buf_put(out, at, size);
            first = false;
        }
        at += size + 1;
    }
    buf_put_str(out, "]}");
    buf_put_u8(out, 0);
}

static nacre_status put_results(struct op_call *call, const char *json, size_t size) {
    struct lib_member members[] = {{.name = "results"}, {0}};
    struct lib_body body;
    struct slice *items;
    size_t count;
    call->answer.media = OP_NDJSON;
    call->body = json; // what members are read from
    call->body_size = size;
    TRY(op_members(call, "an answer", &body, members));
    TRY(lib_body_elements(&body, "results", members[0].raw, SIZE_MAX, &items, &count));
    for (size_t i = 0; i < count; i++) {
        TRY(op_answer_json(call, (const char *)items[i].p, items[i].n));
        buf_put_u8(&call->answer.body, '\n');
    }
    buf_put_str(&call->answer.body, "{\"$end\":{}}\n");
    return NACRE_OK;
}

nacre_status run_document_batch(struct op_call *call) {
    struct buf lines BUF_CLEANUP = {0};
    uint64_t versions[64];
    nacre_write options;
    const char *json;
    size_t size;
    TRY(op_write_options(call, &options, versions));
    if (call->media == OP_NDJSON) {
        buf_init(&lines, NULL, call->answer.body.max);
        put_batch(call, &lines);
        TRY(buf_status(&lines));
        call->body = (const char *)lines.p;
        call->body_size = lines.n - 1;
    } else if (call->params[OP_PARAM_ATOMIC]) {
        nacre_status status =
            err_set(call->ctx, NACRE_INVALID_ARGUMENT, "atomic stands in the body of a JSON batch");
        err_parameter(call->ctx, "atomic");
        return status;
    }
    TRY(op_told(call, nacre_batch(call->session, &call->collection, call->body, call->body_size,
                                  &options, &json, &size)));
    op_answer_last(call);
    if (call->media == OP_NDJSON) return put_results(call, json, size);
    return op_answer_json(call, json, size);
}
