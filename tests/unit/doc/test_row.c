// Stored rows: their bytes, every combination of flags, the checksum, unknown formats, foreign
// bytes.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/bits/bits.h"
#include "doc/row.h"
#include "support/doc_fixture.h"

static struct ctx ctx;
#define KEY SLICE_LIT("Dkey")

static struct slice encode(const struct row *row) {
    BUF_CLEANUP struct buf out;
    buf_init(&out, NULL, 1 << 20);
    buf_put_str(&out, "before"); // a row is appended
    row_encode(&out, KEY, row);
    assert_int_equal(buf_status(&out), NACRE_OK);
    return slice_of(arena_copy(&ctx.arena, out.p + 6, out.n - 6), out.n - 6);
}

static struct row sample(uint8_t flags) {
    struct row row = {
        .flags = flags,
        .schema_epoch = 3,
        .begin_ts = (UINT64_C(1700000000000) << 20) + 5,
        .version = 7,
        .rowid = 11,
        .created_ts = UINT64_C(1600000000000) << 20,
        .expires_ms = 1800000000000,
    };
    memcpy(row.lease.token, "0123456789abcdef", ROW_LEASE_TOKEN_SIZE);
    row.lease.until_ms = 1700000030000;
    row.lease.holder = SLICE_LIT("me");
    row.lease.undo = doc_fixture_bson(&ctx, "{\"set\":{\"a\":1},\"old\":{}}");
    if (!(flags & ROW_DELETED)) {
        row.body = doc_fixture_bson(&ctx, "{\"_id\":1,\"a\":\"b\"}");
        row.footer = SLICE_LIT("\x01 footer");
    }
    return row;
}

static void bytes_are(const struct row *row, const char *hex) {
    assert_string_equal(doc_fixture_hex(&ctx, encode(row)), hex);
}

// The bytes of docs/format/row.md, a field a line. They are stored: never change.
static void test_bytes(void **state) {
    (void)state;
    struct row row = sample(ROW_EXPIRY | ROW_LEASE);
    row.lease.undo = slice_of(NULL, 0);
    row.footer = slice_of(NULL, 0);
    bytes_are(&row, "01"
                    "06"
                    "03000000"
                    "0500008056febc18"
                    "0700000000000000"
                    "0b00000000000000"
                    "00000000e8764817"
                    "3b5f16af"
                    "00505c18a3010000"
                    "30313233343536373839616263646566"
                    "30dde5cf8b010000"
                    "02"
                    "00000000"
                    "00000000"
                    "6d65"
                    "1b000000"
                    "1b000000125f696400010000000000000002610002000000620000");
    row = sample(ROW_DELETED);
    bytes_are(&row, "01"
                    "01"
                    "03000000"
                    "0500008056febc18"
                    "0700000000000000"
                    "0b00000000000000"
                    "00000000e8764817"
                    "534c96f1");
}

static void check_equal(const struct row *a, const struct row *b) {
    assert_int_equal(a->flags, b->flags);
    assert_int_equal(a->schema_epoch, b->schema_epoch);
    assert_true(a->begin_ts == b->begin_ts && a->created_ts == b->created_ts);
    assert_true(a->version == b->version && a->rowid == b->rowid);
    assert_true(slice_eq(a->body, b->body) && slice_eq(a->footer, b->footer));
    if (a->flags & ROW_EXPIRY) assert_true(a->expires_ms == b->expires_ms);
    if (!(a->flags & ROW_LEASE)) return;
    assert_memory_equal(a->lease.token, b->lease.token, ROW_LEASE_TOKEN_SIZE);
    assert_true(a->lease.until_ms == b->lease.until_ms);
    assert_true(slice_eq(a->lease.holder, b->lease.holder));
    assert_true(slice_eq(a->lease.undo, b->lease.undo));
    assert_true(slice_eq(a->lease.on_expire, b->lease.on_expire));
}

static const uint8_t all_flags[] = {0, ROW_DELETED, ROW_EXPIRY, ROW_LEASE, ROW_EXPIRY | ROW_LEASE};

static void test_round_trip(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof all_flags; i++) {
        struct row row = sample(all_flags[i]), back;
        assert_int_equal(row_decode(&ctx, KEY, encode(&row), true, &back), NACRE_OK);
        check_equal(&row, &back);
    }
}

static void test_as_document(void **state) {
    (void)state;
    struct row row = sample(ROW_EXPIRY | ROW_LEASE);
    struct doc_sys sys;
    struct doc doc;
    row_doc(&row, 1700000029999, &sys, &doc);
    assert_true(doc.sys == &sys && slice_eq(doc.body, row.body) &&
                slice_eq(doc.footer, row.footer));
    assert_true(sys.version == 7 && sys.created_ms == 1600000000000 &&
                sys.updated_ms == 1700000000000);
    assert_true(sys.expires_ms == 1800000000000);
    assert_true(sys.lease_until_ms == 1700000030000 && slice_eq_str(sys.lease_holder, "me"));
    row_doc(&row, 1700000030000, &sys, &doc); // ended
    assert_true(sys.lease_until_ms == 0 && sys.lease_holder.n == 0);
    row.flags = 0;
    row_doc(&row, 0, &sys, &doc);
    assert_true(sys.lease_until_ms == 0 && sys.expires_ms == 0);
}

// The checksum finds every flipped bit, of the row and of the key.
static void test_checksum(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof all_flags; i++) {
        struct row row = sample(all_flags[i]), back;
        struct slice bytes = encode(&row);
        uint8_t *copy = arena_copy(&ctx.arena, bytes.p, bytes.n);
        for (size_t bit = 0; bit < bytes.n * 8; bit++) {
            copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
            nacre_status want = bit < 8 ? NACRE_INCOMPATIBLE_FORMAT : NACRE_CORRUPT;
            assert_int_equal(row_decode(&ctx, KEY, slice_of(copy, bytes.n), true, &back), want);
            copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        assert_int_equal(row_decode(&ctx, SLICE_LIT("Dkez"), bytes, true, &back), NACRE_CORRUPT);
        assert_int_equal(row_decode(&ctx, SLICE_LIT("Dkez"), bytes, false, &back), NACRE_OK);
    }
}

// Bytes with a right checksum for the wrong content.
static nacre_status decode_forged(uint8_t *bytes, size_t n) {
    struct row row;
    uint32_t crc = crc32c(crc32c(0, "Dkey", 4), bytes, 38);
    bits_put_le32(bytes + 38, crc32c(crc, bytes + 42, n - 42));
    return row_decode(&ctx, KEY, slice_of(bytes, n), true, &row);
}

static void test_unknown_flags_and_formats(void **state) {
    (void)state;
    struct row row = sample(0);
    struct slice good = encode(&row);
    for (unsigned flag = 8; flag < 256; flag *= 2) {
        uint8_t *bytes = arena_copy(&ctx.arena, good.p, good.n);
        bytes[1] = (uint8_t)flag;
        assert_int_equal(decode_forged(bytes, good.n), NACRE_INCOMPATIBLE_FORMAT);
    }
    uint8_t *bytes = arena_copy(&ctx.arena, good.p, good.n);
    bytes[0] = 2;
    assert_int_equal(decode_forged(bytes, good.n), NACRE_INCOMPATIBLE_FORMAT);
}

static void test_shape(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof all_flags; i++) {
        struct row row = sample(all_flags[i]), back;
        row.footer = slice_of(NULL, 0);
        struct slice good = encode(&row);
        uint8_t *bytes = arena_copy(&ctx.arena, good.p, good.n);
        for (size_t n = 0; n < good.n; n++) {
            if (n >= 42)
                assert_int_equal(decode_forged(bytes, n), NACRE_CORRUPT);
            else
                assert_int_equal(row_decode(&ctx, KEY, slice_of(bytes, n), true, &back),
                                 NACRE_CORRUPT);
        }
    }
    struct row row = sample(ROW_DELETED);
    struct slice marker = encode(&row);
    assert_int_equal(marker.n, 42);
    uint8_t *longer = arena_zalloc(&ctx.arena, 43);
    memcpy(longer, marker.p, 42);
    assert_int_equal(decode_forged(longer, 43), NACRE_CORRUPT);
    longer[1] = ROW_DELETED | ROW_EXPIRY;
    assert_int_equal(decode_forged(longer, 42), NACRE_CORRUPT);
}

int main(void) {
    doc_fixture_ctx(&ctx);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_as_document),
        cmocka_unit_test(test_checksum),
        cmocka_unit_test(test_unknown_flags_and_formats),
        cmocka_unit_test(test_shape),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    ctx_free(&ctx);
    return failed;
}
