#include "engine/tx.h"

#include <sched.h>

#include "base/bits/bits.h"
#include "engine/internal.h"
#include "txn/rehearsal.h"
#include "txn/seen.h"

enum { TX_MEMORY_MAX = 512 * 1024 * 1024 };

// EXPIRED: its time was up while nobody called; the next call is told.
enum tx_state { TX_NONE, TX_OPEN, TX_EXPIRED, TX_ENDED };

struct engine_tx {
    struct engine *e;
    struct engine_tx *next, **link; // of e->txs
    atomic_bool busy;               // a call, or the reaper, is at work on all below
    uint32_t depth;                 // of calls within calls
    enum tx_state state;
    struct engine_tx_options options;
    uint64_t began_ms, deadline_ns;
    struct view *view; // the published one it began at
    struct reads reads;
    // From the first write or query on:
    struct kv_delta *delta;
    // From the first write on:
    struct rehearsal *rehearsal; // kept for the next transaction
    bool rehearsing;
    struct view *own; // holds delta for documents given out
    struct buf ops;   // as command_op_encode makes them
    uint32_t op_count;
    struct slice first; // id of the first operation's document, in reads' arena
    uint32_t tablet;    // its tablet
};

// --- calls and the reaper ---------------------------------------------------------------

void engine_tx_enter(struct engine_tx *tx) {
    if (tx->depth++) return;
    while (atomic_exchange_explicit(&tx->busy, true, memory_order_acquire))
        sched_yield();
}

void engine_tx_leave(struct engine_tx *tx) {
    if (--tx->depth == 0) atomic_store_explicit(&tx->busy, false, memory_order_release);
}

nacre_status engine_tx_new(struct ctx *ctx, struct engine *e, struct engine_tx **out) {
    struct engine_tx *tx = mem_zalloc(sizeof *tx);
    if (!tx) return err_nomem(ctx);
    tx->e = e;
    buf_init(&tx->ops, &e->budget, COMMAND_BYTES_MAX);
    reads_init(&tx->reads, &e->budget, TX_MEMORY_MAX);
    mutex_lock(&e->tx_lock);
    tx->next = e->txs;
    tx->link = &e->txs;
    if (tx->next) tx->next->link = &tx->next;
    e->txs = tx;
    mutex_unlock(&e->tx_lock);
    *out = tx;
    return NACRE_OK;
}

// The state of the store that it reads.
static void give_back(struct engine_tx *tx) {
    if (tx->rehearsing) rehearsal_end(tx->rehearsal);
    tx->rehearsing = false;
    txn_view_release(tx->own);
    txn_view_release(tx->view);
    tx->own = tx->view = NULL;
}

// And the rest. Nothing is kept of it but memory for the next one.
static void forget(struct engine_tx *tx) {
    if (tx->delta) tx->delta->watch = NULL;
    kv_delta_unref(tx->delta);
    tx->delta = NULL;
    reads_reset(&tx->reads);
    if (tx->ops.cap > SINGLE_COMMAND_MAX) buf_free(&tx->ops);
    buf_reset(&tx->ops);
    tx->op_count = 0;
}

static void end(struct engine_tx *tx, enum tx_state state) {
    if (tx->state == TX_OPEN) give_back(tx);
    if (tx->state == TX_OPEN || tx->state == TX_EXPIRED) forget(tx);
    tx->state = state;
}

// Its cursors may be at work and tell tx->reads; what they hold is theirs.
static void expire(struct engine_tx *tx) {
    give_back(tx);
    if (!tx->delta || atomic_load(&tx->delta->refs) == 1) forget(tx);
    tx->state = TX_EXPIRED;
}

void engine_tx_reap(struct engine *e) {
    uint64_t now_ns = world_mono_ns(e->world);
    mutex_lock(&e->tx_lock);
    for (struct engine_tx *tx = e->txs; tx; tx = tx->next) {
        if (atomic_exchange_explicit(&tx->busy, true, memory_order_acquire)) continue;
        if (tx->state == TX_OPEN && now_ns >= tx->deadline_ns) expire(tx);
        atomic_store_explicit(&tx->busy, false, memory_order_release);
    }
    mutex_unlock(&e->tx_lock);
}

void engine_tx_free(struct engine_tx *tx) {
    if (!tx) return;
    mutex_lock(&tx->e->tx_lock);
    *tx->link = tx->next;
    if (tx->next) tx->next->link = tx->link;
    mutex_unlock(&tx->e->tx_lock);
    end(tx, TX_NONE);
    rehearsal_free(tx->rehearsal);
    reads_free(&tx->reads);
    buf_free(&tx->ops);
    mem_free(tx);
}

static nacre_status begin(struct ctx *ctx, struct engine_tx *tx,
                          const struct engine_tx_options *options) {
    struct engine *e = tx->e;
    uint64_t timeout_ms = options->timeout_ms ? options->timeout_ms : TX_TIMEOUT_MS;
    end(tx, TX_NONE);
    TRY(engine_usable(ctx, e));
    if (timeout_ms > TX_TIMEOUT_MS_MAX) {
        nacre_status status =
            err_set(ctx, NACRE_INVALID_ARGUMENT, "timeout_ms: expected 1 to %d, got %llu",
                    TX_TIMEOUT_MS_MAX, (unsigned long long)timeout_ms);
        err_parameter(ctx, "timeout_ms");
        return status;
    }
    tx->options = *options;
    tx->began_ms = engine_now_ms(e);
    tx->deadline_ns = world_mono_ns(e->world) + timeout_ms * 1000000;
    tx->view = engine_view(e);
    tx->state = TX_OPEN;
    return NACRE_OK;
}

nacre_status engine_tx_begin(struct ctx *ctx, struct engine_tx *tx,
                             const struct engine_tx_options *options) {
    engine_tx_enter(tx);
    nacre_status status = begin(ctx, tx, options);
    engine_tx_leave(tx);
    return status;
}

void engine_tx_durability(struct engine_tx *tx, enum durability durability) {
    tx->options.durability = durability;
}

void engine_tx_rollback(struct engine_tx *tx) {
    engine_tx_enter(tx);
    end(tx, TX_NONE);
    engine_tx_leave(tx);
}

static nacre_status check(struct ctx *ctx, struct engine_tx *tx) {
    if (tx->state != TX_OPEN && tx->state != TX_EXPIRED) {
        nacre_status status = err_set(ctx, NACRE_TRANSACTION_NOT_FOUND,
                                      tx->state == TX_ENDED ? "the transaction has ended"
                                                            : "no transaction was begun");
        err_hint(ctx, tx->state == TX_ENDED ? "roll it back, then begin another" : "begin one");
        return status;
    }
    TRY(engine_usable(ctx, tx->e));
    if (tx->state == TX_OPEN && world_mono_ns(tx->e->world) < tx->deadline_ns) return NACRE_OK;
    end(tx, TX_ENDED);
    nacre_status status = err_set(ctx, NACRE_TRANSACTION_TOO_OLD,
                                  "the time of the transaction is up; nothing of it was done");
    err_hint(ctx, "begin it again");
    return status;
}

nacre_status engine_tx_check(struct ctx *ctx, struct engine_tx *tx) {
    engine_tx_enter(tx);
    nacre_status status = check(ctx, tx);
    engine_tx_leave(tx);
    return status;
}

static nacre_status need_delta(struct ctx *ctx, struct engine_tx *tx) {
    if (tx->delta) return NACRE_OK;
    tx->delta = kv_delta_new(&tx->e->budget, TX_MEMORY_MAX);
    if (!tx->delta) return err_nomem(ctx);
    if (tx->options.serializable) tx->delta->watch = &tx->reads.watch;
    return NACRE_OK;
}

struct engine *engine_tx_engine(const struct engine_tx *tx) {
    return tx->e;
}

const struct collection *engine_tx_collection(const struct engine_tx *tx, uint32_t tablet) {
    return catalog_by_tablet(tx->view->catalog, tablet);
}

uint64_t engine_tx_epoch(const struct engine_tx *tx) { return tx->view->catalog->epoch; }

// --- reads ------------------------------------------------------------------------------

static nacre_status resolve(struct ctx *ctx, const struct engine_tx *tx, struct target target,
                            struct engine_collection *out) {
    out->target = target;
    TRY(engine_resolve_in(ctx, tx->view->catalog, target, &out->tablet));
    out->epoch = tx->view->catalog->epoch;
    return NACRE_OK;
}

static nacre_status not_there(struct ctx *ctx) {
    return err_set(ctx, NACRE_DOCUMENT_NOT_FOUND, "there is no document with this id");
}

static struct view *hold(struct view *view) {
    atomic_fetch_add_explicit(&view->refs, 1, memory_order_relaxed);
    return view;
}

// The document as the transaction wrote it.
static nacre_status get_own(struct ctx *ctx, struct engine_tx *tx, struct slice key,
                            struct slice value, struct engine_doc *out) {
    if (!tx->own) tx->own = txn_view_layered(tx->view, tx->delta);
    if (!tx->own) return err_nomem(ctx);
    out->view = hold(tx->own);
    out->pin.value = value;
    return row_decode(ctx, keyspace_local(key), value, false, &out->row);
}

// The document as the view has it; *begin_ts 0: there is no row.
static nacre_status get_stored(struct ctx *ctx, struct engine_tx *tx, struct slice key,
                               struct engine_doc *out, uint64_t *begin_ts) {
    struct engine *e = tx->e;
    bool found;
    const struct cache_entry *entry = cache_get(e->cache, key, cache_hash(key));
    *begin_ts = 0;
    if (entry && entry->ts <= tx->view->commit_ts) {
        out->entry = entry;
        if (entry->absent) return not_there(ctx);
        TRY(row_decode(ctx, keyspace_local(key), cache_value(entry), false, &out->row));
    } else {
        if (entry) cache_unpin(e->cache, entry);
        out->view = hold(tx->view);
        TRY(e->kv->ops->get(e->kv, ctx, tx->view->kv_view, KV_DATA, key, &out->pin, &found));
        struct slice value = found ? out->pin.value : (struct slice){0};
        if (found) TRY(row_decode(ctx, keyspace_local(key), value, true, &out->row));
        cache_insert(e->cache, key, value, !found, out->row.begin_ts, tx->view->commit_ts);
        if (!found) return not_there(ctx);
    }
    *begin_ts = out->row.begin_ts;
    return NACRE_OK;
}

static nacre_status get_key(struct ctx *ctx, struct engine_tx *tx, struct slice key,
                            struct engine_doc *out) {
    struct slice value;
    bool there;
    nacre_status status;
    if (kv_delta_find(tx->delta, UINT64_MAX, key, &value, &there)) {
        if (!there) return not_there(ctx);
        status = get_own(ctx, tx, key, value, out);
    } else {
        uint64_t begin_ts;
        status = get_stored(ctx, tx, key, out, &begin_ts);
        bool seen = status == NACRE_OK || status == NACRE_DOCUMENT_NOT_FOUND;
        if (seen && tx->options.serializable) reads_key(&tx->reads, key, begin_ts, false);
    }
    if (status != NACRE_OK) return status;
    return out->row.flags & ROW_DELETED ? not_there(ctx) : NACRE_OK;
}

nacre_status engine_tx_resolve(struct ctx *ctx, struct engine_tx *tx,
                               struct engine_collection *collection) {
    engine_tx_enter(tx);
    nacre_status status = check(ctx, tx);
    if (status == NACRE_OK && collection->epoch != tx->view->catalog->epoch)
        status = resolve(ctx, tx, collection->target, collection);
    engine_tx_leave(tx);
    return status;
}

static nacre_status get(struct ctx *ctx, struct engine_tx *tx, struct engine_collection *collection,
                        struct val id, struct engine_doc *out) {
    uint8_t room[KEYSPACE_PREFIX + 2 * KEY_ID_TEXT_MAX + 64];
    struct buf key = {.p = room, .cap = sizeof room, .max = sizeof room};
    TRY(engine_tx_check(ctx, tx));
    TRY(engine_tx_resolve(ctx, tx, collection));
    nacre_status status = id_check(ctx, id);
    if (status != NACRE_OK) err_parameter(ctx, "id");
    TRY(status);
    keyspace_document(&key, collection->tablet, id);
    TRY(buf_status(&key));
    status = get_key(ctx, tx, buf_slice(&key), out);
    if (status != NACRE_OK) engine_release_doc(tx->e, out);
    return status;
}

nacre_status engine_tx_get(struct ctx *ctx, struct engine_tx *tx,
                           struct engine_collection *collection, struct val id,
                           struct engine_doc *out) {
    engine_tx_enter(tx);
    nacre_status status = get(ctx, tx, collection, id, out);
    engine_tx_leave(tx);
    return status;
}

static nacre_status view(struct ctx *ctx, struct engine_tx *tx, struct view **out,
                         struct cache **cache) {
    TRY(engine_tx_check(ctx, tx));
    TRY(need_delta(ctx, tx));
    *out = txn_view_layered(tx->view, tx->delta);
    if (!*out) return err_nomem(ctx);
    // The cache knows nothing of own writes, and what it gives nobody is told of.
    bool plain = !tx->options.serializable && !tx->delta->keys.count;
    *cache = plain ? tx->e->cache : NULL;
    return NACRE_OK;
}

nacre_status engine_tx_view(struct ctx *ctx, struct engine_tx *tx, struct view **out,
                            struct cache **cache) {
    engine_tx_enter(tx);
    nacre_status status = view(ctx, tx, out, cache);
    engine_tx_leave(tx);
    return status;
}

// --- writes -----------------------------------------------------------------------------

static nacre_status conflict(struct ctx *ctx, struct engine_tx *tx, const struct write_op *op) {
    struct buf text BUF_CLEANUP = {0};
    struct slice in = op->id_key;
    struct val id;
    const struct collection *c = catalog_by_tablet(tx->view->catalog, op->tablet);
    buf_init(&text, NULL, 4096);
    TRY(key_decode(ctx, &in, false, KEY_TB_PLAIN, &id));
    id_print(&text, id);
    nacre_status status =
        err_set(ctx, NACRE_CONFLICT,
                "document \"%.*s\" of collection %s was changed after the transaction began",
                text.n < 128 ? (int)text.n : 128, (const char *)text.p, c ? c->name : "?");
    err_hint(ctx, "begin the transaction again");
    end(tx, TX_ENDED);
    return status;
}

// Whether somebody's later version of the document is published already.
static nacre_status is_stale(struct ctx *ctx, struct engine_tx *tx, struct slice key, bool *out) {
    struct engine *e = tx->e;
    uint64_t mine = tx->view->commit_ts, published = txn_published_ts(e->txn);
    struct kv_pin pin;
    bool found;
    *out = false;
    if (published == mine) return NACRE_OK;
    const struct cache_entry *entry = cache_get(e->cache, key, cache_hash(key));
    if (entry) {
        // Newer than published it may still be one that is not synced: the commit will tell.
        *out = entry->ts > mine && entry->ts <= published;
        cache_unpin(e->cache, entry);
        return NACRE_OK;
    }
    struct view *newest = engine_view(e);
    nacre_status status = e->kv->ops->get(e->kv, ctx, newest->kv_view, KV_DATA, key, &pin, &found);
    if (status == NACRE_OK && found) {
        *out = seen_begin(key, pin.value) > mine;
        e->kv->ops->unpin(e->kv, &pin);
    }
    txn_view_release(newest);
    return status;
}

static nacre_status check_fresh(struct ctx *ctx, struct engine_tx *tx,
                                const struct command_write *c) {
    struct buf key BUF_CLEANUP = {0};
    buf_init(&key, NULL, 8192);
    for (uint32_t i = 0; i < c->count; i++) {
        bool stale = false;
        if (c->ops[i].kind == WRITE_GET) continue;
        buf_reset(&key);
        keyspace_prefix(&key, c->ops[i].tablet, KIND_DOCUMENT);
        buf_put_slice(&key, c->ops[i].id_key);
        TRY(buf_status(&key));
        if (reads_wrote(&tx->reads, buf_slice(&key))) continue;
        TRY(is_stale(ctx, tx, buf_slice(&key), &stale));
        if (stale) return conflict(ctx, tx, &c->ops[i]);
    }
    return NACRE_OK;
}

nacre_status engine_tx_unkeyed(struct ctx *ctx, const struct idempotency *idempotency) {
    if (!idempotency->key.n) return NACRE_OK;
    return err_set(ctx, NACRE_INVALID_ARGUMENT,
                   "an idempotency key is for a write by itself: in a transaction the commit is "
                   "what may be repeated");
}

static nacre_status prepare(struct ctx *ctx, struct engine_tx *tx,
                            const struct write_request *request, struct command_write *command,
                            struct result *out) {
    struct engine_collection handle = {0};
    TRY(engine_tx_unkeyed(ctx, &request->idempotency));
    nacre_status status = resolve(ctx, tx, request->target, &handle);
    if (status == NACRE_COLLECTION_NOT_FOUND)
        err_hint(ctx, "a transaction makes no collection: create it before");
    TRY(status);
    const struct collection *collection = catalog_by_tablet(tx->view->catalog, handle.tablet);
    struct write_request inside = *request;
    inside.tx = tx;
    status = prepare_write(ctx, tx->e, &inside, collection, command);
    if (status != NACRE_OK) out->failed_op = command->count;
    return status;
}

static nacre_status need_rehearsal(struct ctx *ctx, struct engine_tx *tx) {
    if (tx->rehearsing) return NACRE_OK;
    TRY(need_delta(ctx, tx));
    if (!tx->rehearsal) TRY(rehearsal_new(ctx, tx->e->kv, tx->e->cache, &tx->rehearsal));
    rehearsal_begin(tx->rehearsal, tx->view, tx->delta, &tx->reads);
    tx->rehearsing = true;
    return NACRE_OK;
}

static nacre_status rehearse(struct ctx *ctx, struct engine_tx *tx, const struct command_write *c,
                             struct result *out) {
    struct buf answer BUF_CLEANUP = {0};
    struct rehearsal_options options = {.now_ms = engine_now_ms(tx->e),
                                        .serializable = tx->options.serializable};
    TRY(need_rehearsal(ctx, tx));
    buf_init(&answer, &tx->e->budget, SIZE_MAX);
    TRY(rehearsal_run(ctx, tx->rehearsal, c, &options, &answer));
    if (buf_status(&answer) != NACRE_OK) return err_buf(ctx, &answer);
    const uint8_t *p = arena_copy(&ctx->arena, answer.p, answer.n);
    if (!p) return err_nomem(ctx);
    return result_decode(ctx, slice_of(p, answer.n), out);
}

// What the commit will carry. That the document is still what it was is validated there, so
// conditions on it need not be looked at again; a lease can end by time.
static nacre_status log_ops(struct ctx *ctx, struct engine_tx *tx, const struct command_write *c,
                            const struct result *result) {
    for (uint32_t i = 0; i < c->count; i++) {
        struct write_op op = c->ops[i];
        if (op.kind == WRITE_GET || result->ops[i].status != NACRE_OK) continue;
        op.flags &= WRITE_TTL | WRITE_LEASE | WRITE_SCHEMA;
        if (!tx->op_count) {
            const uint8_t *p = arena_copy(&tx->reads.arena, op.id_key.p, op.id_key.n);
            if (!p) return err_nomem(ctx);
            tx->first = slice_of(p, op.id_key.n);
            tx->tablet = op.tablet;
        }
        command_op_encode(&tx->ops, &op);
        tx->op_count++;
    }
    if (buf_status(&tx->ops) == NACRE_OK && tx->op_count <= TRANSACTION_OPS_MAX) return NACRE_OK;
    if (tx->ops.status == NACRE_MEMORY_LIMIT) return err_buf(ctx, &tx->ops);
    return err_set(ctx, NACRE_TRANSACTION_TOO_LARGE,
                   "one transaction may write %d bytes and %d documents", COMMAND_BYTES_MAX,
                   TRANSACTION_OPS_MAX);
}

nacre_status engine_tx_choose(struct ctx *ctx, struct engine_tx *tx, struct claim_choice *choice) {
    struct rehearsal_options options = {.now_ms = engine_now_ms(tx->e),
                                        .serializable = tx->options.serializable};
    TRY(need_rehearsal(ctx, tx));
    return rehearsal_choose(ctx, tx->rehearsal, choice, &options);
}

nacre_status engine_tx_run(struct ctx *ctx, struct engine_tx *tx,
                           const struct command_write *command, struct result *out) {
    TRY(check_fresh(ctx, tx, command));
    nacre_status status = rehearse(ctx, tx, command, out);
    if (status == NACRE_OK && out->status == NACRE_OK) status = log_ops(ctx, tx, command, out);
    if (status != NACRE_OK) { // what is kept of the step is not known: nothing more can be built on
        end(tx, TX_ENDED);
        return status;
    }
    return out->status == NACRE_OK ? NACRE_OK : result_error_raise(ctx, out->error);
}

static nacre_status write_in(struct ctx *ctx, struct engine_tx *tx,
                             const struct write_request *request, struct result *out) {
    struct command_write command;
    *out = (struct result){0};
    TRY(engine_tx_check(ctx, tx));
    TRY(engine_writable(ctx, tx->e));
    TRY(prepare(ctx, tx, request, &command, out));
    return engine_tx_run(ctx, tx, &command, out);
}

nacre_status engine_tx_write(struct ctx *ctx, struct engine_tx *tx,
                             const struct write_request *request, struct result *out) {
    engine_tx_enter(tx);
    nacre_status status = write_in(ctx, tx, request, out);
    engine_tx_leave(tx);
    return engine_recorded(ctx, status);
}

// --- the end ----------------------------------------------------------------------------

static nacre_status submit(struct ctx *ctx, struct engine_tx *tx, struct result *out) {
    struct buf payload BUF_CLEANUP = {0};
    static const struct command_idempotency none = {0};
    struct command_transaction c = {.flags =
                                        tx->options.serializable ? TRANSACTION_SERIALIZABLE : 0,
                                    .read_ts = tx->view->commit_ts,
                                    .began_ms = tx->began_ms,
                                    .op_count = tx->op_count,
                                    .encoded = buf_slice(&tx->ops)};
    struct engine_command command = {.type = COMMAND_TRANSACTION,
                                     .durability = tx->options.durability,
                                     .tablet = tx->tablet,
                                     .key = tx->op_count == 1 ? tx->first : slice_of(NULL, 0)};
    TRY(reads_list(ctx, &tx->reads, tx->options.serializable, &c));
    buf_init(&payload, &tx->e->budget, COMMAND_BYTES_MAX);
    command_transaction_encode(&payload, &c);
    return engine_submit_keyed(ctx, tx->e, &command, &payload, &none, out);
}

nacre_status engine_tx_commit(struct ctx *ctx, struct engine_tx *tx, struct result *out) {
    *out = (struct result){0};
    engine_tx_enter(tx);
    nacre_status status = engine_tx_check(ctx, tx);
    if (status == NACRE_OK && tx->op_count)
        status = submit(ctx, tx, out);
    else if (status == NACRE_OK)
        *out = (struct result){.seq = tx->view->seq,
                               .commit_ts = tx->view->commit_ts,
                               .generation = tx->view->generation};
    end(tx, TX_NONE);
    engine_tx_leave(tx);
    return engine_recorded(ctx, status);
}
