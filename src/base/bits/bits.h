// Byte order, varints, checksums, hashes.
#ifndef BASE_BITS_BITS_H
#define BASE_BITS_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/mem/slice.h"

static inline uint16_t bits_le16(const void *p) {
    uint16_t v;
    memcpy(&v, p, 2);
    return v;
}
static inline uint32_t bits_le32(const void *p) {
    uint32_t v;
    memcpy(&v, p, 4);
    return v;
}
static inline uint64_t bits_le64(const void *p) {
    uint64_t v;
    memcpy(&v, p, 8);
    return v;
}
static inline uint32_t bits_be32(const void *p) { return __builtin_bswap32(bits_le32(p)); }
static inline uint64_t bits_be64(const void *p) { return __builtin_bswap64(bits_le64(p)); }
static inline void bits_put_le16(void *p, uint16_t v) { memcpy(p, &v, 2); }
static inline void bits_put_le32(void *p, uint32_t v) { memcpy(p, &v, 4); }
static inline void bits_put_le64(void *p, uint64_t v) { memcpy(p, &v, 8); }
static inline void bits_put_be32(void *p, uint32_t v) { bits_put_le32(p, __builtin_bswap32(v)); }
static inline void bits_put_be64(void *p, uint64_t v) { bits_put_le64(p, __builtin_bswap64(v)); }

// Takes n bytes (or a value) from the front of *in. false, and *in as it was, when too short or
// malformed.
bool bits_take(struct slice *in, size_t n, struct slice *out);
bool bits_take_u8(struct slice *in, uint8_t *out);
bool bits_take_le32(struct slice *in, uint32_t *out);
bool bits_take_le64(struct slice *in, uint64_t *out);
bool bits_take_be32(struct slice *in, uint32_t *out);
bool bits_take_be64(struct slice *in, uint64_t *out);
bool bits_take_varint_long(struct slice *in, uint64_t *out);
// LEB128, ≤ 10 bytes, shortest form only. Most take one byte.
static inline bool bits_take_varint(struct slice *in, uint64_t *out) {
    if (in->n == 0 || in->p[0] >= 0x80) return bits_take_varint_long(in, out);
    *out = in->p[0];
    *in = slice_skip(*in, 1);
    return true;
}
static inline bool bits_take_varint32(struct slice *in, uint32_t *out) {
    struct slice before = *in;
    uint64_t v;
    if (!bits_take_varint(in, &v)) return false;
    if (v > UINT32_MAX) {
        *in = before;
        return false;
    }
    *out = (uint32_t)v;
    return true;
}
// A varint size and that many bytes: what buf_put_bytes wrote. *in is undefined after a failure.
static inline bool bits_take_bytes(struct slice *in, struct slice *out) {
    uint64_t n;
    return bits_take_varint(in, &n) && n <= in->n && bits_take(in, (size_t)n, out);
}
static inline bool bits_take_fixed(struct slice *in, void *out, size_t size) {
    struct slice s;
    if (!bits_take(in, size, &s)) return false;
    memcpy(out, s.p, size);
    return true;
}

// CRC-32C (Castagnoli), hardware where there is any. Start with 0, continue with
// the previous result.
uint32_t crc32c(uint32_t crc, const void *bytes, size_t size);
// XXH3-64, seed 0 (or given). Part of stored formats: never change.
uint64_t hash_bytes(const void *bytes, size_t size);
uint64_t hash_bytes_seed(const void *bytes, size_t size, uint64_t seed);

// base64 (RFC 4648 §4 with padding; the url alphabet without padding for tokens). Buffers are the
// caller's: encode writes 4·⌈n/3⌉ characters at most and returns how many; decode returns false on
// a malformed text.
size_t base64_encode(const void *bytes, size_t size, char *out);
bool base64_decode(struct slice text, uint8_t *out, size_t *out_size); // out: ≥ 3·(n/4)+3 bytes
size_t base64url_encode(const void *bytes, size_t size, char *out);
bool base64url_decode(struct slice text, uint8_t *out, size_t *out_size);

#endif
