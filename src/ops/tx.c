// Transactions over several calls.
#include "ops/tx.h"

#include <stdio.h>

#include "base/os/mutex.h"
#include "base/text/time.h"
#include "lib/lib_body.h"
#include "lib/lib_caller.h"
#include "ops/principal.h"

enum { TXS_MAX = 1024, TX_ID_SIZE = 32, TX_GRACE_MS = 60000 };

struct op_tx {
    struct op_tx *next;
    nacre_session *session;
    char id[TX_ID_SIZE + 1];
    char owner[AUTH_NAME_MAX];
    uint64_t expires_ms; // on the wall clock
    bool busy, over;
};

struct op_txs {
    nacre_db *db;
    const struct world *world;
    struct mutex mutex;
    struct op_tx *first;
    size_t count;
};

struct op_txs *op_txs_open(nacre_db *db, const struct world *world) {
    struct op_txs *txs = mem_zalloc(sizeof *txs);
    if (!txs) return NULL;
    txs->db = db;
    txs->world = world;
    mutex_init(&txs->mutex);
    return txs;
}

static void free_tx(struct op_tx *tx) {
    nacre_session_close(tx->session); // rolls back
    mem_free(tx);
}

void op_txs_close(struct op_txs *txs) {
    if (!txs) return;
    for (struct op_tx *tx = txs->first, *next; tx; tx = next) {
        next = tx->next;
        free_tx(tx);
    }
    mutex_destroy(&txs->mutex);
    mem_free(txs);
}

void op_txs_cancel(struct op_txs *txs) {
    if (!txs) return;
    mutex_lock(&txs->mutex);
    for (struct op_tx *tx = txs->first; tx; tx = tx->next)
        nacre_session_cancel(tx->session);
    mutex_unlock(&txs->mutex);
}

// Takes out those that are over; what their time has ended, the engine has let go of long before.
static struct op_tx *take_over(struct op_txs *txs, uint64_t now_ms) {
    struct op_tx *out = NULL;
    for (struct op_tx **link = &txs->first; *link;) {
        struct op_tx *tx = *link;
        bool old = now_ms > tx->expires_ms + TX_GRACE_MS;
        if (tx->busy || !(tx->over || old)) {
            link = &tx->next;
            continue;
        }
        *link = tx->next;
        txs->count--;
        tx->next = out;
        out = tx;
    }
    return out;
}

static void sweep(struct op_txs *txs) {
    mutex_lock(&txs->mutex);
    struct op_tx *gone = take_over(txs, world_wall_ms(txs->world));
    mutex_unlock(&txs->mutex);
    for (struct op_tx *next; gone; gone = next) {
        next = gone->next;
        free_tx(gone);
    }
}

nacre_status op_tx_enter(struct op_call *call, const char *id, struct op_tx **out) {
    struct op_txs *txs = call->txs;
    mutex_lock(&txs->mutex);
    struct op_tx *tx = txs->first;
    while (tx && (tx->over || strcmp(tx->id, id) != 0 ||
                  strcmp(tx->owner, op_principal_name(call->principal)) != 0))
        tx = tx->next;
    bool busy = tx && tx->busy;
    if (tx) tx->busy = true;
    mutex_unlock(&txs->mutex);
    if (!tx)
        return err_set(call->ctx, NACRE_TRANSACTION_NOT_FOUND,
                       "there is no transaction \"%.64s\": it has ended, or never was", id);
    if (busy)
        return err_set(call->ctx, NACRE_CONFLICT, "another call of this transaction still runs");
    call->session = tx->session;
    *out = tx;
    return NACRE_OK;
}

static void leave(struct op_call *call, struct op_tx *tx, bool over) {
    nacre_session_timeout(tx->session, 0);
    mutex_lock(&call->txs->mutex);
    tx->busy = false;
    tx->over |= over;
    mutex_unlock(&call->txs->mutex);
    if (over) sweep(call->txs);
}

void op_tx_leave(struct op_call *call, struct op_tx *tx) {
    if (tx) leave(call, tx, false);
}

// --- operations ---

static nacre_status read_begin(struct op_call *call, nacre_tx_options *out) {
    struct lib_member members[] = {{.name = "isolation"}, {.name = "timeout_ms"}, {0}};
    struct lib_body body;
    struct slice word;
    TRY(op_members(call, "a transaction", &body, members));
    if (members[0].raw.n) {
        TRY(lib_body_string(&body, &members[0], &word));
        if (slice_eq_str(word, "serializable"))
            out->isolation = NACRE_ISOLATION_SERIALIZABLE;
        else if (!slice_eq_str(word, "snapshot"))
            return lib_body_bad(&body, "isolation", "\"snapshot\" or \"serializable\"",
                                val_str(word));
    }
    out->timeout_ms = 30000;
    if (members[1].raw.n) TRY(lib_body_integer(&body, &members[1], 1, 60000, &out->timeout_ms));
    return NACRE_OK;
}

static nacre_status begin_tx(struct op_call *call, const nacre_tx_options *options,
                             struct op_tx *tx) {
    static const char digits[] = "0123456789abcdef";
    uint8_t random[TX_ID_SIZE / 2];
    nacre_status status = nacre_session_open(call->txs->db, &tx->session);
    if (status != NACRE_OK) return err_set(call->ctx, status, "no session for the transaction");
    nacre_session *own = call->session;
    call->session = tx->session;
    status = op_told(call, nacre_tx_begin(tx->session, options));
    call->session = own;
    if (status != NACRE_OK) return status;
    world_random(call->txs->world, random, sizeof random);
    for (size_t i = 0; i < TX_ID_SIZE; i++)
        tx->id[i] = digits[random[i / 2] >> (i % 2 ? 0 : 4) & 15];
    snprintf(tx->owner, sizeof tx->owner, "%s", op_principal_name(call->principal));
    tx->expires_ms = world_wall_ms(call->txs->world) + options->timeout_ms;
    return NACRE_OK;
}

static nacre_status keep_tx(struct op_call *call, struct op_tx *tx) {
    struct op_txs *txs = call->txs;
    mutex_lock(&txs->mutex);
    bool full = txs->count == TXS_MAX;
    if (!full) {
        tx->next = txs->first;
        txs->first = tx;
        txs->count++;
    }
    mutex_unlock(&txs->mutex);
    if (!full) return NACRE_OK;
    return err_set(call->ctx, NACRE_RATE_LIMITED, "%d transactions are open", TXS_MAX);
}

nacre_status run_tx_begin(struct op_call *call) {
    nacre_tx_options options = {0};
    char time[TIME_TEXT_MAX];
    TRY(read_begin(call, &options));
    sweep(call->txs);
    struct op_tx *tx = mem_zalloc(sizeof *tx);
    if (!tx) return err_nomem(call->ctx);
    nacre_status status = begin_tx(call, &options, tx);
    if (status == NACRE_OK) status = keep_tx(call, tx);
    if (status != NACRE_OK) {
        free_tx(tx);
        return status;
    }
    size_t size = time_print((int64_t)tx->expires_ms, time);
    buf_printf(&call->answer.body, "{\"id\":\"%s\",\"isolation\":\"%s\",\"expires\":\"%.*s\"}",
               tx->id, options.isolation == NACRE_ISOLATION_SNAPSHOT ? "snapshot" : "serializable",
               (int)size, time);
    return NACRE_OK;
}

static nacre_status end_tx(struct op_call *call, bool commit) {
    const char *sequence = "";
    struct op_tx *tx;
    nacre_session *own = call->session;
    TRY(op_tx_enter(call, call->path[OP_PATH_TX], &tx));
    lib_tx_durability(call->session, op_durability(call));
    nacre_status status = op_told(call, commit ? nacre_tx_commit(call->session, &sequence)
                                               : nacre_tx_rollback(call->session));
    if (status == NACRE_OK) op_answer_sequence(call, sequence);
    leave(call, tx, true);
    call->session = own;
    return status;
}

nacre_status run_tx_commit(struct op_call *call) {
    TRY(end_tx(call, true));
    buf_put_str(&call->answer.body, "{}");
    return NACRE_OK;
}

nacre_status run_tx_rollback(struct op_call *call) { return end_tx(call, false); }
