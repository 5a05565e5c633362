#include "support/oracle.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err/check.h"
#include "base/os/fault.h"
#include "doc/json.h"

enum { BODY_MAX = 1024 * 1024 };

// --- slots ------------------------------------------------------------------------------

uint32_t oracle_slot(uint32_t actor, uint32_t key) { return actor * ORACLE_OWN + key; }
uint32_t oracle_job_slot(uint32_t job) { return ORACLE_ACTORS * ORACLE_OWN + job; }
uint32_t oracle_ddl_slot(uint32_t number) { return oracle_job_slot(ORACLE_JOBS) + number; }
uint32_t oracle_index_slot(uint32_t number) { return oracle_ddl_slot(ORACLE_DDL) + number; }

enum oracle_kind oracle_kind_of(uint32_t slot) {
    if (slot >= oracle_index_slot(0)) return ORACLE_INDEX;
    if (slot >= oracle_ddl_slot(0)) return ORACLE_COLLECTION;
    if (slot >= oracle_job_slot(0)) return ORACLE_JOB;
    uint32_t key = slot % ORACLE_OWN;
    if (key < ORACLE_KEYS) return ORACLE_DOC;
    if (key < ORACLE_KEYS + ORACLE_TTL_KEYS) return ORACLE_TTL;
    return key == ORACLE_OWN - 1 ? ORACLE_HOT : ORACLE_COUNTER;
}

int64_t oracle_id(uint32_t slot) {
    enum oracle_kind kind = oracle_kind_of(slot);
    if (kind == ORACLE_HOT) return ORACLE_HOT_ID;
    if (kind == ORACLE_JOB) return slot - oracle_job_slot(0);
    return slot;
}

void oracle_ddl_name(uint32_t slot, char out[16]) {
    if (oracle_kind_of(slot) == ORACLE_INDEX)
        (void)snprintf(out, 16, "by%u", slot - oracle_index_slot(0));
    else
        (void)snprintf(out, 16, "ddl%u", slot - oracle_ddl_slot(0));
}

void oracle_fail(struct oracle *o, const char *fmt, ...) {
    uint32_t none = 0;
    if (!atomic_compare_exchange_strong(&o->failed, &none, 1)) return;
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(o->failure, sizeof o->failure, fmt, args);
    va_end(args);
    atomic_store(&o->failed, 2); // the text is whole
}

// --- documents --------------------------------------------------------------------------

struct slice oracle_body(struct ctx *ctx, uint32_t slot, const struct oracle_state *state) {
    struct buf bytes BUF_CLEANUP = {0};
    struct bson_writer w;
    // What the test itself allocates here does not fail.
    long long armed = atomic_exchange(&fault_countdown[FAULT_ALLOC], 0);
    char *pad = mem_alloc(state->size + 1);
    CHECK(pad != NULL);
    memset(pad, 'a' + (int)(state->n % 26), state->size);
    buf_init(&bytes, NULL, BODY_MAX);
    bson_begin(&w, &bytes);
    bson_put(&w, SLICE_LIT("_id"), val_int(oracle_id(slot)));
    bson_put(&w, SLICE_LIT("n"), val_int((int64_t)state->n));
    bson_put(&w, SLICE_LIT("u"), val_int((int64_t)(slot * 1000000ull + state->n)));
    bson_open_array(&w, SLICE_LIT("tags"));
    bson_put(&w, slice_of(NULL, 0), val_int((int64_t)(state->n % 7)));
    bson_put(&w, slice_of(NULL, 0), val_int((int64_t)(state->n % 3)));
    bson_close(&w);
    bson_put(&w, SLICE_LIT("pad"), val_str(slice_of(pad, state->size)));
    bson_end(&w);
    mem_free(pad);
    CHECK(buf_status(&bytes) == NACRE_OK);
    const uint8_t *p = arena_copy(&ctx->arena, bytes.p, bytes.n);
    CHECK(p != NULL);
    atomic_store(&fault_countdown[FAULT_ALLOC], armed);
    return slice_of(p, bytes.n);
}

struct reader {
    struct oracle *o;
    struct ctx *ctx;
    struct engine *engine;
    bool *unreadable;            // set when the machine fails; NULL: it must not
    bool claimed[ORACLE_ACTORS]; // a job was found that the actor's running claim has won
};

// A document that is not there gives false; what cannot be read fails the oracle.
static bool get(const struct reader *r, const char *collection, int64_t id,
                struct engine_doc *out) {
    struct engine_collection handle = {.target.collection = slice_str(collection)};
    nacre_status status = engine_resolve(r->ctx, r->engine, handle.target, &handle);
    if (status == NACRE_OK) status = engine_get(r->ctx, r->engine, &handle, val_int(id), out);
    if (status == NACRE_OK) return true;
    if (status == NACRE_DOCUMENT_NOT_FOUND || status == NACRE_COLLECTION_NOT_FOUND) return false;
    if (r->unreadable)
        *r->unreadable = true;
    else
        oracle_fail(r->o, "%s/%lld cannot be read: %s: %s", collection, (long long)id,
                    nacre_status_code(status), r->ctx->err.detail);
    return false;
}

static int64_t field(struct slice body, const char *name) {
    struct val v = bson_find(body, slice_str(name));
    return v.type == VAL_INT ? v.i : -1;
}

static bool doc_fits(const struct reader *r, uint32_t slot, const struct oracle_state *want) {
    struct engine_doc doc = {0};
    if (!get(r, "c", oracle_id(slot), &doc)) return !want->live;
    bool fits = want->live && (!want->version || doc.row.version == want->version) &&
                slice_eq(doc.row.body, oracle_body(r->ctx, slot, want));
    engine_release_doc(r->engine, &doc);
    return fits;
}

static bool ttl_fits(const struct reader *r, uint32_t slot, const struct oracle_state *want) {
    struct engine_doc doc = {0};
    if (!get(r, "c", oracle_id(slot), &doc))
        return !want->live || engine_now_ms(r->engine) >= want->expires_ms;
    bool fits = want->live && slice_eq(doc.row.body, oracle_body(r->ctx, slot, want));
    engine_release_doc(r->engine, &doc);
    return fits;
}

static bool field_fits(const struct reader *r, uint32_t slot, const struct oracle_state *want) {
    struct engine_doc doc = {0};
    char name[16] = "n";
    if (oracle_kind_of(slot) == ORACLE_HOT)
        (void)snprintf(name, sizeof name, "a%u", slot / ORACLE_OWN);
    if (!get(r, "c", oracle_id(slot), &doc)) return false;
    bool fits = field(doc.row.body, name) == (int64_t)want->n;
    engine_release_doc(r->engine, &doc);
    return fits;
}

static bool ddl_fits(const struct reader *r, uint32_t slot, const struct oracle_state *want) {
    struct engine_doc doc = {0};
    struct engine_collection handle = {0};
    char name[16];
    oracle_ddl_name(slot, name);
    struct target target = {.collection = slice_str(name)};
    bool there = engine_resolve(r->ctx, r->engine, target, &handle) == NACRE_OK;
    if (there != (want->live != 0)) return false;
    for (uint64_t i = 0; there && i < want->n; i++) {
        if (!get(r, name, (int64_t)i, &doc)) return false;
        engine_release_doc(r->engine, &doc);
    }
    if (!there || !get(r, name, (int64_t)want->n, &doc)) return true;
    engine_release_doc(r->engine, &doc);
    return false;
}

static bool index_fits(const struct reader *r, uint32_t slot, const struct oracle_state *want) {
    struct engine_collection handle = {0};
    struct target target = {.collection = SLICE_LIT("c")};
    char name[16];
    oracle_ddl_name(slot, name);
    if (engine_resolve(r->ctx, r->engine, target, &handle) != NACRE_OK) return false;
    struct view *view = engine_view(r->engine);
    const struct collection *c = catalog_by_tablet(view->catalog, handle.tablet);
    const struct index_def *index = c ? catalog_index(c, slice_str(name)) : NULL;
    bool fits = (index != NULL) == (want->live != 0);
    if (index && index->state == INDEX_FAILED)
        oracle_fail(r->o, "building index %s failed: %s", name, index->error);
    txn_view_release(view);
    return fits;
}

static bool fits(const struct reader *r, uint32_t slot, const struct oracle_state *want) {
    arena_reset(&r->ctx->arena);
    switch (oracle_kind_of(slot)) {
    case ORACLE_DOC:
        return doc_fits(r, slot, want);
    case ORACLE_TTL:
        return ttl_fits(r, slot, want);
    case ORACLE_COUNTER:
    case ORACLE_HOT:
        return field_fits(r, slot, want);
    case ORACLE_COLLECTION:
        return ddl_fits(r, slot, want);
    case ORACLE_INDEX:
        return index_fits(r, slot, want);
    case ORACLE_JOB:
        break;
    }
    return true; // jobs are looked at with their claimers
}

bool oracle_fits(struct oracle *o, struct ctx *ctx, struct engine *engine, uint32_t slot) {
    bool unreadable = false;
    struct reader r = {.o = o, .ctx = ctx, .engine = engine, .unreadable = &unreadable};
    bool as_written = fits(&r, slot, &o->now[slot]);
    return as_written || unreadable;
}

// --- folding ----------------------------------------------------------------------------

static int by_seq(const void *a, const void *b) {
    const struct oracle_entry *const *x = a, *const *y = b;
    return (*x)->seq < (*y)->seq ? -1 : (*x)->seq > (*y)->seq;
}

static bool is_releasing(const struct oracle *o, uint32_t actor, uint32_t slot) {
    const struct oracle_intent *i = &o->actors[actor].intent;
    return atomic_load(&i->op) == ORACLE_RELEASE && i->slots[0] == slot;
}

static struct oracle_base *base_of(struct oracle *o, bool other) {
    return &o->bases[(atomic_load(&o->which) + other) % 2];
}

static void fold_one(struct oracle *o, const struct oracle_entry *e, uint64_t last_seq,
                     enum oracle_loss loss) {
    struct oracle_state *s = &o->now[e->slot];
    if (e->seq <= base_of(o, false)->seq) return;
    if (e->seq > last_seq) {
        struct oracle_next *next = &o->next[e->slot];
        if (!next->known) *next = (struct oracle_next){true, e->in_parts, e->after};
        o->lost_allowed++;
        bool promised = loss != ORACLE_POWER_LOSS || e->order <= o->mark;
        if (promised && (loss == ORACLE_NO_LOSS || e->synced))
            oracle_fail(
                o, "an acknowledged%s write is lost: slot %u, seq %llu, the database ends at %llu",
                e->synced ? " synced" : "", e->slot, (unsigned long long)e->seq,
                (unsigned long long)last_seq);
        return;
    }
    if (oracle_kind_of(e->slot) == ORACLE_JOB && e->after.live && s->live && s->n != e->after.n &&
        !is_releasing(o, s->live - 1, e->slot))
        oracle_fail(o, "job %lld was won by actor %u while actor %u held it",
                    (long long)oracle_id(e->slot), e->after.live - 1, s->live - 1);
    *s = e->after;
}

static void fold(struct oracle *o, uint64_t last_seq, enum oracle_loss loss) {
    size_t count = 0, n = 0;
    memcpy(o->now, base_of(o, false)->states, sizeof o->now);
    memset(o->next, 0, sizeof o->next);
    for (uint32_t a = 0; a < ORACLE_ACTORS; a++)
        count += atomic_load(&o->actors[a].count);
    const struct oracle_entry **all = mem_alloc((count + 1) * sizeof *all);
    CHECK(all != NULL);
    for (uint32_t a = 0; a < ORACLE_ACTORS; a++)
        for (uint32_t i = 0; i < atomic_load(&o->actors[a].count); i++)
            all[n++] = &o->actors[a].entries[i];
    qsort(all, n, sizeof *all, by_seq);
    for (size_t i = 0; i < n; i++)
        fold_one(o, all[i], last_seq, loss);
    mem_free(all);
}

// --- what was running -------------------------------------------------------------------

static bool all_fit(const struct reader *r, const struct oracle_intent *i, bool after) {
    for (uint32_t k = 0; k < i->count; k++)
        if (!fits(r, i->slots[k], after ? &i->after[k] : &r->o->now[i->slots[k]])) return false;
    return true;
}

struct oracle_state oracle_after_chunks(const struct oracle_state *before) {
    struct oracle_state after = *before;
    if (!before->live) return after;
    after.n += ORACLE_CHUNKS_INC;
    after.version++;
    return after;
}

// Each document for itself is done or not; memory-level writes before it may be lost.
static void settle_chunks(const struct reader *r, struct oracle_intent *i) {
    for (uint32_t k = 0; k < i->count; k++) {
        struct oracle_state *now = &r->o->now[i->slots[k]];
        if (fits(r, i->slots[k], &i->after[k]))
            *now = i->after[k];
        else if (fits(r, i->slots[k], now))
            i->after[k] = oracle_after_chunks(now);
        else
            oracle_fail(r->o, "slot %u is neither before nor after a chunk", i->slots[k]);
    }
}

static void settle_intent(const struct reader *r, uint32_t actor) {
    struct oracle_intent *i = &r->o->actors[actor].intent;
    uint32_t op = atomic_load(&i->op);
    if (op == ORACLE_CHUNKS) settle_chunks(r, i);
    if (op != ORACLE_WRITE && op != ORACLE_IDEMPOTENT) return;
    if (all_fit(r, i, true)) {
        for (uint32_t k = 0; k < i->count; k++)
            r->o->now[i->slots[k]] = i->after[k];
    } else if (!all_fit(r, i, false)) {
        oracle_fail(r->o, "actor %u's running operation on slot %u is neither done nor undone",
                    actor, i->count ? i->slots[0] : 0);
    } else if (op == ORACLE_IDEMPOTENT) { // memory-level ones before it may be lost
        i->after[0].n = r->o->now[i->slots[0]].n + 1;
    }
}

// A job's lease must be its holder's by the journal, or by the claim its holder was making.
static bool won_by_intent(struct reader *r, uint32_t actor, int64_t claim) {
    if (actor >= ORACLE_ACTORS || r->claimed[actor]) return false; // one job at most
    struct oracle_intent *i = &r->o->actors[actor].intent;
    r->claimed[actor] = atomic_load(&i->op) == ORACLE_CLAIM && (int64_t)i->after[0].n == claim;
    return r->claimed[actor];
}

static void check_job(struct reader *r, uint32_t slot) {
    struct oracle_state *want = &r->o->now[slot];
    struct engine_doc doc = {0};
    uint32_t job = slot - oracle_job_slot(0);
    if (!get(r, "jobs", oracle_id(slot), &doc)) {
        oracle_fail(r->o, "job %u is gone", job);
        return;
    }
    struct slice s = val_slice(bson_find(doc.row.body, SLICE_LIT("s")));
    bool leased = doc.row.flags & ROW_LEASE;
    uint32_t holder = leased ? (uint32_t)field(doc.row.body, "by") : 0;
    int64_t claim = field(doc.row.body, "w");
    if (!slice_eq(s, leased ? SLICE_LIT("run") : SLICE_LIT("waiting")))
        oracle_fail(r->o, "job %u is %.*s and %sleased", job, (int)s.n, (const char *)s.p,
                    leased ? "" : "not ");
    else if (leased && !(want->live == holder + 1 && (int64_t)want->n == claim) &&
             !((!want->live || is_releasing(r->o, want->live - 1, slot)) &&
               won_by_intent(r, holder, claim)))
        oracle_fail(r->o,
                    "job %u is held by actor %u (claim %lld), the oracle says %u (claim %llu)", job,
                    holder, (long long)claim, want->live - 1, (unsigned long long)want->n);
    else if (!leased && want->live && !is_releasing(r->o, want->live - 1, slot))
        oracle_fail(r->o, "job %u lost the lease of actor %u", job, want->live - 1);
    *want = (struct oracle_state){.live = leased ? holder + 1 : 0,
                                  .n = leased ? (uint64_t)claim : 0,
                                  .version = doc.row.version};
    engine_release_doc(r->engine, &doc);
}

// Claimed, and given back by nobody but the end of the lease: both change the version by one.
static void check_short(const struct reader *r, int64_t id) {
    struct engine_doc doc = {0};
    if (!get(r, "short", id, &doc)) {
        oracle_fail(r->o, "short job %lld is gone", (long long)id);
        return;
    }
    bool leased = doc.row.flags & ROW_LEASE;
    uint64_t lost = (uint64_t)field(doc.row.body, "lost");
    struct slice s = val_slice(bson_find(doc.row.body, SLICE_LIT("s")));
    if (doc.row.version != 1 + 2 * lost + leased ||
        !slice_eq(s, leased ? SLICE_LIT("run") : SLICE_LIT("waiting")))
        oracle_fail(r->o, "short job %lld: version %llu, %llu leases ended, %sleased, %.*s",
                    (long long)id, (unsigned long long)doc.row.version, (unsigned long long)lost,
                    leased ? "" : "not ", (int)s.n, (const char *)s.p);
    engine_release_doc(r->engine, &doc);
}

static void check_hot(const struct reader *r) {
    struct engine_doc doc = {0};
    uint64_t sum = 1;
    for (uint32_t a = 0; a < ORACLE_ACTORS; a++)
        sum += r->o->now[oracle_slot(a, ORACLE_OWN - 1)].n;
    if (!get(r, "c", ORACLE_HOT_ID, &doc)) {
        oracle_fail(r->o, "the shared counter is gone");
        return;
    }
    if (doc.row.version != sum)
        oracle_fail(r->o, "the shared counter has version %llu after %llu changes",
                    (unsigned long long)doc.row.version, (unsigned long long)sum);
    engine_release_doc(r->engine, &doc);
}

static void settle_ttl(const struct reader *r, uint32_t slot) {
    struct engine_doc doc = {0};
    struct oracle_state *s = &r->o->now[slot];
    if (oracle_kind_of(slot) != ORACLE_TTL || !s->live) return;
    bool there = get(r, "c", oracle_id(slot), &doc);
    engine_release_doc(r->engine, &doc);
    if (!there) *s = (struct oracle_state){0};
}

static void keep(struct oracle *o, uint64_t seq) {
    struct oracle_base *fresh = base_of(o, true);
    memcpy(fresh->states, o->now, sizeof fresh->states);
    fresh->seq = seq;
    atomic_store(&o->which, (atomic_load(&o->which) + 1) % 2);
    for (uint32_t a = 0; a < ORACLE_ACTORS; a++)
        atomic_store(&o->actors[a].count, 0);
    for (uint32_t a = 0; a < ORACLE_ACTORS; a++)
        if (!oracle_op_is_repeated(atomic_load(&o->actors[a].intent.op)))
            atomic_store(&o->actors[a].intent.op, ORACLE_IDLE);
    o->checks++;
}

static void report_problem(void *arg, const char *text) { oracle_fail(arg, "check: %s", text); }

void oracle_check(struct oracle *o, struct ctx *ctx, struct engine *engine, enum oracle_loss loss) {
    struct reader r = {.o = o, .ctx = ctx, .engine = engine};
    struct engine_status status;
    uint64_t problems;
    if (!atomic_load(&o->ready)) return;
    engine_status(engine, &status);
    fold(o, status.published_seq, loss);
    for (uint32_t a = 0; a < ORACLE_ACTORS; a++)
        settle_intent(&r, a);
    for (uint32_t slot = 0; slot < ORACLE_SLOTS; slot++) {
        const struct oracle_next *next = &o->next[slot];
        if (next->may_be_done && fits(&r, slot, &next->after)) o->now[slot] = next->after;
        if (!fits(&r, slot, &o->now[slot]))
            oracle_fail(o, "slot %u (%s %lld) is not as acknowledged: n %llu, version %llu, %s",
                        slot, oracle_kind_of(slot) >= ORACLE_JOB ? "shared" : "document",
                        (long long)oracle_id(slot), (unsigned long long)o->now[slot].n,
                        (unsigned long long)o->now[slot].version,
                        o->now[slot].live ? "there" : "not there");
        settle_ttl(&r, slot);
    }
    for (uint32_t j = 0; j < ORACLE_JOBS; j++)
        check_job(&r, oracle_job_slot(j));
    for (int64_t j = 0; j < ORACLE_SHORTS; j++)
        check_short(&r, j);
    check_hot(&r);
    // Followers live in the present of the recorded process, not in that of the cut.
    if (loss != ORACLE_POWER_LOSS) follower_check(o, ctx, engine);
    arena_reset(&ctx->arena);
    nacre_status checked = engine_check(ctx, engine, report_problem, o, &problems);
    if (checked != NACRE_OK)
        oracle_fail(o, "the check ended with %s: %s", nacre_status_code(checked), ctx->err.detail);
    if (!atomic_load(&o->failed)) keep(o, status.published_seq);
}

// --- the beginning ----------------------------------------------------------------------

static nacre_status put_if_absent(struct ctx *ctx, struct engine *engine, const char *collection,
                                  const char *json) {
    struct buf body BUF_CLEANUP = {0};
    struct result result;
    buf_init(&body, NULL, BODY_MAX);
    TRY(json_parse(ctx, slice_str(json), &(struct json_options){0}, &body));
    struct write_item item = {.kind = WRITE_INSERT, .body = buf_slice(&body)};
    struct write_request request = {
        .target.collection = slice_str(collection), .count = 1, .items = &item};
    nacre_status status = engine_write(ctx, engine, &request, &result);
    return status == NACRE_ALREADY_EXISTS ? NACRE_OK : status;
}

// Jobs keep their old versions, the rest does not.
static nacre_status setup_history(struct ctx *ctx, struct engine *engine) {
    struct buf body BUF_CLEANUP = {0};
    struct result result;
    buf_init(&body, NULL, BODY_MAX);
    TRY(json_parse(ctx, SLICE_LIT("{\"history_seconds\":3600,\"history_bytes\":16384}"),
                   &(struct json_options){0}, &body));
    struct catalog_request request = {.op = CATALOG_CREATE_COLLECTION,
                                      .target.collection = SLICE_LIT("jobs"),
                                      .body = buf_slice(&body)};
    return engine_catalog(ctx, engine, &request, &result); // fine if it is so already
}

static nacre_status setup_counters(struct ctx *ctx, struct engine *engine) {
    char json[256];
    int n = snprintf(json, sizeof json, "{\"_id\":%d", ORACLE_HOT_ID);
    for (uint32_t a = 0; a < ORACLE_ACTORS; a++)
        n += snprintf(json + n, sizeof json - (size_t)n, ",\"a%u\":0", a);
    (void)snprintf(json + n, sizeof json - (size_t)n, "}");
    TRY(put_if_absent(ctx, engine, "c", json));
    for (uint32_t a = 0; a < ORACLE_ACTORS; a++) {
        (void)snprintf(json, sizeof json, "{\"_id\":%lld,\"n\":0}",
                       (long long)oracle_id(oracle_slot(a, ORACLE_OWN - 2)));
        TRY(put_if_absent(ctx, engine, "c", json));
    }
    return NACRE_OK;
}

nacre_status oracle_setup(struct oracle *o, struct ctx *ctx, struct engine *engine) {
    char json[128];
    if (atomic_load(&o->ready)) return NACRE_OK;
    TRY(setup_counters(ctx, engine));
    TRY(setup_history(ctx, engine));
    for (int i = 0; i < ORACLE_JOBS; i++) {
        (void)snprintf(json, sizeof json, "{\"_id\":%d,\"s\":\"waiting\"}", i);
        TRY(put_if_absent(ctx, engine, "jobs", json));
    }
    for (int i = 0; i < ORACLE_SHORTS; i++) {
        (void)snprintf(json, sizeof json, "{\"_id\":%d,\"s\":\"waiting\",\"lost\":0}", i);
        TRY(put_if_absent(ctx, engine, "short", json));
    }
    for (uint32_t slot = 0; slot < ORACLE_SLOTS; slot++)
        if (oracle_kind_of(slot) == ORACLE_COUNTER || oracle_kind_of(slot) == ORACLE_HOT)
            base_of(o, false)->states[slot].live = o->now[slot].live = 1;
    atomic_store(&o->ready, 1);
    return NACRE_OK;
}
