#include "base/err/ctx.h"

#include <string.h>

void ctx_init(struct ctx *ctx, const struct world *world, struct budget *budget, size_t max_bytes) {
    memset(ctx, 0, sizeof *ctx);
    arena_init(&ctx->arena, budget, max_bytes);
    ctx->world = world;
}

void ctx_reset(struct ctx *ctx) {
    arena_reset(&ctx->arena);
    err_clear(ctx);
    ctx->deadline_ns = 0;
    ctx->cancel = NULL;
    ctx->watch = NULL;
}

void ctx_free(struct ctx *ctx) {
    arena_free(&ctx->arena);
    err_clear(ctx);
}

nacre_status ctx_check(struct ctx *ctx) {
    if (ctx->cancel && atomic_load_explicit(ctx->cancel, memory_order_relaxed))
        return err_set(ctx, NACRE_CANCELLED, "the request was cancelled");
    if (ctx->watch && atomic_load_explicit(&ctx->watch->stop, memory_order_relaxed))
        return err_set(ctx, NACRE_CANCELLED, "the request was cancelled by another session");
    if (ctx->deadline_ns && world_mono_ns(ctx->world) >= ctx->deadline_ns)
        return err_set(ctx, NACRE_TIMEOUT, "the request did not finish before its deadline");
    return NACRE_OK;
}
