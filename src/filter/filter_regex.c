// The regular expression leaf: the only file that knows PCRE2. Nothing in the room calls it;
// callers hand it to the parser of filters, and to the compiler of schemas.
//
// Invariants:
//  R1  All memory is the arena's: PCRE2 frees nothing, the arena does.
//  R2  Compiled code is read-only, so that threads share it; each match has match data of its own.
//  R3  No pattern runs for ever: steps, memory and depth are bounded, and a bound that is hit is an
//  error.
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "filter/filter.h"
#include "filter/filter_ecma.h"

enum {
    MATCH_STEPS_MAX = 1000 * 1000,       // some tens of milliseconds
    SCHEMA_MATCH_STEPS_MAX = 100 * 1000, // a document has many texts
    MATCH_HEAP_MAX_KIB = 4 * 1024,
    MATCH_DEPTH_MAX = 50 * 1000,
};

struct regex_code {
    pcre2_code *code;
    pcre2_match_context *limits;
};

static void *regex_alloc(PCRE2_SIZE size, void *arena) {
    return arena_alloc(arena, size ? size : 1);
}

static void regex_free(void *p, void *arena) {
    (void)p;
    (void)arena;
}

static uint32_t compile_options(uint32_t options) {
    uint32_t flags = PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C;
    if (options & FILTER_REGEX_I) flags |= PCRE2_CASELESS;
    if (options & FILTER_REGEX_M) flags |= PCRE2_MULTILINE;
    if (options & FILTER_REGEX_S) flags |= PCRE2_DOTALL;
    if (options & FILTER_REGEX_X) flags |= PCRE2_EXTENDED;
    return flags;
}

// What the two users of the leaf see differently.
struct regex_use {
    nacre_status invalid, too_hard;
    uint32_t flags, extra, steps;
};
static const struct regex_use use_filter = {
    .invalid = NACRE_INVALID_FILTER, .too_hard = NACRE_INVALID_FILTER, .steps = MATCH_STEPS_MAX};
// ECMA-262: $ is the very end, a group that did not match is empty, \u and [] are as there.
static const struct regex_use use_schema = {.invalid = NACRE_INVALID_ARGUMENT,
                                            .too_hard = NACRE_SCHEMA_VIOLATION,
                                            .flags = PCRE2_DOLLAR_ENDONLY | PCRE2_ALT_BSUX |
                                                     PCRE2_MATCH_UNSET_BACKREF |
                                                     PCRE2_ALLOW_EMPTY_CLASS,
                                            .extra = PCRE2_EXTRA_ALT_BSUX,
                                            .steps = SCHEMA_MATCH_STEPS_MAX};

static nacre_status compile_error(struct ctx *ctx, const struct regex_use *use, int error,
                                  size_t offset) {
    if (error == PCRE2_ERROR_HEAP_FAILED) return err_nomem(ctx);
    PCRE2_UCHAR text[128];
    if (pcre2_get_error_message(error, text, sizeof(text)) < 0) text[0] = '\0';
    return err_set(ctx, use->invalid, "the regular expression is not valid at byte %zu: %s", offset,
                   (const char *)text);
}

static nacre_status limits_new(struct ctx *ctx, pcre2_general_context *general,
                               const struct regex_use *use, struct regex_code *code) {
    code->limits = pcre2_match_context_create(general);
    if (!code->limits) return err_nomem(ctx);
    pcre2_set_match_limit(code->limits, use->steps);
    pcre2_set_heap_limit(code->limits, MATCH_HEAP_MAX_KIB);
    pcre2_set_depth_limit(code->limits, MATCH_DEPTH_MAX);
    return NACRE_OK;
}

static nacre_status compile_as(struct ctx *ctx, const struct regex_use *use, struct slice pattern,
                               uint32_t options, const void **out_code) {
    pcre2_general_context *general =
        pcre2_general_context_create(regex_alloc, regex_free, &ctx->arena);
    pcre2_compile_context *compile = general ? pcre2_compile_context_create(general) : NULL;
    struct regex_code *code = ARENA_NEW(&ctx->arena, struct regex_code);
    if (!compile || !code) return err_nomem(ctx);
    pcre2_set_compile_extra_options(compile, use->extra);
    int error = 0;
    PCRE2_SIZE offset = 0;
    const uint8_t *p = pattern.n ? pattern.p : (const uint8_t *)"";
    uint32_t flags = compile_options(options) | use->flags;
    code->code = pcre2_compile(p, pattern.n, flags, &error, &offset, compile);
    if (!code->code) return compile_error(ctx, use, error, offset);
    TRY(limits_new(ctx, general, use, code));
    *out_code = code;
    return NACRE_OK;
}

static nacre_status match_error(struct ctx *ctx, const struct regex_use *use, int rc) {
    if (rc == PCRE2_ERROR_NOMEMORY) return err_nomem(ctx);
    if (rc != PCRE2_ERROR_MATCHLIMIT && rc != PCRE2_ERROR_DEPTHLIMIT &&
        rc != PCRE2_ERROR_HEAPLIMIT && rc != PCRE2_ERROR_RECURSELOOP)
        return err_set(ctx, NACRE_INTERNAL, "a regular expression failed with PCRE2 error %d", rc);
    nacre_status status = err_set(
        ctx, use->too_hard, "a regular expression needs too many steps on the text of a document");
    err_hint(ctx, "Avoid nested repetition such as (a+)+, and anchor the expression with ^.");
    return status;
}

static nacre_status match_as(struct ctx *ctx, const struct regex_use *use,
                             const struct regex_code *code, struct slice subject, bool *out) {
    struct arena_mark mark = arena_mark(&ctx->arena);
    pcre2_general_context *general =
        pcre2_general_context_create(regex_alloc, regex_free, &ctx->arena);
    pcre2_match_data *data = general ? pcre2_match_data_create(1, general) : NULL;
    const uint8_t *p = subject.n ? subject.p : (const uint8_t *)"";
    // Text of documents is valid UTF-8 already.
    int rc = data ? pcre2_match(code->code, p, subject.n, 0, PCRE2_NO_UTF_CHECK, data, code->limits)
                  : PCRE2_ERROR_NOMEMORY;
    arena_rewind(&ctx->arena, mark);
    if (rc < 0 && rc != PCRE2_ERROR_NOMATCH) return match_error(ctx, use, rc);
    *out = rc >= 0;
    return NACRE_OK;
}

static nacre_status filter_compile(struct ctx *ctx, struct slice pattern, uint32_t options,
                                   const void **out_code) {
    return compile_as(ctx, &use_filter, pattern, options, out_code);
}

static nacre_status filter_match(struct ctx *ctx, const void *code, struct slice subject,
                                 bool *out) {
    return match_as(ctx, &use_filter, code, subject, out);
}

static nacre_status schema_compile_pattern(struct ctx *ctx, struct slice pattern,
                                           const void **out_code) {
    struct slice translated;
    if (!filter_ecma_translate(&ctx->arena, pattern, &translated)) return err_nomem(ctx);
    return compile_as(ctx, &use_schema, translated, 0, out_code);
}

static nacre_status schema_match(struct ctx *ctx, const void *code, struct slice text, bool *out) {
    return match_as(ctx, &use_schema, code, text, out);
}

const struct filter_regex_engine filter_regex_pcre2 = {.compile = filter_compile,
                                                       .match = filter_match};
const struct schema_regex filter_regex_schema = {.compile = schema_compile_pattern,
                                                 .match = schema_match};
