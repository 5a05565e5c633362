// Transactions. The session holds at most one; while it does, every call of the session that reads
// or writes documents is part of it.
#include "lib/lib_token.h"
#include "lib/lib_write.h"

static nacre_status check_options(struct nacre_session *s, const nacre_tx_options *o,
                                  struct engine_tx_options *out) {
    if (!o) return NACRE_OK;
    const char *parameter = NULL, *detail = NULL;
    if (o->isolation != NACRE_ISOLATION_SNAPSHOT && o->isolation != NACRE_ISOLATION_SERIALIZABLE) {
        parameter = "isolation";
        detail = "isolation: expected NACRE_ISOLATION_SNAPSHOT or NACRE_ISOLATION_SERIALIZABLE, "
                 "got another number";
    } else if (o->durability != NACRE_SYNCED && o->durability != NACRE_MEMORY) {
        parameter = "durability";
        detail = "durability: expected NACRE_SYNCED or NACRE_MEMORY, got another number";
    }
    if (parameter) {
        nacre_status status = err_set(&s->ctx, NACRE_INVALID_ARGUMENT, "%s", detail);
        err_parameter(&s->ctx, parameter);
        return status;
    }
    out->serializable = o->isolation == NACRE_ISOLATION_SERIALIZABLE;
    out->timeout_ms = o->timeout_ms;
    out->durability = o->durability == NACRE_MEMORY ? DURABILITY_MEMORY : DURABILITY_SYNCED;
    return NACRE_OK;
}

// What was opened in the transaction ends with it.
static void leave(struct nacre_session *s) {
    s->in_tx = false;
    s->tx_serial++;
}

nacre_status nacre_tx_begin(nacre_session *s, const nacre_tx_options *options) {
    struct engine_tx_options o = {0};
    TRY(lib_begin(s));
    if (s->in_tx) {
        nacre_status status = err_set(&s->ctx, NACRE_INVALID_ARGUMENT,
                                      "the session has a transaction; it can hold one at a time");
        err_hint(&s->ctx, "commit it or roll it back, or open another session");
        return status;
    }
    TRY(check_options(s, options, &o));
    if (!s->tx) TRY(lib_done(s, engine_tx_new(&s->ctx, s->db->engine, &s->tx)));
    TRY(lib_done(s, engine_tx_begin(&s->ctx, s->tx, &o)));
    s->in_tx = true;
    s->tx_serial++;
    return NACRE_OK;
}

static nacre_status no_transaction(struct nacre_session *s) {
    nacre_status status =
        err_set(&s->ctx, NACRE_TRANSACTION_NOT_FOUND, "the session has no transaction");
    err_hint(&s->ctx, "nacre_tx_begin begins one");
    return status;
}

nacre_status nacre_tx_commit(nacre_session *s, const char **sequence) {
    struct result result;
    TRY(lib_begin(s));
    if (!s->in_tx) return no_transaction(s);
    TRY(lib_write_reserve(s));
    nacre_status status = engine_tx_commit(&s->ctx, s->tx, &result);
    leave(s);
    TRY(lib_done(s, status));
    char token[LIB_TOKEN_MAX];
    lib_token_print(result.generation, result.seq, token);
    buf_put_str(&s->answer, token); // there is room
    buf_put_u8(&s->answer, 0);
    if (sequence) *sequence = (const char *)s->answer.p;
    return NACRE_OK;
}

void lib_tx_durability(nacre_session *s, nacre_durability durability) {
    if (s->in_tx)
        engine_tx_durability(s->tx,
                             durability == NACRE_MEMORY ? DURABILITY_MEMORY : DURABILITY_SYNCED);
}

nacre_status nacre_tx_rollback(nacre_session *s) {
    TRY(lib_begin(s));
    if (!s->in_tx) return no_transaction(s);
    engine_tx_rollback(s->tx);
    leave(s);
    return NACRE_OK;
}

nacre_status lib_tx_write(struct nacre_session *s, const struct write_request *request,
                          struct result *out) {
    if (s->in_tx) return engine_tx_write(&s->ctx, s->tx, request, out);
    return engine_write(&s->ctx, s->db->engine, request, out);
}

nacre_status lib_tx_refuse(struct nacre_session *s, const char *what) {
    if (!s->in_tx) return NACRE_OK;
    nacre_status status =
        err_set(&s->ctx, NACRE_INVALID_ARGUMENT, "%s cannot be part of a transaction", what);
    err_hint(&s->ctx, "do it before or after the transaction, or in another session");
    return status;
}
