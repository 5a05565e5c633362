#include "base/mem/buf.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/bits/bits.h"
#include "base/err/check.h"

enum { BUF_FIRST_CAP = 64 };

void buf_init(struct buf *buf, struct budget *budget, size_t max_bytes) {
    *buf = (struct buf){.max = max_bytes, .budget = budget, .status = NACRE_OK};
}

void buf_free(struct buf *buf) {
    budget_release(buf->budget, buf->cap);
    mem_free(buf->p);
    buf_init(buf, buf->budget, buf->max);
}

void buf_reset(struct buf *buf) {
    buf->n = 0;
    buf->status = NACRE_OK;
}

static bool buf_grow_to(struct buf *buf, size_t cap) {
    size_t more = cap - buf->cap;
    if (!budget_charge(buf->budget, more)) return false;
    uint8_t *p = mem_realloc(buf->p, cap);
    if (!p) {
        budget_release(buf->budget, more);
        return false;
    }
    buf->p = p;
    buf->cap = cap;
    return true;
}

uint8_t *buf_reserve_slow(struct buf *buf, size_t size) {
    DCHECK(buf->n <= buf->cap);
    if (buf->status != NACRE_OK) return NULL;
    size_t need;
    if (__builtin_add_overflow(buf->n, size ? size : 1, &need) || need > buf->max) {
        if (size == 0 && buf->p) return buf->p + buf->n;
        buf->status = NACRE_REQUEST_TOO_LARGE;
        return NULL;
    }
    if (need <= buf->cap) return buf->p + buf->n;
    size_t cap = buf->cap > buf->max / 2 ? buf->max : buf->cap * 2;
    if (cap < BUF_FIRST_CAP) cap = BUF_FIRST_CAP < buf->max ? BUF_FIRST_CAP : buf->max;
    if (cap < need) cap = need;
    // Where doubling does not fit any more, what is needed still may.
    if (!buf_grow_to(buf, cap) && (cap == need || !buf_grow_to(buf, need))) {
        buf->status = NACRE_MEMORY_LIMIT;
        return NULL;
    }
    return buf->p + buf->n;
}

void buf_put_be32(struct buf *buf, uint32_t v) {
    uint8_t *p = buf_reserve(buf, 4);
    if (!p) return;
    bits_put_be32(p, v);
    buf->n += 4;
}

void buf_put_be64(struct buf *buf, uint64_t v) {
    uint8_t *p = buf_reserve(buf, 8);
    if (!p) return;
    bits_put_be64(p, v);
    buf->n += 8;
}

void buf_put_le32(struct buf *buf, uint32_t v) {
    uint8_t *p = buf_reserve(buf, 4);
    if (!p) return;
    bits_put_le32(p, v);
    buf->n += 4;
}

void buf_put_le64(struct buf *buf, uint64_t v) {
    uint8_t *p = buf_reserve(buf, 8);
    if (!p) return;
    bits_put_le64(p, v);
    buf->n += 8;
}

void buf_put_varint(struct buf *buf, uint64_t v) {
    uint8_t bytes[10];
    size_t n = 0;
    for (; v >= 0x80; v >>= 7) bytes[n++] = (uint8_t)(v | 0x80);
    bytes[n++] = (uint8_t)v;
    buf_put(buf, bytes, n);
}

// vsnprintf wants a place for its NUL, which is not content: a text that just fits max is made
// aside.
static PRINTF_LIKE(3, 0) void buf_vprint(struct buf *buf, size_t size, const char *fmt,
                                         va_list args) {
    size_t left = buf->max - buf->n;
    if (size > left) {
        buf->status = NACRE_REQUEST_TOO_LARGE;
    } else if (size < left) {
        uint8_t *to = buf_reserve(buf, size + 1);
        if (!to) return;
        vsnprintf((char *)to, size + 1, fmt, args);
        buf->n += size;
    } else {
        MEM_CLEANUP char *text = mem_alloc(size + 1);
        if (!text) {
            buf->status = NACRE_MEMORY_LIMIT;
            return;
        }
        vsnprintf(text, size + 1, fmt, args);
        buf_put(buf, text, size);
    }
}

void buf_printf(struct buf *buf, const char *fmt, ...) {
    if (buf->status != NACRE_OK) return;
    va_list args;
    size_t room = buf->cap - buf->n;
    va_start(args, fmt);
    int length = vsnprintf(room ? (char *)buf->p + buf->n : NULL, room, fmt, args);
    va_end(args);
    CHECK(length >= 0); // only a wide-character conversion can fail, and nobody uses them
    if ((size_t)length < room) {
        buf->n += (size_t)length;
        return;
    }
    va_start(args, fmt);
    buf_vprint(buf, (size_t)length, fmt, args);
    va_end(args);
}
