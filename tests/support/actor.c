#include "support/actor.h"

#include <stdio.h>
#include <string.h>

#include "base/err/check.h"
#include "doc/json.h"
#include "engine/tx.h"
#include "support/actor_chunks.h"
#include "support/actor_claim.h"
#include "support/oracle.h"

enum { TTL_SECONDS = 1, LARGE_MIN = 270 * 1024, LARGE_SPAN = 400 * 1024 };

void actor_init(struct actor *a, struct oracle *o, const struct world *world, uint32_t me,
                uint64_t seed) {
    *a = (struct actor){.o = o, .me = me};
    ctx_init(&a->ctx, world, NULL, SIZE_MAX);
    rng_seed(&a->rng, seed * 31 + me);
}

void actor_free(struct actor *a) { ctx_free(&a->ctx); }

enum durability actor_durability(struct actor *a) {
    return !a->no_memory && rng_below(&a->rng, 3) == 0 ? DURABILITY_MEMORY : DURABILITY_SYNCED;
}

nacre_status actor_parse(struct actor *a, const char *json, struct slice *out) {
    struct buf bytes BUF_CLEANUP = {0};
    struct json_options options = {.allow_dollar_names = true};
    buf_init(&bytes, NULL, SIZE_MAX);
    TRY(json_parse(&a->ctx, slice_str(json), &options, &bytes));
    const uint8_t *p = arena_copy(&a->ctx.arena, bytes.p, bytes.n);
    if (!p) return err_nomem(&a->ctx);
    *out = slice_of(p, bytes.n);
    return NACRE_OK;
}

// --- what is written down ---------------------------------------------------------------

void actor_intend(struct actor *a, enum oracle_op op, uint32_t count) {
    struct oracle_intent *i = &a->o->actors[a->me].intent;
    i->count = count;
    atomic_store(&i->op, op);
}

void actor_acknowledge(struct actor *a, const struct oracle_entry *entry) {
    struct oracle_actor *me = &a->o->actors[a->me];
    uint32_t n = atomic_load(&me->count);
    CHECK(n < ORACLE_JOURNAL);
    me->entries[n] = *entry;
    me->entries[n].order = atomic_fetch_add(&a->o->order, 1) + 1;
    atomic_store(&me->count, n + 1);
    a->o->now[entry->slot] = entry->after;
    if (a->mark) a->mark(me->entries[n].order);
}

static bool is_machine(nacre_status status) {
    return status == NACRE_IO_ERROR || status == NACRE_MEMORY_LIMIT ||
           status == NACRE_OUTCOME_UNKNOWN || status == NACRE_DISK_FULL || status == NACRE_CLOSED;
}

static nacre_status surprise(struct actor *a, const struct actor_call *call) {
    const struct oracle_intent *i = &a->o->actors[a->me].intent;
    uint32_t slot = i->count ? i->slots[0] : 0;
    oracle_fail(a->o, "actor %u, operation %u on slot %u: %s instead of %s: %s", a->me,
                atomic_load(&i->op), slot, nacre_status_code(call->got),
                nacre_status_code(call->want), a->ctx.err.detail);
    return NACRE_INTERNAL;
}

// A definite error means that nothing happened; an unknown outcome leaves the intent to the next
// check.
nacre_status actor_settle(struct actor *a, const struct actor_call *call) {
    struct oracle_actor *me = &a->o->actors[a->me];
    struct oracle_intent *i = &me->intent;
    if (call->got != call->want) {
        if (!a->faults || !is_machine(call->got)) return surprise(a, call);
        if (call->got != NACRE_OUTCOME_UNKNOWN && !oracle_op_is_repeated(atomic_load(&i->op)))
            atomic_store(&i->op, ORACLE_IDLE);
        return call->got;
    }
    for (uint32_t k = 0; k < i->count && call->got == NACRE_OK; k++) {
        struct oracle_entry entry = {.seq = call->result->seq,
                                     .slot = i->slots[k],
                                     .synced = call->durability == DURABILITY_SYNCED,
                                     .in_parts = atomic_load(&i->op) == ORACLE_CHUNKS,
                                     .after = i->after[k]};
        actor_acknowledge(a, &entry);
    }
    me->acknowledged++;
    atomic_store(&i->op, ORACLE_IDLE);
    return NACRE_OK;
}

// --- single documents -------------------------------------------------------------------

struct plan {
    struct write_item item;
    nacre_status want;
    uint32_t slot;
    struct oracle_state after; // == before when nothing is to change
    bool changes;
    uint64_t version; // room for item.versions
    char filter[64];
};

static uint32_t random_size(struct actor *a) {
    if (!a->small && rng_below(&a->rng, 100) == 0)
        return LARGE_MIN + (uint32_t)rng_below(&a->rng, LARGE_SPAN);
    return (uint32_t)rng_below(&a->rng, rng_below(&a->rng, 4) ? 200 : 4000);
}

static void plan_document(struct actor *a, struct plan *p, enum write_kind kind) {
    const struct oracle_state *s = &a->o->now[p->slot];
    p->item = (struct write_item){.kind = kind};
    p->after = (struct oracle_state){.live = 1, .n = s->n + 1, .version = s->version + 1};
    p->changes = true;
    p->want = NACRE_OK;
    if (kind == WRITE_DELETE) {
        p->item.id = val_int(oracle_id(p->slot));
        p->after.live = 0;
        if (!s->live) p->want = NACRE_DOCUMENT_NOT_FOUND;
    } else {
        p->after.size = random_size(a);
        p->item.body = oracle_body(&a->ctx, p->slot, &p->after);
        if (kind == WRITE_INSERT && s->live) p->want = NACRE_ALREADY_EXISTS;
    }
    if (p->want != NACRE_OK) p->changes = false;
}

// The padding stays; everything that follows from n changes.
static nacre_status plan_patch(struct actor *a, struct plan *p) {
    const struct oracle_state *s = &a->o->now[p->slot];
    char json[256];
    p->after = *s;
    p->after.version++;
    p->after.n += 26; // the padding's letter stays
    p->item = (struct write_item){.kind = WRITE_PATCH, .id = val_int(oracle_id(p->slot))};
    p->changes = s->live;
    p->want = s->live ? NACRE_OK : NACRE_DOCUMENT_NOT_FOUND;
    (void)snprintf(json, sizeof json, "{\"$inc\":{\"n\":26,\"u\":26},\"$set\":{\"tags\":[%d,%d]}}",
                   (int)(p->after.n % 7), (int)(p->after.n % 3));
    return actor_parse(a, json, &p->item.body);
}

// A condition that holds or not, by the actor's knowledge.
static void plan_condition(struct actor *a, struct plan *p) {
    const struct oracle_state *s = &a->o->now[p->slot];
    if (p->want != NACRE_OK || !s->live) return;
    bool holds = rng_below(&a->rng, 2);
    if (rng_below(&a->rng, 2)) {
        p->version = holds ? s->version : s->version + 1;
        p->item.versions = &p->version;
        p->item.version_count = 1;
        if (!holds) p->want = NACRE_VERSION_MISMATCH;
    } else {
        (void)snprintf(p->filter, sizeof p->filter, "n = %llu",
                       (unsigned long long)(s->n + (holds ? 0 : 1)));
        p->item.filter = slice_str(p->filter);
        if (!holds) p->want = NACRE_CONDITION_FAILED;
    }
    if (!holds) p->changes = false;
}

static nacre_status plan_any(struct actor *a, uint32_t key, struct plan *p) {
    static const enum write_kind kinds[] = {WRITE_PUT,    WRITE_PUT,   WRITE_INSERT,
                                            WRITE_DELETE, WRITE_PATCH, WRITE_PATCH};
    enum write_kind kind = kinds[rng_below(&a->rng, sizeof kinds / sizeof *kinds)];
    *p = (struct plan){.slot = oracle_slot(a->me, key)};
    if (kind == WRITE_PATCH)
        TRY(plan_patch(a, p));
    else
        plan_document(a, p, kind);
    return NACRE_OK;
}

static void intend_plan(struct actor *a, const struct plan *p, uint32_t *count) {
    struct oracle_intent *i = &a->o->actors[a->me].intent;
    if (!p->changes) return;
    i->slots[*count] = p->slot;
    i->after[(*count)++] = p->after;
}

static nacre_status check_version(struct actor *a, const struct plan *p,
                                  const struct op_result *op) {
    // A delete tells the version of what it deleted, one below its own.
    uint64_t want = p->after.live ? p->after.version : p->after.version - 1;
    if (!p->changes || op->version == want) return NACRE_OK;
    oracle_fail(a->o, "slot %u got version %llu instead of %llu", p->slot,
                (unsigned long long)op->version, (unsigned long long)want);
    return NACRE_INTERNAL;
}

static nacre_status one_document(struct actor *a) {
    struct plan p;
    struct result result = {0};
    uint32_t count = 0;
    TRY(plan_any(a, (uint32_t)rng_below(&a->rng, ORACLE_KEYS), &p));
    plan_condition(a, &p);
    intend_plan(a, &p, &count);
    struct write_request request = {.target.collection = SLICE_LIT("c"),
                                    .count = 1,
                                    .items = &p.item,
                                    .durability = actor_durability(a)};
    actor_intend(a, ORACLE_WRITE, count);
    nacre_status got = engine_write(&a->ctx, a->engine, &request, &result);
    struct actor_call call = {got, p.want, &result, request.durability};
    if (got == NACRE_OK && p.want == NACRE_OK) TRY(check_version(a, &p, &result.ops[0]));
    return actor_settle(a, &call);
}

// Several documents: all or nothing when atomic; else what fails by itself leaves the others.
static nacre_status many_documents(struct actor *a) {
    struct plan plans[ORACLE_ITEMS];
    struct write_item items[ORACLE_ITEMS];
    struct result result = {0};
    uint32_t n = 2 + (uint32_t)rng_below(&a->rng, ORACLE_ITEMS - 1), count = 0;
    uint32_t key = (uint32_t)rng_below(&a->rng, ORACLE_KEYS);
    bool atomic = rng_below(&a->rng, 2);
    nacre_status want = NACRE_OK;
    for (uint32_t k = 0; k < n; k++) {
        TRY(plan_any(a, (key + k) % ORACLE_KEYS, &plans[k]));
        items[k] = plans[k].item;
        if (atomic && want == NACRE_OK) want = plans[k].want;
    }
    for (uint32_t k = 0; k < n && want == NACRE_OK; k++)
        intend_plan(a, &plans[k], &count);
    struct write_request request = {.target.collection = SLICE_LIT("c"),
                                    .atomic = atomic,
                                    .count = n,
                                    .items = items,
                                    .durability = actor_durability(a)};
    actor_intend(a, ORACLE_WRITE, count);
    nacre_status got = engine_write(&a->ctx, a->engine, &request, &result);
    for (uint32_t k = 0; k < n && got == NACRE_OK && want == NACRE_OK; k++) {
        struct actor_call item = {result.ops[k].status, plans[k].want, &result, 0};
        if (item.got != item.want) return surprise(a, &item);
        TRY(check_version(a, &plans[k], &result.ops[k]));
    }
    struct actor_call call = {got, want, &result, request.durability};
    return actor_settle(a, &call);
}

// --- transactions -----------------------------------------------------------------------

// Whether the transaction sees what it has written itself.
static nacre_status read_back(struct actor *a, struct engine_tx *tx, const struct plan *p) {
    struct engine_collection c = {.target.collection = SLICE_LIT("c")};
    struct engine_doc doc = {0};
    nacre_status want = p->after.live ? NACRE_OK : NACRE_DOCUMENT_NOT_FOUND;
    nacre_status got = engine_tx_get(&a->ctx, tx, &c, val_int(oracle_id(p->slot)), &doc);
    uint64_t version = got == NACRE_OK ? doc.row.version : p->after.version;
    engine_release_doc(a->engine, &doc);
    if (got == want && version == p->after.version) return NACRE_OK;
    if (got != want && a->faults && is_machine(got)) return got;
    oracle_fail(a->o, "slot %u in a transaction: %s, version %llu instead of %llu", p->slot,
                nacre_status_code(got), (unsigned long long)version,
                (unsigned long long)p->after.version);
    return NACRE_INTERNAL;
}

// What fails by itself leaves the others. *got: how the transaction as a whole went so far.
static nacre_status write_plans(struct actor *a, struct engine_tx *tx, struct plan *plans,
                                uint32_t n, nacre_status *got) {
    for (uint32_t k = 0; k < n; k++) {
        struct result result;
        struct write_request request = {.target.collection = SLICE_LIT("c"),
                                        .atomic = true,
                                        .count = 1,
                                        .items = &plans[k].item};
        nacre_status status = engine_tx_write(&a->ctx, tx, &request, &result);
        struct actor_call item = {status, plans[k].want, &result, 0};
        if (status != plans[k].want && a->faults && is_machine(status)) {
            *got = status;
            return NACRE_OK;
        }
        if (status != plans[k].want) return surprise(a, &item);
        if (status == NACRE_OK) TRY(check_version(a, &plans[k], &result.ops[0]));
        if (!plans[k].changes) continue;
        status = read_back(a, tx, &plans[k]);
        if (status == NACRE_INTERNAL) return status;
        if (status != NACRE_OK) { // the next write would record another error
            *got = status;
            return NACRE_OK;
        }
    }
    return NACRE_OK;
}

// Reads a few documents in their order, from anywhere: what the commit validates as a range.
static nacre_status read_range(struct actor *a, struct engine_tx *tx) {
    struct engine_collection c = {.target.collection = SLICE_LIT("c")};
    struct buf from BUF_CLEANUP = {0}, to BUF_CLEANUP = {0};
    struct view *view;
    struct cache *cache;
    struct kv_iter *it;
    TRY(engine_tx_view(&a->ctx, tx, &view, &cache));
    nacre_status status = engine_tx_resolve(&a->ctx, tx, &c);
    buf_init(&from, NULL, 256);
    buf_init(&to, NULL, 256);
    keyspace_document(&from, c.tablet, val_int((int64_t)rng_below(&a->rng, ORACLE_KEYS)));
    keyspace_prefix(&to, c.tablet, (enum key_kind)(KIND_DOCUMENT + 1));
    if (status == NACRE_OK && (buf_status(&from) != NACRE_OK || buf_status(&to) != NACRE_OK))
        status = err_nomem(&a->ctx);
    struct kv_iter_options options = {.lower = buf_slice(&from), .upper = buf_slice(&to)};
    if (status == NACRE_OK)
        status = view->kv->ops->iter_open(view->kv, &a->ctx, view->kv_view, KV_DATA, &options, &it);
    if (status == NACRE_OK) {
        it->ops->seek_first(it);
        for (uint64_t i = rng_below(&a->rng, 5); i && it->valid; i--)
            it->ops->next(it);
        if (!it->valid) status = it->ops->status(it, &a->ctx);
        it->ops->close(it);
    }
    txn_view_release(view);
    return status;
}

// Several documents one by one, then a commit, or none.
static nacre_status transaction(struct actor *a) {
    struct plan plans[ORACLE_ITEMS];
    struct result result = {0};
    struct engine_tx *tx;
    uint32_t n = 1 + (uint32_t)rng_below(&a->rng, ORACLE_ITEMS), count = 0;
    uint32_t key = (uint32_t)rng_below(&a->rng, ORACLE_KEYS);
    bool gives_up = rng_below(&a->rng, 6) == 0, ranges = rng_below(&a->rng, 3) == 0;
    struct engine_tx_options options = {.serializable = rng_below(&a->rng, 2),
                                        .durability = actor_durability(a)};
    for (uint32_t k = 0; k < n; k++) {
        TRY(plan_any(a, (key + k) % ORACLE_KEYS, &plans[k]));
        if (!gives_up) intend_plan(a, &plans[k], &count);
    }
    actor_intend(a, ORACLE_WRITE, count);
    nacre_status got = engine_tx_new(&a->ctx, a->engine, &tx), told = NACRE_OK;
    if (got == NACRE_OK) {
        got = engine_tx_begin(&a->ctx, tx, &options);
        if (got == NACRE_OK && ranges) got = read_range(a, tx);
        if (got == NACRE_OK) told = write_plans(a, tx, plans, n, &got);
        if (told == NACRE_OK && got == NACRE_OK && !gives_up)
            got = engine_tx_commit(&a->ctx, tx, &result);
        engine_tx_free(tx);
    }
    if (told != NACRE_OK) return told;
    if (got == NACRE_CONFLICT && ranges && options.serializable) { // with another actor
        a->o->actors[a->me].intent.count = 0;
        got = NACRE_OK;
    }
    struct actor_call call = {got, NACRE_OK, &result, options.durability};
    return actor_settle(a, &call);
}

// --- counters, expiry, reading ----------------------------------------------------------

static nacre_status increment(struct actor *a) {
    struct result result = {0};
    char json[64];
    uint32_t slot = oracle_slot(a->me, ORACLE_OWN - 1);
    struct write_item item = {.kind = WRITE_PATCH, .id = val_int(ORACLE_HOT_ID)};
    struct write_request request = {.target.collection = SLICE_LIT("c"),
                                    .count = 1,
                                    .items = &item,
                                    .durability = actor_durability(a)};
    struct oracle_intent *i = &a->o->actors[a->me].intent;
    (void)snprintf(json, sizeof json, "{\"$inc\":{\"a%u\":1}}", a->me);
    TRY(actor_parse(a, json, &item.body));
    i->slots[0] = slot;
    i->after[0] = a->o->now[slot];
    i->after[0].n++;
    actor_intend(a, ORACLE_WRITE, 1);
    nacre_status got = engine_write(&a->ctx, a->engine, &request, &result);
    struct actor_call call = {got, NACRE_OK, &result, request.durability};
    return actor_settle(a, &call);
}

// The intent and the number of the key are there: sends the request, for the first time or again.
static nacre_status idempotent_send(struct actor *a, bool again) {
    struct result result = {0};
    char key[32];
    struct oracle_actor *me = &a->o->actors[a->me];
    uint32_t slot = me->intent.slots[0];
    bool done = a->o->now[slot].n == me->intent.after[0].n;
    struct write_item item = {.kind = WRITE_PATCH, .id = val_int(oracle_id(slot))};
    (void)snprintf(key, sizeof key, "a%u-%llu", a->me, (unsigned long long)me->keys);
    TRY(actor_parse(a, "{\"$inc\":{\"n\":1}}", &item.body));
    struct write_request request = {
        .target.collection = SLICE_LIT("c"),
        .count = 1,
        .items = &item,
        .durability = actor_durability(a),
        .idempotency = {.key = slice_str(key), .principal = SLICE_LIT("p"), .body_hash = me->keys}};
    nacre_status got = engine_write(&a->ctx, a->engine, &request, &result);
    struct actor_call call = {got, NACRE_OK, &result, request.durability};
    if (got == NACRE_OK && done != ((result.flags & RESULT_REPLAYED) != 0))
        oracle_fail(a->o, "actor %u, idempotent request %llu%s: %s", a->me,
                    (unsigned long long)me->keys, again ? " again" : "",
                    done ? "done a second time" : "answered but never done");
    return actor_settle(a, &call);
}

static nacre_status idempotent(struct actor *a) {
    struct oracle_actor *me = &a->o->actors[a->me];
    uint32_t slot = oracle_slot(a->me, ORACLE_OWN - 2);
    me->keys++;
    me->intent.slots[0] = slot;
    me->intent.after[0] = a->o->now[slot];
    me->intent.after[0].n++;
    actor_intend(a, ORACLE_IDEMPOTENT, 1);
    return idempotent_send(a, false);
}

static nacre_status put_ttl(struct actor *a) {
    struct result result = {0};
    uint32_t key = ORACLE_KEYS + (uint32_t)rng_below(&a->rng, ORACLE_TTL_KEYS);
    uint32_t slot = oracle_slot(a->me, key);
    struct oracle_intent *i = &a->o->actors[a->me].intent;
    struct oracle_state after = {.live = 1,
                                 .n = a->o->now[slot].n + 1,
                                 .size = 20,
                                 .expires_ms = engine_now_ms(a->engine) + TTL_SECONDS * 1000};
    struct write_item item = {.kind = WRITE_PUT,
                              .has_ttl = true,
                              .ttl_seconds = TTL_SECONDS,
                              .body = oracle_body(&a->ctx, slot, &after)};
    struct write_request request = {.target.collection = SLICE_LIT("c"),
                                    .count = 1,
                                    .items = &item,
                                    .durability = actor_durability(a)};
    i->slots[0] = slot;
    i->after[0] = after;
    actor_intend(a, ORACLE_WRITE, 1);
    nacre_status got = engine_write(&a->ctx, a->engine, &request, &result);
    struct actor_call call = {got, NACRE_OK, &result, request.durability};
    return actor_settle(a, &call);
}

static nacre_status read_own(struct actor *a) {
    uint32_t slot = oracle_slot(a->me, (uint32_t)rng_below(&a->rng, ORACLE_OWN));
    if (oracle_fits(a->o, &a->ctx, a->engine, slot)) return NACRE_OK;
    oracle_fail(a->o, "actor %u does not read what it wrote to slot %u", a->me, slot);
    return NACRE_INTERNAL;
}

// Old versions of a while ago may go, and changes that all followers have got.
static nacre_status trim(struct actor *a) {
    struct buf payload BUF_CLEANUP = {0};
    struct result result = {0};
    uint64_t now_ms = engine_now_ms(a->engine);
    struct command_horizon horizon = {.history_ts = (now_ms - rng_below(&a->rng, 3000)) << 20,
                                      .changes_ts = follower_passed_ts(a->o),
                                      .records_max = HORIZON_RECORDS_MAX};
    buf_init(&payload, NULL, 64);
    command_horizon_encode(&payload, &horizon);
    struct engine_command command = {
        .type = COMMAND_HORIZON, .durability = actor_durability(a), .payload = buf_slice(&payload)};
    actor_intend(a, ORACLE_WRITE, 0);
    nacre_status got = engine_submit(&a->ctx, a->engine, &command, &result);
    struct actor_call call = {got, NACRE_OK, &result, command.durability};
    return actor_settle(a, &call);
}

nacre_status actor_resume(struct actor *a, struct engine *engine) {
    a->engine = engine;
    ctx_reset(&a->ctx);
    TRY(actor_claim_resume(a));
    uint32_t op = atomic_load(&a->o->actors[a->me].intent.op);
    if (op == ORACLE_CHUNKS) return actor_chunks_send(a, true);
    return op == ORACLE_IDEMPOTENT ? idempotent_send(a, true) : NACRE_OK;
}

nacre_status actor_step(struct actor *a) {
    ctx_reset(&a->ctx);
    if (atomic_load(&a->o->failed)) return NACRE_INTERNAL;
    if (atomic_load(&a->o->actors[a->me].count) + ORACLE_ITEMS >= ORACLE_JOURNAL)
        return read_own(a);
    uint64_t dice = rng_below(&a->rng, 100);
    if (dice < 30) return one_document(a);
    if (dice < 38) return many_documents(a);
    if (dice < 47) return transaction(a);
    if (dice < 55) return increment(a);
    if (dice < 62) return idempotent(a);
    if (dice < 65) return actor_chunks(a);
    if (dice < 70) return put_ttl(a);
    if (dice < 77) return read_own(a);
    if (dice < 78) return trim(a);
    if (dice < 96 || a->me) return actor_claim_step(a);
    return actor_ddl_step(a);
}
