// What is kept long enough may go. The times are proposed here and logged: apply has no clock.
#include "engine/internal.h"

// The times until which everything is kept by somebody's wish. False: nothing is that old, or what
// is was looked at before.
static bool horizon_now(struct engine *e, uint64_t now_ms, struct command_horizon *out) {
    uint64_t keep_s = HISTORY_MIN_SECONDS, changes_s = CHANGES_SECONDS_DEFAULT;
    struct view *view = engine_view(e);
    for (uint32_t i = 0; i < view->catalog->collection_count; i++) {
        const struct collection *c = &view->catalog->collections[i];
        if (c->history_seconds > keep_s) keep_s = c->history_seconds;
        if (c->changes_seconds > changes_s) changes_s = c->changes_seconds;
    }
    bool idle = (view->commit_ts >> 20) + changes_s * 1000 < now_ms;
    txn_view_release(view);
    if (idle || now_ms <= keep_s * 1000 || now_ms <= CHANGES_KEEP_MS) return false;
    *out = (struct command_horizon){.history_ts = (now_ms - keep_s * 1000) << 20,
                                    .changes_ts = (now_ms - CHANGES_KEEP_MS) << 20,
                                    .records_max = HORIZON_PIECE};
    return true;
}

nacre_status engine_horizon_round(struct ctx *ctx, struct engine *e, bool *worked) {
    uint64_t now_ms = engine_now_ms(e);
    struct command_horizon horizon;
    struct buf payload BUF_CLEANUP = {0};
    struct result result;
    if (!e->horizon_more && now_ms < e->horizon_proposed_ms + HORIZON_EVERY_MS) return NACRE_OK;
    e->horizon_more = false;
    e->horizon_proposed_ms = now_ms;
    if (!horizon_now(e, now_ms, &horizon)) return NACRE_OK;
    buf_init(&payload, NULL, 64);
    command_horizon_encode(&payload, &horizon);
    TRY(buf_status(&payload));
    struct engine_command submit = {
        .type = COMMAND_HORIZON, .durability = DURABILITY_MEMORY, .payload = buf_slice(&payload)};
    TRY(engine_submit(ctx, e, &submit, &result));
    e->horizon_more = *worked = result.flags & RESULT_PARTIAL;
    return NACRE_OK;
}
