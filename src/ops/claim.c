// Documents lent to a worker.
#include "doc/json.h"
#include "lib/lib_body.h"
#include "ops/op.h"

enum { CLAIM_ID, CLAIM_TOKEN, CLAIM_SET, CLAIM_LEASE_MS };

nacre_status run_claim(struct op_call *call) {
    uint64_t versions[64];
    nacre_write options;
    const char *json;
    size_t size;
    TRY(op_write_options(call, &options, versions));
    TRY(op_told(call,
                nacre_claim(call->session, &call->collection, call->body, &options, &json, &size)));
    op_answer_last(call);
    if (json) return op_answer_json(call, json, size);
    call->answer.status = 204;
    return NACRE_OK;
}

// The id and the token that a body names. The id: a string or an integer.
static nacre_status read_lease(struct op_call *call, const struct lib_body *body,
                               const struct lib_member *members, nacre_id *id, const char **token) {
    struct slice text;
    struct val value;
    if (!members[CLAIM_ID].raw.n)
        return lib_body_bad(body, "id", "the id of the document", val_missing());
    TRY(lib_body_value(body, &members[CLAIM_ID], &value));
    if (value.type != VAL_STRING && value.type != VAL_INT)
        return lib_body_bad(body, "id", "a string or an integer", value);
    *id = (nacre_id){.integer = value.type == VAL_INT ? value.i : 0};
    if (value.type == VAL_STRING) {
        TRY(op_text(call, slice_of(value.p, value.n), &id->text));
        id->size = value.n;
    }
    if (!members[CLAIM_TOKEN].raw.n)
        return lib_body_bad(body, "token", "the token of the claim", val_missing());
    TRY(lib_body_string(body, &members[CLAIM_TOKEN], &text));
    return op_text(call, text, token);
}

nacre_status run_release(struct op_call *call) {
    struct lib_member members[] = {{.name = "id"}, {.name = "token"}, {.name = "set"}, {0}};
    const char *token, *set = NULL;
    struct lib_body body;
    uint64_t versions[64];
    nacre_write options;
    nacre_result result;
    nacre_id id;
    TRY(op_members(call, "a release", &body, members));
    TRY(read_lease(call, &body, members, &id, &token));
    if (members[CLAIM_SET].raw.n) {
        struct slice checked; // here, where its place in the body is known
        TRY(lib_body_object(&body, &members[CLAIM_SET], false, &checked));
        TRY(op_text(call, members[CLAIM_SET].raw, &set));
    }
    TRY(op_write_options(call, &options, versions));
    TRY(op_told(
        call, nacre_release(call->session, &call->collection, id, token, set, &options, &result)));
    return op_answer_write(call, &result);
}

nacre_status run_extend(struct op_call *call) {
    struct lib_member members[] = {{.name = "id"}, {.name = "token"}, {.name = "lease_ms"}, {0}};
    struct lib_body body;
    const char *token;
    uint64_t versions[64], lease_ms;
    nacre_write options;
    nacre_result result;
    nacre_id id;
    TRY(op_members(call, "an extension", &body, members));
    TRY(read_lease(call, &body, members, &id, &token));
    if (!members[2].raw.n) return lib_body_bad(&body, "lease_ms", "1..86400000", val_missing());
    TRY(lib_body_integer(&body, &members[2], 1, 86400000, &lease_ms));
    TRY(op_write_options(call, &options, versions));
    TRY(op_told(call, nacre_extend(call->session, &call->collection, id, token, lease_ms, &options,
                                   &result)));
    return op_answer_write(call, &result);
}
