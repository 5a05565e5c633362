// Bounded, growing byte buffer on the heap. Errors stick: after the first failure every put is a
// no-op and buf_status tells it, so that writers need one check at the end. One thread at a time.
#ifndef BASE_MEM_BUF_H
#define BASE_MEM_BUF_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/err/status.h"
#include "base/mem/mem.h"
#include "base/mem/slice.h"

struct buf {
    uint8_t *p;
    size_t n, cap;
    size_t max;            // bytes; beyond it the buffer fails with NACRE_REQUEST_TOO_LARGE
    struct budget *budget; // charged for cap; may be NULL
    nacre_status status;
};

void buf_init(struct buf *buf, struct budget *budget, size_t max_bytes);
void buf_free(struct buf *buf); // leaves it empty and usable
void buf_reset(struct buf *buf); // n = 0, status OK; memory kept
// Room for size more bytes at p + n, or NULL (and the status set). Does not change n.
// (Size 0 takes the slow way: p may still be NULL then.)
uint8_t *buf_reserve_slow(struct buf *buf, size_t size);
static inline uint8_t *buf_reserve(struct buf *buf, size_t size) {
    if (__builtin_expect(buf->status == NACRE_OK && size - 1 < buf->cap - buf->n, 1))
        return buf->p + buf->n;
    return buf_reserve_slow(buf, size);
}
static inline void buf_put(struct buf *buf, const void *bytes, size_t size) {
    if (size == 0) return;
    uint8_t *p = buf_reserve(buf, size);
    if (p) {
        memcpy(p, bytes, size);
        buf->n += size;
    }
}
static inline void buf_put_u8(struct buf *buf, uint8_t byte) {
    uint8_t *p = buf_reserve(buf, 1);
    if (p) {
        *p = byte;
        buf->n++;
    }
}
static inline void buf_put_slice(struct buf *buf, struct slice s) { buf_put(buf, s.p, s.n); }
static inline void buf_put_str(struct buf *buf, const char *s) { buf_put(buf, s, strlen(s)); }
void buf_put_be32(struct buf *buf, uint32_t v);
void buf_put_be64(struct buf *buf, uint64_t v);
void buf_put_le32(struct buf *buf, uint32_t v);
void buf_put_le64(struct buf *buf, uint64_t v);
void buf_put_varint(struct buf *buf, uint64_t v); // LEB128
static inline void buf_put_bytes(struct buf *buf, struct slice s) { // varint size, bytes
    buf_put_varint(buf, s.n);
    buf_put_slice(buf, s);
}
void buf_printf(struct buf *buf, const char *fmt, ...) PRINTF_LIKE(2, 3);
static inline struct slice buf_slice(const struct buf *buf) { return slice_of(buf->p, buf->n); }
MUST_USE static inline nacre_status buf_status(const struct buf *buf) { return buf->status; }

#define BUF_CLEANUP __attribute__((cleanup(buf_free)))

#endif
