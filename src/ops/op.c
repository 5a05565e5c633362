// How a call runs.
#include "ops/op.h"

#include <stdio.h>

#include "lib/lib_caller.h"
#include "lib/problem.h"
#include "ops/principal.h"
#include "ops/slowlog.h"
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

// --- errors ---

// What the library calls an argument, as callers know it.
static void name_argument(const struct op_call *call, struct err *err) {
    static const struct {
        const char *was, *is;
        bool header;
    } names[] = {
        {"idempotency_key", "Idempotency-Key", true},
        {"lease", "Nacre-Lease", true},
        {"if_versions", "If-Match", true},
        {"if_absent", "If-None-Match", true},
        {"if_filter", "if", false},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(err->parameter, names[i].was) != 0) continue;
        snprintf(err->parameter, sizeof err->parameter, "%s", names[i].is);
        err->in_header = names[i].header;
    }
    if (strcmp(err->parameter, "name") == 0 && call->path[OP_PATH_INDEX])
        snprintf(err->parameter, sizeof err->parameter, "%s", op_path_names[OP_PATH_INDEX]);
}

// Whether the pointer begins with the parameter's name.
static bool points_into(const char *pointer, const char *name) {
    size_t size = strlen(name);
    return pointer[0] == '/' && strncmp(pointer + 1, name, size) == 0 &&
           (pointer[1 + size] == '\0' || pointer[1 + size] == '/');
}

// Pointers are into the body: what was made of parameters is named by these.
static void place_argument(const struct op_call *call, struct err *err) {
    bool has_body = call->op->body && strcmp(call->op->body, "stream") != 0;
    for (int param = 0; param < OP_PARAMS && err->item_count; param++) {
        if (!call->params[param]) continue;
        const char *name = op_param_names[param];
        bool named = strcmp(err->parameter, name) == 0;
        if (!named && (has_body || !points_into(err->items[0].pointer, name))) continue;
        snprintf(err->parameter, sizeof err->parameter, "%s", name);
        err->in_header = false;
        err->item_count = 0;
    }
}

nacre_status op_refuse(struct op_call *call, nacre_status status) {
    struct op_answer *answer = &call->answer;
    struct err *err = &call->ctx->err;
    name_argument(call, err);
    place_argument(call, err);
    enum op_media media = answer->media; // of a stream that has begun
    op_answer_free(answer);
    op_answer_init(answer, NULL); // told even where the budget is used up
    answer->media = media;
    lib_problem_write(&answer->body, err, call->request_id);
    answer->status = nacre_status_http(status);
    answer->problem = true;
    answer->minimal = false;
    answer->sequence[0] = '\0';
    answer->version = err->has_current_version ? err->current_version : 0;
    return status;
}

nacre_status op_told(struct op_call *call, nacre_status status) {
    if (status == NACRE_OK) return status;
    if (op_hides_names(call, status)) return op_hide_names(call, status);
    call->ctx->err = *lib_session_error(call->session);
    return status;
}

// --- parameters ---

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

static nacre_status wait_sequence(struct op_call *call) {
    const char *text = call->headers[OP_HEADER_NACRE_MIN_SEQUENCE];
    if (!text) return NACRE_OK;
    nacre_status status = op_told(call, lib_sequence_wait(call->session, text));
    if (status == NACRE_INVALID_ARGUMENT)
        err_header(call->ctx, op_header_names[OP_HEADER_NACRE_MIN_SEQUENCE]);
    return status;
}

static nacre_status check(struct op_call *call) {
    TRY(op_permit(call));
    TRY(op_audit_ready(call));
    for (int param = 0; param < OP_PARAMS; param++)
        TRY(check_param(call, (enum op_param)param));
    TRY(check_consistency(call));
    if (call->op->run) return NACRE_OK;
    return err_set(call->ctx, NACRE_UNIMPLEMENTED, "%s comes with a later version", call->op->name);
}

static uint64_t deadline_of(const struct op_call *call) {
    uint64_t ms = op_number(call, OP_PARAM_TIMEOUT_MS, call->op->streams ? 0 : DEFAULT_TIMEOUT_MS);
    return ms ? world_mono_ns(call->ctx->world) + ms * 1000000 : 0;
}

static nacre_status run(struct op_call *call) {
    TRY(wait_sequence(call));
    TRY(call->op->run(call));
    bool lines = op_is_listed(call->op->offers, SLICE_LIT("application/x-ndjson"));
    if (lines && call->accept == OP_NDJSON) TRY(op_answer_lines(call));
    if (buf_status(&call->answer.body) != NACRE_OK) return err_buf(call->ctx, &call->answer.body);
    return NACRE_OK;
}

bool op_is_quick(const struct op *op) { return op->run == run_document_get; }

// Whether what was given makes it wait for others, or read what is not in memory.
static bool asks_to_wait(const struct op_call *call) {
    return call->headers[OP_HEADER_NACRE_TRANSACTION] ||
           call->headers[OP_HEADER_NACRE_MIN_SEQUENCE] || call->params[OP_PARAM_AS_OF];
}

nacre_status op_run(struct op_call *call) {
    nacre_session *own = call->session;
    struct op_tx *tx = NULL;
    uint64_t begin_ns = op_slowlog_begin(call);
    call->would_wait = call->at_once && asks_to_wait(call);
    if (call->would_wait) return NACRE_UNAVAILABLE;
    call->answer.status = call->op->status;
    call->collection =
        nacre_collection_of(call->path[OP_PATH_DATABASE], call->path[OP_PATH_COLLECTION]);
    nacre_status status = check(call);
    if (status == NACRE_OK && call->headers[OP_HEADER_NACRE_TRANSACTION])
        status = op_tx_enter(call, call->headers[OP_HEADER_NACRE_TRANSACTION], &tx);
    if (status == NACRE_OK) {
        struct lib_request request = {.id = call->request_id, .deadline_ns = deadline_of(call)};
        nacre_session *session = call->session;
        op_principal_enter(call);
        lib_request_set(session, &request);
        status = run(call);
        lib_request_set(session, &(struct lib_request){0});
        lib_caller_set(session, NULL, true);
        status = op_audit(call, status);
    }
    // Refusals are written down, and that waits for the disk.
    if (call->at_once && status != NACRE_OK && status != NACRE_DOCUMENT_NOT_FOUND)
        call->would_wait = true;
    if (status != NACRE_OK && !call->would_wait) status = op_refuse(call, status);
    op_slowlog_end(call, begin_ns, status);
    op_tx_leave(call, tx);
    if (call->scratch) buf_free(call->scratch);
    call->session = own;
    return status;
}
