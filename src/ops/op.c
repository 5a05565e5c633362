// How a call runs.
#include "ops/op.h"

#include <stdio.h>

#include "lib/lib_caller.h"
#include "lib/lib_token.h"
#include "lib/problem.h"
#include "ops/principal.h"
#include "ops/tx.h"

enum { ANSWER_MAX = 512 << 20, DEFAULT_TIMEOUT_MS = 30000 };

void op_answer_init(struct op_answer *answer, struct budget *budget) {
    *answer = (struct op_answer){.media = OP_JSON};
    buf_init(&answer->body, budget, ANSWER_MAX);
    buf_init(&answer->location, budget, 4096);
}

void op_answer_free(struct op_answer *answer) {
    buf_free(&answer->body);
    buf_free(&answer->location);
}

// What the library calls a parameter, where it came in a header.
static void name_header(struct buf *body) {
    static const char *const headers[][2] = {
        {"idempotency_key", "Idempotency-Key"},
        {"lease", "Nacre-Lease"},
        {"if_versions", "If-Match"},
        {"Content-Type", "Content-Type"},
        {"If-Match", "If-Match"},
        {"If-None-Match", "If-None-Match"},
        {"Idempotency-Key", "Idempotency-Key"},
        {"Nacre-Lease", "Nacre-Lease"},
        {"Prefer", "Prefer"},
        {"Nacre-Transaction", "Nacre-Transaction"},
        {"Nacre-Min-Sequence", "Nacre-Min-Sequence"},
    };
    char was[64], is[64];
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        size_t n = (size_t)snprintf(was, sizeof was, ",\"parameter\":\"%s\"", headers[i][0]);
        size_t m = (size_t)snprintf(is, sizeof is, ",\"header\":\"%s\"", headers[i][1]);
        if (!buf_reserve(body, sizeof is)) return; // longer by less than that
        uint8_t *at = memmem(body->p, body->n, was, n);
        if (!at) continue;
        memmove(at + m, at + n, (size_t)(body->p + body->n - at) - n);
        memcpy(at, is, m);
        body->n = body->n - n + m;
        return;
    }
}

void op_sign(struct buf *problem, const char *request_id) {
    if (problem->n < 2 || problem->p[problem->n - 1] != '}') return;
    problem->n--;
    buf_printf(problem, "%s\"request_id\":\"%s\"}", problem->n > 1 ? "," : "", request_id);
}

nacre_status op_refuse(struct op_call *call, nacre_status status) {
    struct op_answer *answer = &call->answer;
    buf_reset(&answer->body);
    if (call->problem)
        buf_put_str(&answer->body, call->problem);
    else
        lib_problem_write(&answer->body, &call->ctx->err);
    name_header(&answer->body);
    answer->status = nacre_status_http(status);
    answer->problem = true;
    answer->sequence[0] = '\0';
    if (!call->problem && call->ctx->err.has_current_version)
        answer->version = call->ctx->err.current_version;
    return status;
}

nacre_status op_told(struct op_call *call, nacre_status status) {
    if (status == NACRE_OK) return status;
    if (op_hides_names(call, status)) return op_hide_names(call, status);
    // A copy: closing a cursor is a call of the session too.
    call->problem = arena_str(&call->ctx->arena, slice_str(nacre_error_problem(call->session)));
    if (!call->problem) return err_nomem(call->ctx);
    call->answer.version = nacre_error_version(call->session);
    return status;
}

bool op_flag(const struct op_call *call, enum op_param param, bool fallback) {
    return call->params[param] ? strcmp(call->params[param], "true") == 0 : fallback;
}

uint64_t op_number(const struct op_call *call, enum op_param param, uint64_t fallback) {
    uint64_t value = 0;
    if (!call->params[param]) return fallback;
    for (const char *at = call->params[param]; *at; at++)
        value = value * 10 + (uint64_t)(*at - '0');
    return value;
}

bool op_is_listed(const char *list, struct slice word) {
    for (const char *at = list; *at;) {
        size_t size = strcspn(at, ",");
        if (slice_eq(slice_of(at, size), word)) return true;
        at += size + (at[size] == ',');
    }
    return false;
}

nacre_durability op_durability(const struct op_call *call) {
    const char *text = call->params[OP_PARAM_DURABILITY];
    return text && strcmp(text, "memory") == 0 ? NACRE_MEMORY : NACRE_SYNCED;
}

static bool is_integer(const struct op_param_row *row, const char *text) {
    int64_t value = 0;
    if (!*text || strlen(text) > 15) return false;
    for (const char *at = text; *at; at++) {
        if (*at < '0' || *at > '9') return false;
        value = value * 10 + (*at - '0');
    }
    return value >= row->min && value <= row->max;
}

static nacre_status check_param(struct op_call *call, enum op_param param) {
    const struct op_param_row *row = &op_params[param];
    const char *text = call->params[param];
    nacre_status status = NACRE_OK;
    if (!text) return NACRE_OK;
    if (row->kind == OP_BOOLEAN && !op_is_listed("true,false", slice_str(text)))
        status = err_set(call->ctx, NACRE_INVALID_ARGUMENT, "%s is true or false, not \"%.64s\"",
                         row->name, text);
    else if (row->kind == OP_INTEGER && !is_integer(row, text))
        status = err_set(call->ctx, NACRE_INVALID_ARGUMENT,
                         "%s is a whole number from %lld to %lld, not \"%.64s\"", row->name,
                         (long long)row->min, (long long)row->max, text);
    else if (row->values && !op_is_listed(row->values, slice_str(text)))
        status = err_set(call->ctx, NACRE_INVALID_ARGUMENT, "%s is one of %s, not \"%.64s\"",
                         row->name, row->values, text);
    if (status != NACRE_OK) err_parameter(call->ctx, row->name);
    return status;
}

// The store is one machine here: every level reads what is newest.
static nacre_status check_consistency(struct op_call *call) {
    const char *text = call->params[OP_PARAM_CONSISTENCY];
    size_t digits = 0;
    if (!text || op_is_listed("local,eventual,session,quorum,linearizable", slice_str(text)))
        return NACRE_OK;
    if (strncmp(text, "bounded:", 8) == 0) digits = strspn(text + 8, "0123456789");
    if (digits && digits < 10 && strcmp(text + 8 + digits, "ms") == 0) return NACRE_OK;
    nacre_status status = err_set(call->ctx, NACRE_INVALID_ARGUMENT,
                                  "consistency is local, eventual, bounded:500ms, session, quorum "
                                  "or linearizable, not \"%.64s\"",
                                  text);
    err_parameter(call->ctx, "consistency");
    return status;
}

// One server: what was answered is seen by every read. A token must be one all the same.
static nacre_status check_sequence(struct op_call *call) {
    const char *text = call->headers[OP_HEADER_NACRE_MIN_SEQUENCE];
    struct lib_token token;
    if (!text || lib_token_parse(call->ctx, slice_str(text), &token) == NACRE_OK) return NACRE_OK;
    nacre_status status = err_set(call->ctx, NACRE_INVALID_ARGUMENT,
                                  "expected the Nacre-Sequence of a write, got \"%.64s\"", text);
    err_parameter(call->ctx, op_header_names[OP_HEADER_NACRE_MIN_SEQUENCE]);
    return status;
}

static nacre_status check(struct op_call *call) {
    TRY(op_permit(call));
    for (int param = 0; param < OP_PARAMS; param++)
        TRY(check_param(call, (enum op_param)param));
    TRY(check_consistency(call));
    TRY(check_sequence(call));
    if (call->op->run) return NACRE_OK;
    return err_set(call->ctx, NACRE_UNIMPLEMENTED, "%s comes with a later version", call->op->name);
}

nacre_status op_run(struct op_call *call) {
    nacre_session *own = call->session;
    struct op_tx *tx = NULL;
    call->answer.status = call->op->status;
    call->collection =
        nacre_collection_of(call->path[OP_PATH_DATABASE], call->path[OP_PATH_COLLECTION]);
    nacre_status status = check(call);
    if (status == NACRE_OK && call->headers[OP_HEADER_NACRE_TRANSACTION])
        status = op_tx_enter(call, call->headers[OP_HEADER_NACRE_TRANSACTION], &tx);
    if (status == NACRE_OK) {
        op_principal_enter(call);
        uint64_t usual_ms = call->op->streams ? 0 : DEFAULT_TIMEOUT_MS;
        nacre_session_timeout(call->session, op_number(call, OP_PARAM_TIMEOUT_MS, usual_ms));
        status = call->op->run(call);
        lib_caller_set(call->session, NULL, true);
    }
    if (status == NACRE_OK && buf_status(&call->answer.body) != NACRE_OK)
        status = err_buf(call->ctx, &call->answer.body);
    if (status != NACRE_OK) status = op_refuse(call, status);
    op_tx_leave(call, tx);
    if (call->scratch) buf_free(call->scratch);
    call->session = own;
    return status;
}
