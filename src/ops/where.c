// Every document that matches: patched, deleted.
#include "lib/lib_body.h"
#include "ops/op.h"

enum { WHERE_FILTER, WHERE_ATOMIC, WHERE_PATCH, WHERE_END };

static nacre_status read_where(struct op_call *call, bool patches, nacre_where *out) {
    struct lib_member members[] = {{.name = "filter"}, {.name = "atomic"}, {.name = "patch"}, {0}};
    struct lib_body body;
    struct slice text;
    bool atomic = false;
    if (!patches) members[WHERE_PATCH].name = NULL;
    TRY(op_members(call, patches ? "an update" : "a delete", &body, members));
    if (!members[WHERE_FILTER].raw.n)
        return lib_body_bad(&body, "filter", "a filter, {} for all", val_missing());
    TRY(lib_body_filter(&body, &members[WHERE_FILTER], &text));
    TRY(op_text(call, text, &out->filter));
    if (members[WHERE_ATOMIC].raw.n) TRY(lib_body_bool(&body, &members[WHERE_ATOMIC], &atomic));
    if (patches && !members[WHERE_PATCH].raw.n)
        return lib_body_bad(&body, "patch", "operators or a merge patch", val_missing());
    if (patches) TRY(op_text(call, members[WHERE_PATCH].raw, &out->patch));
    out->atomic = atomic;
    out->durability = op_durability(call);
    out->idempotency_key = call->headers[OP_HEADER_IDEMPOTENCY_KEY];
    return NACRE_OK;
}

static nacre_status answer_where(struct op_call *call, const char *name,
                                 const nacre_where_result *result) {
    call->answer.replayed = result->replayed;
    op_answer_sequence(call, result->sequence);
    buf_printf(&call->answer.body, "{\"%s\":%llu}", name, (unsigned long long)result->changed);
    return NACRE_OK;
}

nacre_status run_update(struct op_call *call) {
    nacre_where where = {0};
    nacre_where_result result;
    TRY(read_where(call, true, &where));
    TRY(op_told(call, nacre_update_where(call->session, &call->collection, &where, &result)));
    return answer_where(call, "updated", &result);
}

nacre_status run_delete(struct op_call *call) {
    nacre_where where = {0};
    nacre_where_result result;
    TRY(read_where(call, false, &where));
    TRY(op_told(call, nacre_delete_where(call->session, &call->collection, &where, &result)));
    return answer_where(call, "deleted", &result);
}
