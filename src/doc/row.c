// Stored rows (docs/format/row.md). All integers are little-endian.
#include "doc/row.h"

#include "base/bits/bits.h"
#include "base/err/check.h"
#include "base/err/ctx.h"
#include "doc/bson_types.h"

enum { ROW_FORMAT = 1 };
enum { ROW_FLAGS_KNOWN = ROW_DELETED | ROW_EXPIRY | ROW_LEASE };

// Offsets in the fixed header.
enum {
    ROW_AT_FORMAT = 0,
    ROW_AT_FLAGS = 1,
    ROW_AT_SCHEMA_EPOCH = 2,
    ROW_AT_BEGIN_TS = 6,
    ROW_AT_VERSION = 14,
    ROW_AT_ROWID = 22,
    ROW_AT_CREATED_TS = 30,
    ROW_AT_CRC = 38,
    ROW_HEADER_SIZE = 42,
};

static uint32_t row_crc(struct slice key, struct slice row) {
    uint32_t crc = crc32c(0, key.p, key.n);
    crc = crc32c(crc, row.p, ROW_AT_CRC);
    return crc32c(crc, row.p + ROW_HEADER_SIZE, row.n - ROW_HEADER_SIZE);
}

static void row_put_header(struct buf *out, const struct row *row) {
    uint8_t h[ROW_HEADER_SIZE] = {0};
    h[ROW_AT_FORMAT] = ROW_FORMAT;
    h[ROW_AT_FLAGS] = row->flags;
    bits_put_le32(h + ROW_AT_SCHEMA_EPOCH, row->schema_epoch);
    bits_put_le64(h + ROW_AT_BEGIN_TS, row->begin_ts);
    bits_put_le64(h + ROW_AT_VERSION, row->version);
    bits_put_le64(h + ROW_AT_ROWID, row->rowid);
    bits_put_le64(h + ROW_AT_CREATED_TS, row->created_ts);
    buf_put(out, h, sizeof h);
}

static void row_put_lease(struct buf *out, const struct row_lease *lease) {
    CHECK(lease->holder.n <= ROW_HOLDER_MAX);
    CHECK(lease->undo.n <= INT32_MAX && lease->on_expire.n <= INT32_MAX);
    buf_put(out, lease->token, ROW_LEASE_TOKEN_SIZE);
    buf_put_le64(out, lease->until_ms);
    buf_put_u8(out, (uint8_t)lease->holder.n);
    buf_put_le32(out, (uint32_t)lease->undo.n);
    buf_put_le32(out, (uint32_t)lease->on_expire.n);
    buf_put_slice(out, lease->holder);
    buf_put_slice(out, lease->undo);
    buf_put_slice(out, lease->on_expire);
}

void row_encode(struct buf *out, struct slice key, const struct row *row) {
    CHECK((row->flags & ~ROW_FLAGS_KNOWN) == 0);
    CHECK(!(row->flags & ROW_DELETED) || row->flags == ROW_DELETED);
    size_t start = out->n;
    buf_reserve(out, ROW_HEADER_SIZE + 16 + row->body.n + row->footer.n);
    row_put_header(out, row);
    if (row->flags & ROW_EXPIRY) buf_put_le64(out, (uint64_t)row->expires_ms);
    if (row->flags & ROW_LEASE) row_put_lease(out, &row->lease);
    if (!(row->flags & ROW_DELETED)) {
        CHECK(row->body.n >= BSON_DOC_MIN && row->body.n <= INT32_MAX);
        buf_put_le32(out, (uint32_t)row->body.n);
        buf_put_slice(out, row->body);
        buf_put_slice(out, row->footer);
    }
    if (buf_status(out) != NACRE_OK) return;
    struct slice bytes = slice_of(out->p + start, out->n - start);
    bits_put_le32(out->p + start + ROW_AT_CRC, row_crc(key, bytes));
}

static nacre_status row_bad(struct ctx *ctx, const char *what) {
    return err_set(ctx, NACRE_CORRUPT, "stored row: %s", what);
}

// Empty, or the length prefix and the final NUL of a BSON document. What is between is
// bson_validate's business.
static bool row_is_bson(struct slice s, bool may_be_empty) {
    if (s.n == 0) return may_be_empty;
    return s.n >= BSON_DOC_MIN && bits_le32(s.p) == s.n && s.p[s.n - 1] == 0;
}

static bool row_take_lease(struct slice *in, struct row_lease *lease) {
    struct slice token;
    uint8_t holder_n;
    uint32_t undo_n, on_expire_n;
    if (!bits_take(in, ROW_LEASE_TOKEN_SIZE, &token) || !bits_take_le64(in, &lease->until_ms) ||
        !bits_take_u8(in, &holder_n) || !bits_take_le32(in, &undo_n) ||
        !bits_take_le32(in, &on_expire_n))
        return false;
    if (!bits_take(in, holder_n, &lease->holder) || !bits_take(in, undo_n, &lease->undo) ||
        !bits_take(in, on_expire_n, &lease->on_expire))
        return false;
    memcpy(lease->token, token.p, ROW_LEASE_TOKEN_SIZE);
    return row_is_bson(lease->undo, true) && row_is_bson(lease->on_expire, true);
}

// What follows the fixed header, in as many locals: a struct that is copied afterwards would be
// waited for, and this runs for every row of a scan.
struct row_rest {
    uint64_t expires_ms;
    struct slice body, footer;
};

// in is what follows the fixed header. lease is set if the flags tell of one.
static inline nacre_status row_read_rest(struct ctx *ctx, struct slice in, uint8_t flags,
                                         struct row_rest *rest, struct row_lease *lease) {
    uint32_t body_n;
    if (flags & ROW_DELETED)
        return flags != ROW_DELETED || in.n ? row_bad(ctx, "a marker of a delete holds more")
                                            : NACRE_OK;
    if ((flags & ROW_EXPIRY) && !bits_take_le64(&in, &rest->expires_ms))
        return row_bad(ctx, "truncated expiry");
    if ((flags & ROW_LEASE) && !row_take_lease(&in, lease)) return row_bad(ctx, "malformed lease");
    if (!bits_take_le32(&in, &body_n) || !bits_take(&in, body_n, &rest->body))
        return row_bad(ctx, "truncated body");
    if (!row_is_bson(rest->body, false)) return row_bad(ctx, "the body is no BSON document");
    rest->footer = in;
    return NACRE_OK;
}

static void row_read_header(const uint8_t *p, struct row *row) {
    row->flags = p[ROW_AT_FLAGS];
    row->schema_epoch = bits_le32(p + ROW_AT_SCHEMA_EPOCH);
    row->begin_ts = bits_le64(p + ROW_AT_BEGIN_TS);
    row->version = bits_le64(p + ROW_AT_VERSION);
    row->rowid = bits_le64(p + ROW_AT_ROWID);
    row->created_ts = bits_le64(p + ROW_AT_CREATED_TS);
}

nacre_status row_decode(struct ctx *ctx, struct slice key, struct slice bytes, bool verify,
                        struct row *out) {
    if (bytes.n < ROW_HEADER_SIZE) return row_bad(ctx, "truncated header");
    // The format comes first: the checksum of another format may lie elsewhere.
    if (bytes.p[ROW_AT_FORMAT] != ROW_FORMAT)
        return err_set(ctx, NACRE_INCOMPATIBLE_FORMAT, "stored row: unknown format %u",
                       bytes.p[ROW_AT_FORMAT]);
    if (verify && bits_le32(bytes.p + ROW_AT_CRC) != row_crc(key, bytes))
        return row_bad(ctx, "wrong checksum");
    uint8_t flags = bytes.p[ROW_AT_FLAGS];
    if (flags & ~ROW_FLAGS_KNOWN)
        return err_set(ctx, NACRE_INCOMPATIBLE_FORMAT, "stored row: unknown flags 0x%02X", flags);
    struct row_rest rest = {0};
    struct row_lease lease;
    TRY(row_read_rest(ctx, slice_skip(bytes, ROW_HEADER_SIZE), flags, &rest, &lease));
    row_read_header(bytes.p, out);
    out->expires_ms = (int64_t)rest.expires_ms;
    out->lease = flags & ROW_LEASE ? lease : (struct row_lease){0};
    out->body = rest.body;
    out->footer = rest.footer;
    return NACRE_OK;
}

void row_doc(const struct row *row, int64_t now_ms, struct doc_sys *sys, struct doc *out) {
    *sys = (struct doc_sys){
        .version = row->version,
        .created_ms = row_ts_ms(row->created_ts),
        .updated_ms = row_ts_ms(row->begin_ts),
    };
    if (row->flags & ROW_EXPIRY) sys->expires_ms = row->expires_ms;
    if ((row->flags & ROW_LEASE) && (int64_t)row->lease.until_ms > now_ms) {
        sys->lease_until_ms = (int64_t)row->lease.until_ms;
        sys->lease_holder = row->lease.holder;
    }
    *out = (struct doc){.body = row->body, .footer = row->footer, .sys = sys};
}
