// The record envelope: what goes in comes out, each damage is refused, the bytes stay as they are.
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/bits/bits.h"
#include "base/err/ctx.h"
#include "log/record.h"

static const struct record_head HEAD = {.apply_version = 3,
                                        .cluster_id = "0123456789abcde",
                                        .node = 7,
                                        .incarnation = 9,
                                        .counter = 1001,
                                        .proposed_ts = 0x18bcfe56800000,
                                        .not_after_ts = 0,
                                        .submitter_applied = 1000,
                                        .submitter_hash = 0x1122334455667788};

static struct ctx ctx;
static struct buf out, scratch, names;

static int setup(void **state) {
    (void)state;
    ctx_init(&ctx, &world_system, NULL, 1 << 16);
    buf_init(&out, NULL, 1 << 20);
    buf_init(&scratch, NULL, 1 << 20);
    buf_init(&names, NULL, 1 << 10);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    buf_free(&out);
    buf_free(&scratch);
    buf_free(&names);
    ctx_free(&ctx);
    return 0;
}

static void put_name(uint32_t tablet, const char *key) {
    buf_put_be32(&names, tablet);
    buf_put_varint(&names, strlen(key));
    buf_put_str(&names, key);
}

static void write_two(uint16_t flags, struct slice payload) {
    struct record_writer writer;
    struct record_head head = HEAD;
    head.flags = flags;
    buf_put_varint(&names, 2);
    put_name(17, "k1");
    put_name(18, "");
    record_begin(&writer, &out, &head);
    record_add(&writer, &(struct record_command){.type = 0x0102,
                                                 .catalog_epoch = 300,
                                                 .names = buf_slice(&names),
                                                 .payload = payload});
    record_add(&writer, &(struct record_command){.type = 5});
    assert_int_equal(record_end(&ctx, &writer), NACRE_OK);
}

static void expect_two(struct slice bytes, uint16_t flags, struct slice payload) {
    struct record_head head;
    struct record_reader reader;
    struct record_command command;
    bool found;
    uint64_t count;
    uint32_t tablet;
    struct slice key;
    assert_int_equal(record_open(&ctx, bytes, &scratch, &head, &reader), NACRE_OK);
    assert_int_equal(head.flags, flags);
    assert_int_equal(head.count, 2);
    head.flags = 0;
    head.count = 0;
    assert_memory_equal(&head.cluster_id, &HEAD.cluster_id, 16);
    assert_true(head.node == 7 && head.incarnation == 9 && head.counter == 1001);
    assert_true(head.submitter_hash == HEAD.submitter_hash && head.submitter_applied == 1000);
    assert_true(head.proposed_ts == HEAD.proposed_ts && head.not_after_ts == 0);
    assert_int_equal(record_next(&ctx, &reader, &command, &found), NACRE_OK);
    assert_true(found && command.type == 0x0102 && command.catalog_epoch == 300);
    assert_true(slice_eq(command.payload, payload));
    assert_true(record_names_count(&command.names, &count) && count == 2);
    assert_true(record_names_next(&command.names, &tablet, &key));
    assert_true(tablet == 17 && slice_eq_str(key, "k1"));
    assert_true(record_names_next(&command.names, &tablet, &key));
    assert_true(tablet == 18 && key.n == 0);
    assert_false(record_names_next(&command.names, &tablet, &key));
    assert_int_equal(record_next(&ctx, &reader, &command, &found), NACRE_OK);
    assert_true(found && command.type == 5 && command.payload.n == 0 && command.names.n == 0);
    assert_true(record_names_count(&command.names, &count) && count == 0);
    assert_int_equal(record_next(&ctx, &reader, &command, &found), NACRE_OK);
    assert_false(found);
}

static void test_plain(void **state) {
    (void)state;
    buf_put_str(&out, "before"); // an envelope may follow other bytes
    write_two(0, SLICE_LIT("payload"));
    expect_two(slice_skip(buf_slice(&out), 6), 0, SLICE_LIT("payload"));
}

static void test_zstd(void **state) {
    (void)state;
    static char big[5000];
    memset(big, 'a', sizeof big);
    write_two(RECORD_ZSTD, slice_of(big, sizeof big));
    assert_true(out.n < 300);
    expect_two(buf_slice(&out), RECORD_ZSTD, slice_of(big, sizeof big));
}

// Compression that does not pay is dropped, and the flag with it.
static void test_zstd_dropped(void **state) {
    (void)state;
    write_two(RECORD_ZSTD, SLICE_LIT("short"));
    expect_two(buf_slice(&out), 0, SLICE_LIT("short"));
}

// docs/format/record.md has these bytes as its example: old records stay readable.
static void test_fixture(void **state) {
    (void)state;
    static const uint8_t bytes[] = {
        0x4e, 0x43, 0x52, 0x43, 0x01, 0x03, 0x00, 0x00, 0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x36,
        0x37, 0x38, 0x39, 0x61, 0x62, 0x63, 0x64, 0x65, 0x00, 0x07, 0x00, 0x00, 0x00, 0x09, 0x00,
        0x00, 0x00, 0xe9, 0x03, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x80, 0x56, 0xfe,
        0xbc, 0x18, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xe8, 0x03, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, 0x02, 0x00, 0x00,
        0x00, 0x02, 0x01, 0xac, 0x02, 0x0d, 0x02, 0x00, 0x00, 0x00, 0x11, 0x02, 0x6b, 0x31, 0x00,
        0x00, 0x00, 0x12, 0x00, 0x02, 0x68, 0x69, 0x05, 0x00, 0x00, 0x00, 0x00};
    write_two(0, SLICE_LIT("hi"));
    assert_int_equal(out.n, sizeof bytes);
    assert_memory_equal(out.p, bytes, sizeof bytes);
    expect_two(slice_of(bytes, sizeof bytes), 0, SLICE_LIT("hi"));
}

static nacre_status read_all(struct slice bytes) {
    struct record_head head;
    struct record_reader reader;
    struct record_command command;
    bool found = true;
    TRY(record_open(&ctx, bytes, &scratch, &head, &reader));
    while (found) TRY(record_next(&ctx, &reader, &command, &found));
    return NACRE_OK;
}

static void test_truncated(void **state) {
    (void)state;
    write_two(0, SLICE_LIT("payload"));
    for (size_t n = 0; n < out.n; n++)
        assert_int_equal(read_all(slice_of(out.p, n)), NACRE_CORRUPT);
    buf_put_u8(&out, 0);
    assert_int_equal(read_all(buf_slice(&out)), NACRE_CORRUPT);
}

static void test_refused(void **state) {
    (void)state;
    write_two(0, SLICE_LIT("payload"));
    uint8_t *p = out.p;
    p[4] = 2;
    assert_int_equal(read_all(buf_slice(&out)), NACRE_INCOMPATIBLE_FORMAT);
    p[4] = 1;
    bits_put_le16(p + 6, 4);
    assert_int_equal(read_all(buf_slice(&out)), NACRE_INCOMPATIBLE_FORMAT);
    bits_put_le16(p + 6, RECORD_ENCRYPTED);
    assert_int_equal(read_all(buf_slice(&out)), NACRE_UNIMPLEMENTED);
    bits_put_le16(p + 6, RECORD_ZSTD);
    assert_int_equal(read_all(buf_slice(&out)), NACRE_CORRUPT);
    bits_put_le16(p + 6, 0);
    p[0] ^= 1;
    assert_int_equal(read_all(buf_slice(&out)), NACRE_CORRUPT);
    p[0] ^= 1;
    bits_put_le32(p + 72, 0xffffffff);
    assert_int_equal(read_all(buf_slice(&out)), NACRE_CORRUPT);
    bits_put_le32(p + 72, 1);
    assert_int_equal(read_all(buf_slice(&out)), NACRE_CORRUPT);
}

// A writer that ran out of room says so at the end.
static void test_no_room(void **state) {
    (void)state;
    struct record_writer writer;
    struct buf small;
    buf_init(&small, NULL, 100);
    record_begin(&writer, &small, &HEAD);
    record_add(&writer, &(struct record_command){.payload = SLICE_LIT("0123456789012345678901")});
    assert_int_equal(record_end(&ctx, &writer), NACRE_REQUEST_TOO_LARGE);
    buf_free(&small);
    struct record_head head = HEAD;
    head.flags = RECORD_ENCRYPTED;
    record_begin(&writer, &out, &head);
    assert_int_equal(record_end(&ctx, &writer), NACRE_UNIMPLEMENTED);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_plain),     TEST(test_zstd),    TEST(test_zstd_dropped), TEST(test_fixture),
        TEST(test_truncated), TEST(test_refused), TEST(test_no_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
