// A stored row: header, BSON body, footer; the value under kind D. Bytes: docs/format/row.md.
// format u8 · flags u8 · schema_epoch u32 · begin_ts u64 · version u64 · rowid u64 · created_ts u64
// · crc32c u32 · [expiry i64] · [lease block] · body_size u32 · body · footer. The checksum covers
// the key without tablet and end_ts, then every byte of the row but itself.
#ifndef DOC_ROW_H
#define DOC_ROW_H

#include "base/mem/buf.h"
#include "doc/path.h"

enum row_flag {
    ROW_DELETED = 1, // a marker: no body; keeps the last version (ETags never come back)
    ROW_EXPIRY = 2,
    ROW_LEASE = 4,
    ROW_VECTOR_OUT_OF_LINE = 128, // reserved; refused as unknown until implemented
};

enum { ROW_LEASE_TOKEN_SIZE = 16, ROW_HOLDER_MAX = 255 };

struct row_lease {
    uint8_t token[ROW_LEASE_TOKEN_SIZE];
    uint64_t until_ms;
    struct slice holder; // may be empty
    struct slice undo;   // BSON {"set":{path: value written}, "old":{path: value before}} or empty
    struct slice on_expire; // BSON patch or empty
};

struct row {
    uint8_t flags;
    uint32_t schema_epoch;
    uint64_t begin_ts, version, rowid, created_ts; // timestamps: ms << 20 | counter
    int64_t expires_ms;                            // with ROW_EXPIRY
    struct row_lease lease;                        // with ROW_LEASE
    struct slice body, footer;
};

static inline int64_t row_ts_ms(uint64_t ts) {
    return (int64_t)(ts >> 20);
}

// Appends the row. key: the full key without tablet (kind and typed key). Rooted in out's sticky
// status.
void row_encode(struct buf *out, struct slice key, const struct row *row);
// Views into bytes. NACRE_CORRUPT on a bad checksum or shape, NACRE_INCOMPATIBLE_FORMAT on an
// unknown format or flag. verify: check the crc (cache hits were checked when they were read).
MUST_USE nacre_status row_decode(struct ctx *ctx, struct slice key, struct slice bytes, bool verify,
                                 struct row *out);
// doc and sys view into row. now_ms decides whether the lease still lives.
void row_doc(const struct row *row, int64_t now_ms, struct doc_sys *sys, struct doc *out);

#endif
