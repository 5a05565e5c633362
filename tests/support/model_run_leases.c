#include "support/model_run_leases.h"

#include <string.h>

#include "base/bits/bits.h"
#include "base/err/check.h"
#include "doc/key.h"
#include "support/model_run_catalog.h"
#include "support/model_run_past.h"
#include "support/model_run_schema.h"
#include "support/model_run_writes.h"
#include "support/model_schema.h"

enum { DAY_MS = 24 * 3600 * 1000, EXAMINED_ALL = 100000, EXAMINED_FEW = 8 };

static struct slice keep(struct run *run, struct slice bson) {
    void *p = arena_copy(&run->ctx.arena, bson.p, bson.n);
    CHECK(p != NULL);
    return slice_of(p, bson.n);
}

static struct slice keep_json(struct run *run, const char *json) {
    return json ? keep(run, model_json(&run->model, json)) : slice_of(NULL, 0);
}

// --- claims -----------------------------------------------------------------------------

static void choose_claim(struct run *run, const struct model_collection *c,
                         struct model_claim *out) {
    static const char *const holders[] = {NULL, "w1", "w2"};
    *out = (struct model_claim){.holder = holders[run_below(run, 3)],
                                .lease_ms = 1 + run_below(run, 4000)};
    if (run_chance(run, 80)) out->cond = random_cond(run, c, COND_QUERY);
    if (run_chance(run, 60)) random_order(run, c, &out->order);
    // Among values too long for a key, a claim by an index takes the order of ids.
    for (uint32_t i = 0; i < out->order.count; i++)
        if (strcmp(out->order.paths[i], "l") == 0) out->order.paths[i] = "q";
    if (run_chance(run, 70)) out->set = random_set(run);
    if (run_chance(run, 25)) out->on_expire = random_on_expire(run);
}

static struct val sort_terms(struct run *run, const struct model_order *order) {
    struct buf json BUF_CLEANUP = {0};
    if (!order->count) return val_missing();
    buf_init(&json, NULL, SIZE_MAX);
    buf_put_str(&json, "{\"sort\":[");
    for (uint32_t i = 0; i < order->count; i++)
        buf_printf(&json, "%s\"%s%s\"", i ? "," : "", order->descending[i] ? "-" : "",
                   order->paths[i]);
    buf_put_str(&json, "]}");
    return bson_find(keep_json(run, scratch_text(run, &json)), SLICE_LIT("sort"));
}

static void keep_token(struct run *run, struct model_collection *c, const struct model_id *id,
                       const uint8_t *token) {
    struct run_token *t = &run->tokens[run->token_count++ % RUN_TOKENS];
    *t = (struct run_token){.collection = c, .id = *id};
    memcpy(t->token, token, sizeof t->token);
}

static void took(struct run *run, struct model_collection *c, const struct model_id *id,
                 const struct row *row) {
    keep_token(run, c, id, row->lease.token);
    run_compare_row(run, row, model_find(c, id));
    run->counts.taken++;
}

static void compare_claim(struct run *run, struct model_collection *c, struct model_claim *claim,
                          nacre_status status, const struct result *result) {
    struct model_doc *doc = model_claim_choose(&run->model, c, claim);
    struct row row = {0};
    struct model_id id;
    if (doc) id = doc->id;
    if (status == NACRE_OK && result->count) {
        struct slice in = result->ops[0].id_key;
        struct val got;
        CHECK(key_decode(&run->ctx, &in, false, KEY_TB_PLAIN, &got) == NACRE_OK);
        struct model_id got_id = model_id_of(got);
        if (!doc || !model_id_eq(&got_id, &id))
            run_fail(run, "the claim took %s%lld%s, the model %s%lld%s",
                     got_id.is_int ? "" : "text ", (long long)got_id.number, got_id.text,
                     doc ? "" : "nothing ", doc ? (long long)id.number : 0, doc ? id.text : "");
        if (row_decode(&run->ctx, slice_of(NULL, 0), result->ops[0].row, false, &row) != NACRE_OK)
            run_fail(run, "the claim's row: %s", run->ctx.err.detail);
        memcpy(claim->token, row.lease.token, sizeof claim->token);
    }
    claim->answered = status;
    nacre_status wanted = doc ? model_claim_take(&run->model, c, doc, claim) : NACRE_OK;
    run_expect(run, "claim", status, wanted);
    if (status != NACRE_OK) return;
    if ((result->count != 0) != (doc != NULL)) run_fail(run, "the claim found %u", result->count);
    if (doc) took(run, c, &id, &row);
}

void run_claim(struct run *run) {
    struct model_collection *c = run_collection(run);
    struct model_claim claim;
    struct result result = {0};
    run->counts.claims++;
    choose_claim(run, c, &claim);
    struct claim_request request = {.target = run_target(c),
                                    .sort = sort_terms(run, &claim.order),
                                    .set = keep_json(run, claim.set),
                                    .on_expire = keep_json(run, claim.on_expire),
                                    .lease_ms = claim.lease_ms,
                                    .max_examined =
                                        run_chance(run, 10) ? EXAMINED_FEW : EXAMINED_ALL,
                                    .durability = DURABILITY_MEMORY};
    if (claim.cond) request.filter = slice_str(random_spelling(run, claim.cond));
    if (claim.holder) request.holder = slice_str(claim.holder);
    run_note(run, "claim %s filter %.*s order %u%s%s set %s on_expire %s", c->name,
             (int)request.filter.n, (const char *)request.filter.p, claim.order.count,
             claim.order.count ? claim.order.paths[0] : "",
             claim.order.descending[0] ? " down" : "", claim.set ? claim.set : "",
             claim.on_expire ? claim.on_expire : "");
    nacre_status status = run->tx ? engine_tx_claim(&run->ctx, run->tx, &request, &result)
                                  : engine_claim(&run->ctx, run->engine, &request, &result);
    if (!c->there) {
        run_expect(run, "claim in no collection", status, run_absent(run, c));
        return;
    }
    if (status == NACRE_CLAIM_TOO_WIDE && request.max_examined == EXAMINED_FEW) return;
    compare_claim(run, c, &claim, status, &result);
}

// --- release and extend -----------------------------------------------------------------

static nacre_status lease_status(struct run *run, const struct run_token *t,
                                 const struct lease_request *request, const char *set, bool extend,
                                 nacre_status answered) {
    struct model_collection *c = t->collection;
    if (!c->there) return run_absent(run, c);
    if (extend) return model_extend(&run->model, c, &t->id, t->token, request->lease_ms);
    return model_release(&run->model, c, &t->id, t->token, set, answered);
}

static nacre_status ask_lease(struct run *run, const struct lease_request *request, bool extend,
                              struct result *out) {
    if (run->tx)
        return (extend ? engine_tx_extend : engine_tx_release)(&run->ctx, run->tx, request, out);
    return (extend ? engine_extend : engine_release)(&run->ctx, run->engine, request, out);
}

void run_lease(struct run *run) {
    uint32_t known = run->token_count < RUN_TOKENS ? run->token_count : RUN_TOKENS;
    char text[32];
    struct result result = {0};
    if (!known) return;
    struct run_token t = run->tokens[run_below(run, known)];
    bool extend = run_chance(run, 30);
    const char *set = !extend && run_chance(run, 50) ? random_set(run) : NULL;
    if (run_chance(run, 3)) t.token[0] ^= 1;
    struct lease_request request = {.target = run_target(t.collection),
                                    .id = model_id_val(&t.id),
                                    .token = slice_of(text, base64url_encode(t.token, 16, text)),
                                    .lease_ms = 1 + run_below(run, 3000),
                                    .set = keep_json(run, set),
                                    .durability = DURABILITY_MEMORY};
    run_note(run, "%s %s id %lld%s set %s", extend ? "extend" : "release", t.collection->name,
             (long long)t.id.number, t.id.text, set ? set : "");
    run->counts.leases++;
    nacre_status status = ask_lease(run, &request, extend, &result);
    nacre_status wanted = lease_status(run, &t, &request, set, extend, status);
    run_expect(run, extend ? "extend" : "release", status, wanted);
    if (status != NACRE_OK) return;
    if (result.ops[0].version != model_find(t.collection, &t.id)->version)
        run_fail(run, "the lease's version differs");
}

// --- time -------------------------------------------------------------------------------

static void tick_once(struct run *run) {
    nacre_status status = engine_tick(&run->ctx, run->engine);
    if (status != NACRE_OK) run_fail(run, "tick: %s", run->ctx.err.detail);
}

void run_ticked(struct run *run) {
    uint32_t ended = 0;
    for (int i = 0; i < MODEL_COLLECTIONS; i++)
        ended += model_sweep(&run->model, &run->model.collections[i]);
    for (int i = 0; i < MODEL_COLLECTIONS; i++)
        model_schema_decide(&run->model.collections[i]);
    run->counts.ended += ended;
    run_sync_indexes(run);
    run_bounded(run);
    run_sync_schemas(run);
}

void run_tick(struct run *run) {
    run_note(run, "tick at %llu", (unsigned long long)run->model.now_ms);
    tick_once(run);
    run_ticked(run);
}

void run_time(struct run *run) {
    uint32_t roll = run_below(run, 1000);
    uint64_t ms = 1 + run_below(run, 2000);
    if (roll < 100) ms = 1000 * (1 + run_below(run, 60));
    if (roll < 8) ms = DAY_MS + 1000 * run_below(run, 7200);
    if (run_chance(run, 60)) run_photo(run);
    world_model_advance(&run->world, ms);
    model_begin(&run->model, run->world.wall_ms);
    run_note(run, "the clock goes on by %llu ms", (unsigned long long)ms);
    if (run_chance(run, 70)) run_tick(run);
    // A round ends a thousand things of a collection at most; none is late before the next command.
    for (int i = 0; roll < 8 && i < 8; i++)
        run_tick(run);
}
