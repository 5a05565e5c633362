#include "support/plain_regex.h"

static nacre_status plain_compile(struct ctx *ctx, struct slice pattern, const void **out) {
    if (slice_eq_str(pattern, "!")) return err_set(ctx, NACRE_INVALID_ARGUMENT, "no such pattern");
    struct slice *copy = ARENA_NEW(&ctx->arena, struct slice);
    if (!copy) return err_nomem(ctx);
    *copy = pattern;
    *out = copy;
    return NACRE_OK;
}

static nacre_status plain_match(struct ctx *ctx, const void *code, struct slice text, bool *out) {
    struct slice pattern = *(const struct slice *)code;
    if (slice_eq_str(pattern, "?")) return err_set(ctx, NACRE_SCHEMA_VIOLATION, "too many steps");
    *out = pattern.n == 0 || (text.n >= pattern.n && memmem(text.p, text.n, pattern.p, pattern.n));
    return NACRE_OK;
}

const struct schema_regex plain_regex = {.compile = plain_compile, .match = plain_match};
