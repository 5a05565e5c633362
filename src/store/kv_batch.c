// Batches as flat bytes. Layout: kv.h.
#include "base/bits/bits.h"
#include "base/err/ctx.h"
#include "store/kv.h"

enum { ENTRY_OVERHEAD_MAX = 2 + 10 + 10 }; // op, family and two sizes

void kv_batch_init(struct kv_batch *batch, struct budget *budget, size_t max_bytes) {
    *batch = (struct kv_batch){0};
    buf_init(&batch->bytes, budget, max_bytes);
}

void kv_batch_free(struct kv_batch *batch) {
    buf_free(&batch->bytes);
    batch->count = 0;
}

void kv_batch_reset(struct kv_batch *batch) {
    buf_reset(&batch->bytes);
    batch->count = 0;
}

static size_t varint_size(uint64_t v) {
    size_t n = 1;
    for (; v >= 0x80; v >>= 7) n++;
    return n;
}

static uint8_t *put_varint(uint8_t *p, uint64_t v) {
    for (; v >= 0x80; v >>= 7) *p++ = (uint8_t)(v | 0x80);
    *p++ = (uint8_t)v;
    return p;
}

static uint8_t *put_slice(uint8_t *p, struct slice s) {
    p = put_varint(p, s.n);
    if (s.n) memcpy(p, s.p, s.n);
    return p + s.n;
}

// One reservation for the whole entry, so that a full buffer never holds half of one.
static void append(struct kv_batch *batch, uint8_t op, enum kv_family family, struct slice key,
                   struct slice value) {
    struct buf *bytes = &batch->bytes;
    size_t size = 0;
    if (__builtin_add_overflow(key.n, value.n, &size) || size > SIZE_MAX - ENTRY_OVERHEAD_MAX ||
        batch->count == UINT32_MAX) {
        if (bytes->status == NACRE_OK) bytes->status = NACRE_REQUEST_TOO_LARGE;
        return;
    }
    uint8_t *start = buf_reserve(bytes, 2 + varint_size(key.n) + varint_size(value.n) + size);
    if (!start) return;
    uint8_t *p = start;
    *p++ = op;
    *p++ = (uint8_t)family;
    p = put_slice(p, key);
    p = put_slice(p, value);
    bytes->n += (size_t)(p - start);
    batch->count++;
}

void kv_batch_put(struct kv_batch *batch, enum kv_family family, struct slice key,
                  struct slice value) {
    append(batch, KV_OP_PUT, family, key, value);
}

void kv_batch_delete(struct kv_batch *batch, enum kv_family family, struct slice key) {
    append(batch, KV_OP_DELETE, family, key, (struct slice){0});
}

void kv_batch_delete_range(struct kv_batch *batch, enum kv_family family, struct slice begin,
                           struct slice end) {
    append(batch, KV_OP_DELETE_RANGE, family, begin, end);
}

static bool take_slice(struct slice *in, struct slice *out) {
    uint64_t n = 0;
    if (!bits_take_varint(in, &n) || n > in->n) return false;
    return bits_take(in, (size_t)n, out);
}

bool kv_batch_next(struct slice *rest, struct kv_batch_entry *out) {
    struct slice in = *rest;
    uint8_t family = 0;
    struct kv_batch_entry entry = {0};
    if (!bits_take_u8(&in, &entry.op) || entry.op < KV_OP_PUT || entry.op > KV_OP_DELETE_RANGE)
        return false;
    if (!bits_take_u8(&in, &family) || family >= KV_FAMILIES) return false;
    entry.family = (enum kv_family)family;
    if (!take_slice(&in, &entry.key) || !take_slice(&in, &entry.value)) return false;
    if (entry.op == KV_OP_DELETE && entry.value.n) return false;
    *out = entry;
    *rest = in;
    return true;
}

nacre_status kv_batch_check(struct ctx *ctx, const struct kv_batch *batch) {
    nacre_status status = buf_status(&batch->bytes);
    if (status != NACRE_OK) return err_set(ctx, status, "a batch holds more than it may");
    struct slice rest = buf_slice(&batch->bytes);
    struct kv_batch_entry entry;
    while (kv_batch_next(&rest, &entry)) continue;
    if (rest.n == 0) return NACRE_OK;
    return err_set(ctx, NACRE_INTERNAL, "a batch is malformed at byte %zu of %zu",
                   batch->bytes.n - rest.n, batch->bytes.n);
}
