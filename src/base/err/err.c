// Texts in the record are valid UTF-8 whatever went in: they are sent as JSON and as protobuf
// strings.
#include "base/err/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/err/check.h"
#include "base/err/ctx.h"
#include "base/mem/buf.h"
#include "base/text/utf8.h"

// Bytes that are not UTF-8 become '?'; a character that was cut at the end goes.
static size_t text_clean(char *text, size_t length, bool was_cut) {
    size_t at = 0;
    while ((at += utf8_valid_prefix(slice_of(text + at, length - at))) < length) {
        if (was_cut && length - at < 4) {
            length = at;
            break;
        }
        text[at] = '?';
    }
    text[length] = '\0';
    return length;
}

// Formats aside first: the arguments may point into the record that is being replaced.
static PRINTF_LIKE(3, 0) void text_vformat(char *out, size_t cap, const char *fmt, va_list args) {
    char text[ERR_DETAIL_MAX];
    DCHECK(cap <= sizeof text);
    int n = vsnprintf(text, cap, fmt, args);
    size_t length = n < 0 ? 0 : (size_t)n < cap ? (size_t)n : cap - 1;
    length = text_clean(text, length, n >= 0 && (size_t)n >= cap);
    memcpy(out, text, length + 1);
}

static PRINTF_LIKE(3, 4) void text_format(char *out, size_t cap, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    text_vformat(out, cap, fmt, args);
    va_end(args);
}

void err_clear(struct ctx *ctx) {
    struct err *err = &ctx->err;
    // Not one memset: the record is 7 KiB, and requests that found nothing wrong reset it too.
    err->status = NACRE_OK;
    err->detail[0] = err->hint[0] = err->parameter[0] = '\0';
    err->item_count = err->suggestion_count = 0;
    err->has_span = err->has_current_version = err->in_header = false;
    err->span_offset = err->span_length = 0;
    err->current_version = 0;
}

nacre_status err_set(struct ctx *ctx, nacre_status status, const char *fmt, ...) {
    DCHECK(status != NACRE_OK);
    char detail[ERR_DETAIL_MAX];
    va_list args;
    va_start(args, fmt);
    text_vformat(detail, sizeof detail, fmt, args);
    va_end(args);
    err_clear(ctx);
    ctx->err.status = status;
    memcpy(ctx->err.detail, detail, strlen(detail) + 1);
    return status;
}

nacre_status err_nomem(struct ctx *ctx) {
    return err_set(ctx, NACRE_MEMORY_LIMIT, "not enough memory for this request");
}

nacre_status err_buf(struct ctx *ctx, const struct buf *buf) {
    DCHECK(buf->status != NACRE_OK);
    if (buf->status == NACRE_MEMORY_LIMIT) return err_nomem(ctx);
    return err_set(ctx, buf->status, "expected at most %zu bytes, got more", buf->max);
}

static nacre_status status_of_errno(int errno_value) {
    switch (errno_value) {
    case ENOSPC:
    case EDQUOT: return NACRE_DISK_FULL;
    case ENOMEM: return NACRE_MEMORY_LIMIT;
    default: return NACRE_IO_ERROR;
    }
}

nacre_status err_errno(struct ctx *ctx, int errno_value, const char *what, const char *path) {
    // Not strerror: no locale, no shared buffer.
    const char *text = strerrordesc_np(errno_value);
    nacre_status status = status_of_errno(errno_value);
    return err_set(ctx, status, "%s%s%s: %s (errno %d)", what, path ? " " : "", path ? path : "",
                   text ? text : "unknown error", errno_value);
}

void err_hint(struct ctx *ctx, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    text_vformat(ctx->err.hint, sizeof ctx->err.hint, fmt, args);
    va_end(args);
}

void err_expected(struct ctx *ctx, const char *pointer, const char *expected, const char *got) {
    struct err *err = &ctx->err;
    if (err->item_count == ERR_ITEMS_MAX) return; // the first ones are enough to begin with
    struct err_item *item = &err->items[err->item_count++];
    text_format(item->pointer, sizeof item->pointer, "%s", pointer);
    text_format(item->expected, sizeof item->expected, "%s", expected);
    text_format(item->got, sizeof item->got, "%s", got);
}

void err_parameter(struct ctx *ctx, const char *name) {
    text_format(ctx->err.parameter, sizeof ctx->err.parameter, "%s", name);
    ctx->err.in_header = false;
}

void err_header(struct ctx *ctx, const char *name) {
    err_parameter(ctx, name);
    ctx->err.in_header = true;
}

static uint32_t clamp_u32(size_t n) { return n < UINT32_MAX ? (uint32_t)n : UINT32_MAX; }

void err_span(struct ctx *ctx, size_t offset, size_t length) {
    ctx->err.has_span = true;
    ctx->err.span_offset = clamp_u32(offset);
    ctx->err.span_length = clamp_u32(length);
}

void err_suggest(struct ctx *ctx, const char *suggestion) {
    struct err *err = &ctx->err;
    if (!suggestion || err->suggestion_count == ERR_SUGGESTIONS_MAX) return;
    char *to = err->suggestions[err->suggestion_count++];
    text_format(to, sizeof err->suggestions[0], "%s", suggestion);
}

void err_version(struct ctx *ctx, uint64_t current_version) {
    ctx->err.current_version = current_version;
    ctx->err.has_current_version = true;
}

void err_prefix_pointers(struct ctx *ctx, const char *prefix) {
    for (uint32_t i = 0; i < ctx->err.item_count; i++) {
        char *pointer = ctx->err.items[i].pointer;
        text_format(pointer, ERR_TEXT_MAX, "%s%s", prefix, pointer);
    }
}
