#include "support/actor_chunks.h"

#include <stdio.h>

#include "engine/where.h"

static uint32_t living(const struct oracle_intent *i) {
    uint32_t n = 0;
    for (uint32_t k = 0; k < i->count; k++)
        n += i->after[k].live;
    return n;
}

nacre_status actor_chunks_send(struct actor *a, bool again) {
    struct oracle_actor *me = &a->o->actors[a->me];
    const struct oracle_intent *i = &me->intent;
    struct where_result told;
    char key[32], filter[96], patch[64];
    uint32_t last = i->slots[i->count - 1];
    snprintf(key, sizeof key, "c%u-%llu", a->me, (unsigned long long)me->keys);
    snprintf(filter, sizeof filter, "_id >= %lld AND _id <= %lld",
             (long long)oracle_id(i->slots[0]), (long long)oracle_id(last));
    snprintf(patch, sizeof patch, "{\"$inc\":{\"n\":%d,\"u\":%d}}", ORACLE_CHUNKS_INC,
             ORACLE_CHUNKS_INC);
    struct where_request request = {
        .target.collection = SLICE_LIT("c"),
        .kind = WRITE_PATCH,
        .filter = slice_str(filter),
        .chunk = 1 + (uint32_t)(me->keys % 3),
        .atomic = me->keys % 5 == 0,
        .idempotency = {.key = slice_str(key), .principal = SLICE_LIT("p"), .body_hash = me->keys}};
    TRY(actor_parse(a, patch, &request.body));
    nacre_status got = engine_where(&a->ctx, a->engine, &request, &told);
    if (got == NACRE_OK && (told.changed != living(i) || told.matched != told.changed))
        oracle_fail(a->o, "actor %u, chunks of slot %u%s: %llu of %llu changed, %u live", a->me,
                    i->slots[0], again ? " again" : "", (unsigned long long)told.changed,
                    (unsigned long long)told.matched, living(i));
    struct result result = {.seq = told.seq};
    struct actor_call call = {got, NACRE_OK, &result, DURABILITY_SYNCED};
    return actor_settle(a, &call);
}

nacre_status actor_chunks(struct actor *a) {
    struct oracle_actor *me = &a->o->actors[a->me];
    uint32_t count = 1 + (uint32_t)rng_below(&a->rng, ORACLE_ITEMS);
    uint32_t first = (uint32_t)rng_below(&a->rng, ORACLE_KEYS - count + 1);
    me->keys++;
    for (uint32_t k = 0; k < count; k++) {
        uint32_t slot = oracle_slot(a->me, first + k);
        me->intent.slots[k] = slot;
        me->intent.after[k] = oracle_after_chunks(&a->o->now[slot]);
    }
    actor_intend(a, ORACLE_CHUNKS, count);
    return actor_chunks_send(a, false);
}
