// The error record: detail is written once, where the error is born, into the request context
// (base/err/ctx.h). Everything is of fixed size: recording an error never allocates and never
// fails; long texts are cut.
#ifndef BASE_ERR_ERR_H
#define BASE_ERR_ERR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err/status.h"

enum { ERR_DETAIL_MAX = 512, ERR_TEXT_MAX = 192, ERR_ITEMS_MAX = 10, ERR_SUGGESTIONS_MAX = 3 };

struct err_item {
    char pointer[ERR_TEXT_MAX]; // JSON Pointer into the request body ("" = the whole)
    char expected[ERR_TEXT_MAX];
    char got[ERR_TEXT_MAX];
};

struct err {
    nacre_status status; // NACRE_OK: nothing recorded
    char detail[ERR_DETAIL_MAX];
    char hint[ERR_TEXT_MAX];
    char parameter[64]; // query parameter, option or argument at fault, "" if none
    bool in_header;     // parameter is the name of a header
    struct err_item items[ERR_ITEMS_MAX];
    uint32_t item_count;
    char suggestions[ERR_SUGGESTIONS_MAX][64];
    uint32_t suggestion_count;
    bool has_span; // byte offset and length in the text at fault
    uint32_t span_offset, span_length;
    uint64_t current_version; // with version_mismatch, condition_failed; 0 = no document
    bool has_current_version;
};

struct ctx;
struct buf;

// Forgets what was recorded.
void err_clear(struct ctx *ctx);
// Starts a new record in ctx->err (an older one is forgotten) and returns status, so that one can
// write `return err_set(ctx, NACRE_INVALID_ARGUMENT, "expected …, got …");`.
nacre_status err_set(struct ctx *ctx, nacre_status status, const char *fmt, ...) PRINTF_LIKE(3, 4);
// Short for err_set(ctx, NACRE_MEMORY_LIMIT, …).
nacre_status err_nomem(struct ctx *ctx);
// Records why buf failed (its status is not NACRE_OK) and returns that.
nacre_status err_buf(struct ctx *ctx, const struct buf *buf);
// err_set with the text of errno_value appended; ENOSPC and EDQUOT become NACRE_DISK_FULL, ENOMEM
// NACRE_MEMORY_LIMIT, all others NACRE_IO_ERROR. path may be NULL.
nacre_status err_errno(struct ctx *ctx, int errno_value, const char *what, const char *path);

// These add to the record that err_set began.
void err_hint(struct ctx *ctx, const char *fmt, ...) PRINTF_LIKE(2, 3);
void err_expected(struct ctx *ctx, const char *pointer, const char *expected, const char *got);
void err_parameter(struct ctx *ctx, const char *name);
void err_header(struct ctx *ctx, const char *name);
void err_span(struct ctx *ctx, size_t offset, size_t length);
void err_suggest(struct ctx *ctx, const char *suggestion);
void err_version(struct ctx *ctx, uint64_t current_version);
// Puts prefix before the pointer of every item, for a part that was checked as if it were the
// whole.
void err_prefix_pointers(struct ctx *ctx, const char *prefix);

// The candidate nearest to word (Damerau-Levenshtein distance ≤ 2 and < half its length) or NULL.
// Cost: O(count · length²), for error paths only.
const char *err_nearest(const char *word, const char *const *candidates, size_t count);

#endif
