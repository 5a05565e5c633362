#include "support/actor_claim.h"

#include <stdio.h>
#include <string.h>

#include "base/bits/bits.h"
#include "base/err/check.h"
#include "doc/key.h"
#include "doc/row.h"
#include "engine/tx.h"

enum { LEASE_LONG_MS = 3600000, LEASE_SHORT_MS = 30, LEASE_SHORT_SPAN = 200 };

static void keep_token(struct held *held, uint32_t slot, const struct row *row) {
    held->slot = slot;
    held->live = true;
    held->token[base64url_encode(row->lease.token, ROW_LEASE_TOKEN_SIZE, held->token)] = 0;
}

static struct held *free_hand(struct actor *a) {
    for (int i = 0; i < ACTOR_HELD; i++)
        if (!a->held[i].live) return &a->held[i];
    return NULL;
}

static struct held *full_hand(struct actor *a) {
    int first = (int)rng_below(&a->rng, ACTOR_HELD);
    for (int i = 0; i < ACTOR_HELD; i++)
        if (a->held[(first + i) % ACTOR_HELD].live) return &a->held[(first + i) % ACTOR_HELD];
    return NULL;
}

nacre_status actor_claim_resume(struct actor *a) {
    struct engine_collection handle = {.target.collection = SLICE_LIT("jobs")};
    memset(a->held, 0, sizeof a->held);
    a->stale.live = false;
    if (!atomic_load(&a->o->ready)) return NACRE_OK;
    TRY(engine_resolve(&a->ctx, a->engine, handle.target, &handle));
    for (uint32_t j = 0; j < ORACLE_JOBS; j++) {
        struct engine_doc doc = {0};
        uint32_t slot = oracle_job_slot(j);
        struct held *hand = free_hand(a);
        if (a->o->now[slot].live != a->me + 1 || !hand) continue;
        TRY(engine_get(&a->ctx, a->engine, &handle, val_int(j), &doc));
        if (doc.row.flags & ROW_LEASE) keep_token(hand, slot, &doc.row);
        engine_release_doc(a->engine, &doc);
    }
    return NACRE_OK;
}

static nacre_status take(struct actor *a, struct held *hand, const struct result *result,
                         enum durability durability) {
    struct row row;
    struct val id;
    struct slice key = result->ops[0].id_key;
    TRY(key_decode(&a->ctx, &key, false, KEY_TB_PLAIN, &id));
    TRY(row_decode(&a->ctx, key, result->ops[0].row, false, &row));
    uint32_t slot = oracle_job_slot((uint32_t)id.i);
    keep_token(hand, slot, &row);
    struct oracle_entry entry = {
        .seq = result->seq,
        .slot = slot,
        .synced = durability == DURABILITY_SYNCED,
        .after = {.live = a->me + 1, .n = a->o->actors[a->me].claims, .version = row.version}};
    actor_acknowledge(a, &entry);
    return NACRE_OK;
}

// Some by a filter that apply cannot run: then what is taken is chosen before.
static struct slice waiting(struct actor *a) {
    return rng_below(&a->rng, 4) ? SLICE_LIT("s = 'waiting'")
                                 : SLICE_LIT("{\"s\":{\"$regex\":\"^waiting$\"}}");
}

static nacre_status claim(struct actor *a, struct held *hand) {
    struct result result = {0};
    char set[96];
    struct oracle_actor *me = &a->o->actors[a->me];
    struct claim_request request = {.target.collection = SLICE_LIT("jobs"),
                                    .filter = waiting(a),
                                    .lease_ms = LEASE_LONG_MS,
                                    .durability = actor_durability(a)};
    me->claims++;
    (void)snprintf(set, sizeof set, "{\"s\":\"run\",\"by\":%u,\"w\":%llu}", a->me,
                   (unsigned long long)me->claims);
    TRY(actor_parse(a, set, &request.set));
    me->intent.after[0].n = me->claims;
    actor_intend(a, ORACLE_CLAIM, 0);
    nacre_status got = engine_claim(&a->ctx, a->engine, &request, &result);
    struct actor_call call = {got, NACRE_OK, &result, request.durability};
    if (got == NACRE_OK && result.count) TRY(take(a, hand, &result, request.durability));
    return actor_settle(a, &call);
}

static nacre_status release_in_tx(struct actor *a, const struct lease_request *request,
                                  struct result *out) {
    struct engine_tx *tx;
    struct engine_tx_options options = {.durability = request->durability};
    TRY(engine_tx_new(&a->ctx, a->engine, &tx));
    nacre_status status = engine_tx_begin(&a->ctx, tx, &options);
    if (status == NACRE_OK) status = engine_tx_release(&a->ctx, tx, request, out);
    if (status == NACRE_OK) status = engine_tx_commit(&a->ctx, tx, out);
    engine_tx_free(tx);
    return status;
}

static nacre_status release(struct actor *a, struct held *hand) {
    struct result result = {0};
    struct oracle_intent *i = &a->o->actors[a->me].intent;
    struct lease_request request = {.target.collection = SLICE_LIT("jobs"),
                                    .id = val_int(oracle_id(hand->slot)),
                                    .token = slice_str(hand->token),
                                    .durability = actor_durability(a)};
    if (rng_below(&a->rng, 2)) TRY(actor_parse(a, "{\"s\":\"waiting\"}", &request.set));
    i->slots[0] = hand->slot;
    i->after[0] = (struct oracle_state){0};
    actor_intend(a, ORACLE_RELEASE, 1);
    nacre_status got = rng_below(&a->rng, 4)
                           ? engine_release(&a->ctx, a->engine, &request, &result)
                           : release_in_tx(a, &request, &result);
    if (got == NACRE_OK) {
        a->stale = *hand;
        hand->live = false;
    }
    struct actor_call call = {got, NACRE_OK, &result, request.durability};
    return actor_settle(a, &call);
}

static nacre_status extend(struct actor *a, const struct held *hand) {
    struct result result = {0};
    struct lease_request request = {.target.collection = SLICE_LIT("jobs"),
                                    .id = val_int(oracle_id(hand->slot)),
                                    .token = slice_str(hand->token),
                                    .lease_ms = LEASE_LONG_MS,
                                    .durability = actor_durability(a)};
    actor_intend(a, ORACLE_WRITE, 0);
    nacre_status got = engine_extend(&a->ctx, a->engine, &request, &result);
    struct actor_call call = {got, NACRE_OK, &result, request.durability};
    return actor_settle(a, &call);
}

// A token that has been given back writes nothing.
static nacre_status use_stale(struct actor *a) {
    struct result result = {0};
    nacre_status got;
    int64_t id = oracle_id(a->stale.slot);
    struct lease_request lease = {.target.collection = SLICE_LIT("jobs"),
                                  .id = val_int(id),
                                  .token = slice_str(a->stale.token),
                                  .lease_ms = LEASE_LONG_MS};
    struct write_item item = {.kind = WRITE_PATCH, .id = val_int(id), .token = lease.token};
    struct write_request write = {
        .target = lease.target, .count = 1, .items = &item, .durability = actor_durability(a)};
    TRY(actor_parse(a, "{\"s\":\"stolen\"}", &item.body));
    actor_intend(a, ORACLE_WRITE, 0);
    uint64_t dice = rng_below(&a->rng, 3);
    if (dice == 0)
        got = engine_release(&a->ctx, a->engine, &lease, &result);
    else if (dice == 1)
        got = engine_extend(&a->ctx, a->engine, &lease, &result);
    else
        got = engine_write(&a->ctx, a->engine, &write, &result);
    struct actor_call call = {got, NACRE_LEASE_LOST, &result, write.durability};
    return actor_settle(a, &call);
}

static nacre_status claim_short(struct actor *a) {
    struct result result = {0};
    struct claim_request request = {.target.collection = SLICE_LIT("short"),
                                    .filter = waiting(a),
                                    .lease_ms =
                                        LEASE_SHORT_MS + rng_below(&a->rng, LEASE_SHORT_SPAN),
                                    .durability = actor_durability(a)};
    TRY(actor_parse(a, "{\"s\":\"run\"}", &request.set));
    TRY(actor_parse(a, "{\"$inc\":{\"lost\":1},\"$set\":{\"s\":\"waiting\"}}", &request.on_expire));
    actor_intend(a, ORACLE_WRITE, 0);
    nacre_status got = engine_claim(&a->ctx, a->engine, &request, &result);
    struct actor_call call = {got, NACRE_OK, &result, request.durability};
    return actor_settle(a, &call);
}

nacre_status actor_claim_step(struct actor *a) {
    struct held *empty = free_hand(a), *full = full_hand(a);
    uint64_t dice = rng_below(&a->rng, 10);
    if (dice < 4 && empty) return claim(a, empty);
    if (dice < 6 && full) return release(a, full);
    if (dice < 7 && full) return extend(a, full);
    if (dice < 8 && a->stale.live) return use_stale(a);
    return claim_short(a);
}

// --- the catalog ------------------------------------------------------------------------

static nacre_status catalog_step(struct actor *a, uint32_t slot, enum catalog_op op,
                                 const char *body) {
    struct result result = {0};
    char name[16];
    struct oracle_intent *i = &a->o->actors[a->me].intent;
    bool index = oracle_kind_of(slot) == ORACLE_INDEX;
    oracle_ddl_name(slot, name);
    struct catalog_request request = {.op = op,
                                      .target.collection = index ? SLICE_LIT("c") : slice_str(name),
                                      .index = index ? slice_str(name) : slice_of(NULL, 0)};
    if (body) TRY(actor_parse(a, body, &request.body));
    i->slots[0] = slot;
    i->after[0] = (struct oracle_state){.live = !a->o->now[slot].live};
    actor_intend(a, ORACLE_WRITE, 1);
    nacre_status got = engine_catalog(&a->ctx, a->engine, &request, &result);
    struct actor_call call = {got, NACRE_OK, &result, DURABILITY_SYNCED};
    return actor_settle(a, &call);
}

static nacre_status fill(struct actor *a, uint32_t slot) {
    struct result result = {0};
    char name[16], json[64];
    struct oracle_intent *i = &a->o->actors[a->me].intent;
    struct write_item item = {.kind = WRITE_INSERT};
    oracle_ddl_name(slot, name);
    struct write_request request = {.target.collection = slice_str(name),
                                    .count = 1,
                                    .items = &item,
                                    .durability = actor_durability(a)};
    i->slots[0] = slot;
    i->after[0] = a->o->now[slot];
    (void)snprintf(json, sizeof json, "{\"_id\":%llu,\"n\":1}",
                   (unsigned long long)i->after[0].n++);
    TRY(actor_parse(a, json, &item.body));
    actor_intend(a, ORACLE_WRITE, 1);
    nacre_status got = engine_write(&a->ctx, a->engine, &request, &result);
    struct actor_call call = {got, NACRE_OK, &result, request.durability};
    return actor_settle(a, &call);
}

static nacre_status index_step(struct actor *a) {
    static const char *const bodies[ORACLE_INDEXES] = {
        "{\"fields\":[\"u\"],\"unique\":true}",
        "{\"fields\":[\"tags\",{\"path\":\"n\",\"order\":\"desc\"}]}",
        "{\"fields\":[\"n\"],\"where\":\"n > 30\"}"};
    uint32_t number = (uint32_t)rng_below(&a->rng, ORACLE_INDEXES);
    uint32_t slot = oracle_index_slot(number);
    bool live = a->o->now[slot].live;
    return catalog_step(a, slot, live ? CATALOG_DROP_INDEX : CATALOG_CREATE_INDEX,
                        live ? NULL : bodies[number]);
}

// Another schema for c, which its documents fit, or none: the documents are held against it while
// others write. No slot tells of it: what is there afterwards is checked by those who write.
static nacre_status schema_step(struct actor *a) {
    static const char *const settings[] = {
        "{\"schema\":{\"properties\":{\"n\":{\"type\":\"integer\"}}}}",
        "{\"schema\":{\"properties\":{\"u\":{\"minimum\":0},\"tags\":{\"maxItems\":2}}}}",
        "{\"schema\":null}"};
    struct result result = {0};
    struct catalog_request request = {.op = CATALOG_ALTER_COLLECTION,
                                      .target.collection = SLICE_LIT("c")};
    TRY(actor_parse(a, settings[rng_below(&a->rng, 3)], &request.body));
    actor_intend(a, ORACLE_WRITE, 0);
    nacre_status got = engine_catalog(&a->ctx, a->engine, &request, &result);
    struct actor_call call = {got, NACRE_OK, &result, DURABILITY_SYNCED};
    return actor_settle(a, &call);
}

nacre_status actor_ddl_step(struct actor *a) {
    if (rng_below(&a->rng, 5) == 0) return schema_step(a);
    if (rng_below(&a->rng, 3) == 0) return index_step(a);
    uint32_t slot = oracle_ddl_slot((uint32_t)rng_below(&a->rng, ORACLE_DDL));
    if (!a->o->now[slot].live)
        return catalog_step(
            a, slot, CATALOG_CREATE_COLLECTION,
            rng_below(&a->rng, 2) ? NULL : "{\"indexes\":[{\"name\":\"n\",\"fields\":[\"n\"]}]}");
    if (rng_below(&a->rng, 4)) return fill(a, slot);
    return catalog_step(a, slot, CATALOG_DROP_COLLECTION, NULL);
}
