// Many documents read: pages, groups, counts, plans.
#include "lib/lib_body.h"
#include "ops/op.h"

static nacre_status answer_query(struct op_call *call, const char *spec) {
    nacre_cursor *cursor;
    uint64_t total;
    TRY(op_told(call, nacre_query(call->session, &call->collection, spec, &cursor)));
    bool counted = nacre_cursor_total(cursor, &total) == NACRE_OK;
    return op_answer_rows(call, cursor, counted);
}

nacre_status run_document_list(struct op_call *call) {
    const char *const *params = call->params;
    struct buf spec BUF_CLEANUP = {0};
    buf_init(&spec, NULL, call->answer.body.max);
    op_member_text(&spec, "filter", params[OP_PARAM_FILTER]);
    op_member_list(&spec, "sort", params[OP_PARAM_SORT]);
    op_member_list(&spec, "fields", params[OP_PARAM_FIELDS]);
    op_member_text(&spec, "cursor", params[OP_PARAM_CURSOR]);
    op_member_text(&spec, "as_of", params[OP_PARAM_AS_OF]);
    if (params[OP_PARAM_LIMIT])
        op_member_number(&spec, "limit", op_number(call, OP_PARAM_LIMIT, 0));
    if (params[OP_PARAM_OFFSET])
        op_member_number(&spec, "offset", op_number(call, OP_PARAM_OFFSET, 0));
    op_members_end(&spec);
    buf_put_u8(&spec, 0);
    TRY(buf_status(&spec));
    return answer_query(call, (const char *)spec.p);
}

nacre_status run_query(struct op_call *call) {
    TRY(op_body_as_of(call));
    return answer_query(call, call->body);
}

nacre_status run_aggregate(struct op_call *call) {
    nacre_cursor *cursor;
    TRY(op_body_as_of(call));
    TRY(op_told(call, nacre_aggregate(call->session, &call->collection, call->body, &cursor)));
    return op_answer_rows(call, cursor, false);
}

nacre_status run_count(struct op_call *call) {
    struct lib_member members[] = {{.name = "filter"}, {.name = "as_of"}, {0}};
    const char *filter = NULL, *as_of = NULL;
    struct lib_body body;
    struct slice text;
    uint64_t count;
    TRY(op_body_as_of(call));
    TRY(op_members(call, "a count", &body, members));
    if (members[0].raw.n) {
        TRY(lib_body_filter(&body, &members[0], &text));
        TRY(op_text(call, text, &filter));
    }
    if (members[1].raw.n) {
        TRY(lib_body_string(&body, &members[1], &text));
        TRY(op_text(call, text, &as_of));
    }
    TRY(op_told(call,
                as_of ? nacre_count_as_of(call->session, &call->collection, filter, as_of, &count)
                      : nacre_count(call->session, &call->collection, filter, &count)));
    buf_printf(&call->answer.body, "{\"count\":%llu}", (unsigned long long)count);
    return NACRE_OK;
}

nacre_status run_explain(struct op_call *call) {
    const char *json;
    size_t size;
    TRY(op_told(call, nacre_explain(call->session, &call->collection, call->body, &json, &size)));
    return op_answer_json(call, json, size);
}
