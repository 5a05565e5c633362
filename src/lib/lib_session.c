// Sessions: how a call begins, and what it answers when it went wrong.
#include "lib/lib.h"

static void free_session(struct nacre_session *s) {
    buf_free(&s->text);
    buf_free(&s->answer);
    buf_free(&s->problem);
    buf_free(&s->body);
    buf_free(&s->scratch);
    ctx_free(&s->ctx);
    mem_free(s);
}

nacre_status nacre_session_open(nacre_db *db, nacre_session **out) {
    if (!db || !out) return NACRE_INVALID_ARGUMENT;
    if (lib_is_forked(db)) return NACRE_UNAVAILABLE;
    struct budget *budget = engine_budget(db->engine);
    struct nacre_session *s = mem_zalloc(sizeof *s);
    if (!s) return NACRE_MEMORY_LIMIT;
    s->db = db;
    ctx_init(&s->ctx, db->world, budget, LIB_REQUEST_MAX);
    s->ctx.cancel = &s->cancel;
    s->arena_start = s->ctx.arena.next;
    buf_init(&s->text, budget, LIB_TEXT_MAX);
    buf_init(&s->answer, budget, LIB_TEXT_MAX);
    buf_init(&s->problem, NULL, LIB_TEXT_MAX); // an error can be told when the budget is used up
    buf_init(&s->body, budget, LIB_TEXT_MAX);
    buf_init(&s->scratch, budget, LIB_TEXT_MAX);
    atomic_fetch_add(&db->sessions, 1);
    *out = s;
    return NACRE_OK;
}

void nacre_session_close(nacre_session *s) {
    if (!s) return;
    if (lib_is_forked(s->db)) return; // L4
    struct nacre_db *db = s->db;
    lib_query_close_all(s);
    lib_changes_close_all(s);
    lib_live_close_all(s);
    engine_tx_free(s->tx);
    free_session(s);
    atomic_fetch_sub(&db->sessions, 1);
}

void nacre_session_timeout(nacre_session *s, uint64_t timeout_ms) {
    if (!s) return;
    s->timeout_ms = timeout_ms;
    if (!timeout_ms) s->ctx.deadline_ns = 0;
}

void nacre_session_cancel(nacre_session *s) {
    if (s) atomic_store_explicit(&s->cancel, true, memory_order_relaxed);
}

void nacre_session_clear_cancel(nacre_session *s) {
    if (s) atomic_store_explicit(&s->cancel, false, memory_order_relaxed);
}

static uint64_t deadline_of(const struct nacre_session *s) {
    uint64_t now_ns = world_mono_ns(s->db->world), span_ms = s->timeout_ms;
    if (span_ms > (UINT64_MAX - now_ns) / 1000000) return UINT64_MAX;
    return now_ns + span_ms * 1000000;
}

nacre_status lib_begin_slow(struct nacre_session *s) {
    err_clear(&s->ctx);
    arena_reset(&s->ctx.arena);
    s->arena_start = s->ctx.arena.next;
    if (lib_is_forked(s->db)) {
        nacre_status status = err_set(&s->ctx, NACRE_UNAVAILABLE,
                                      "the database was opened before a fork: the child cannot "
                                      "use it");
        err_hint(&s->ctx, "open it anew in the child, or call exec");
        return status;
    }
    if (s->request.deadline_ns)
        s->ctx.deadline_ns = s->request.deadline_ns;
    else if (s->timeout_ms)
        s->ctx.deadline_ns = deadline_of(s);
    return ctx_check(&s->ctx);
}

void lib_settle(struct ctx *ctx, nacre_status status) {
    if (status == NACRE_OK)
        err_clear(ctx);
    else if (status == NACRE_MEMORY_LIMIT)
        (void)!err_nomem(ctx);
    else if (ctx->err.status != status)
        (void)!err_set(ctx, status, "%s", nacre_status_title(status));
}

nacre_status lib_null(struct nacre_session *s, const char *name, const char *expected) {
    nacre_status status =
        err_set(&s->ctx, NACRE_INVALID_ARGUMENT, "%s is NULL; expected %s", name, expected);
    err_parameter(&s->ctx, name);
    return status;
}

// --- errors ---

nacre_status nacre_error_status(const nacre_session *s) {
    return s ? s->ctx.err.status : NACRE_INVALID_ARGUMENT;
}

const char *nacre_error_detail(const nacre_session *s) { return s ? s->ctx.err.detail : ""; }

const char *nacre_error_hint(const nacre_session *s) { return s ? s->ctx.err.hint : ""; }

uint64_t nacre_error_version(const nacre_session *s) {
    return s && s->ctx.err.has_current_version ? s->ctx.err.current_version : 0;
}

const char *nacre_error_problem(nacre_session *s) {
    if (!s || s->ctx.err.status == NACRE_OK) return "{}";
    buf_reset(&s->problem);
    lib_problem_write(&s->problem, &s->ctx.err, s->request.id);
    buf_put_u8(&s->problem, 0);
    // No memory for the text: the code is what a program needs.
    if (buf_status(&s->problem) != NACRE_OK)
        return "{\"code\":\"memory_limit\",\"status\":503,\"retryable\":true}";
    return (const char *)s->problem.p;
}

const struct err *lib_session_error(const nacre_session *s) { return &s->ctx.err; }

void lib_request_set(nacre_session *s, const struct lib_request *request) {
    s->request = *request;
    if (!request->deadline_ns) s->ctx.deadline_ns = 0;
}

// --- what was written ---

void lib_last_keep(struct nacre_session *s, const struct result *result) {
    s->last = (struct lib_last){0};
    if (!result) return;
    s->last.replayed = (result->flags & RESULT_REPLAYED) != 0;
    if (!s->in_tx) lib_token_print(result->generation, result->seq, s->last.sequence);
}

nacre_status lib_sequence_wait(nacre_session *s, const char *text) {
    struct lib_token token;
    TRY(lib_begin(s));
    if (lib_token_parse(&s->ctx, slice_str(text), &token) != NACRE_OK)
        return err_set(&s->ctx, NACRE_INVALID_ARGUMENT,
                       "expected the Nacre-Sequence of a write, got \"%.64s\"", text);
    return lib_done(
        s, engine_wait_sequence(&s->ctx, s->db->engine, token.generation, token.place.seq));
}

const char *nacre_last_sequence(const nacre_session *s) { return s ? s->last.sequence : ""; }

int nacre_last_replayed(const nacre_session *s) { return s && s->last.replayed; }

void nacre_session_idempotency(nacre_session *s, const char *key) {
    if (s) s->next_key = key;
}

// --- text handed out ---

void lib_text_reset(struct buf *buf) {
    if (buf->cap > LIB_TEXT_KEPT) buf_free(buf);
    buf_reset(buf);
}

nacre_status lib_text_give(struct nacre_session *s, struct buf *buf, const char **out,
                           size_t *out_size) {
    buf_put_u8(buf, 0);
    if (buf_status(buf) != NACRE_OK) {
        nacre_status status = err_buf(&s->ctx, buf);
        buf_reset(buf);
        return status;
    }
    *out = (const char *)buf->p;
    if (out_size) *out_size = buf->n - 1;
    return NACRE_OK;
}
