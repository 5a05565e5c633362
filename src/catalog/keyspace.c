// Keys of the three families. Bytes: docs/format/keyspace.md.
#include "catalog/keyspace.h"

#include "base/bits/bits.h"
#include "base/err/check.h"
#include "doc/key.h"

void keyspace_prefix(struct buf *out, uint32_t tablet, enum key_kind kind) {
    uint8_t bytes[KEYSPACE_PREFIX];
    bits_put_be32(bytes, tablet);
    bytes[4] = (uint8_t)kind;
    buf_put(out, bytes, sizeof bytes);
}

void keyspace_document(struct buf *out, uint32_t tablet, struct val id) {
    CHECK(id.type == VAL_STRING || id.type == VAL_INT);
    keyspace_prefix(out, tablet, KIND_DOCUMENT);
    key_put(out, id, false);
}

void keyspace_index(struct buf *out, uint32_t tablet, uint32_t index_id) {
    keyspace_prefix(out, tablet, KIND_INDEX);
    buf_put_be32(out, index_id);
}

void keyspace_unique(struct buf *out, uint32_t tablet, uint32_t index_id) {
    keyspace_prefix(out, tablet, KIND_UNIQUE);
    buf_put_be32(out, index_id);
}

void keyspace_multikey(struct buf *out, uint32_t tablet, uint32_t index_id) {
    keyspace_prefix(out, tablet, KIND_MULTIKEY);
    buf_put_be32(out, index_id);
}

void keyspace_due(struct buf *out, uint32_t tablet, uint64_t due_ms, uint8_t what,
                  struct slice key) {
    keyspace_prefix(out, tablet, KIND_DUE);
    buf_put_be64(out, due_ms);
    buf_put_u8(out, what);
    buf_put_slice(out, key);
}

void keyspace_history(struct buf *out, struct slice data_key, uint64_t end_ts) {
    buf_put_slice(out, data_key);
    buf_put_be64(out, end_ts);
}

void keyspace_meta(struct buf *out, enum meta_kind kind) { buf_put_u8(out, (uint8_t)kind); }

void keyspace_meta_id(struct buf *out, enum meta_kind kind, uint32_t id) {
    keyspace_meta(out, kind);
    buf_put_be32(out, id);
}
