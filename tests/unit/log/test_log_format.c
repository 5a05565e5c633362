// The bytes of a segment file are those that docs/format/log.md shows: old logs stay readable.
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "log/local/log_format.h"
#include "support/log_fixture.h"

static const uint64_t SALT = 0x0123456789abcdef;

static const uint8_t HEAD[LOG_BLOCK_BYTES] = {
    0x4e, 0x41, 0x43, 0x52, 0x45, 0x4c, 0x4f, 0x47, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x20, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0xef, 0xcd, 0xab, 0x89, 0x67, 0x45, 0x23, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x94, 0x95, 0x6c, 0xb9, 0xd6, 0x8d, 0x03, 0x85};
static const uint8_t OPENING[LOG_BLOCK_BYTES] = {
    0x4c, 0x4f, 0x47, 0x53, 0x54, 0x41, 0x52, 0x54, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x67, 0x54, 0x54, 0xf1, 0x64, 0x7e, 0xe1, 0xc3};
static const uint8_t MARK[LOG_BLOCK_BYTES] = {
    0x4c, 0x4f, 0x47, 0x43, 0x4c, 0x4f, 0x53, 0x45, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x65, 0x21, 0x55, 0x39, 0xd3, 0xca, 0x89, 0xab};
static const uint8_t RECORD[] = {
    0x05, 0x00, 0x00, 0x00, 0x94, 0x6e, 0xfd, 0xc3, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xfd, 0xdc, 0x62, 0x5c,
    0x55, 0xe8, 0x55, 0x95, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x89, 0x7e,
    0xab, 0x2e, 0xcd, 0x17, 0xb4, 0xf4, 0x68, 0x65, 0x6c, 0x6c, 0x6f, 0x00, 0x00, 0x00};

static void test_written(void **state) {
    (void)state;
    uint8_t bytes[LOG_BLOCK_BYTES];
    log_format_put_head(bytes,
                        &(struct log_head){.format = 1, .number = 1, .bytes = 8192, .salt = SALT});
    assert_memory_equal(bytes, HEAD, sizeof HEAD);
    log_format_put_opening(bytes, &(struct log_opening){.generation = 1, .first_index = 1}, SALT);
    assert_memory_equal(bytes, OPENING, sizeof OPENING);
    log_format_put_mark(bytes, &(struct log_mark){.generation = 1, .synced_upto = 1}, SALT);
    assert_memory_equal(bytes, MARK, sizeof MARK);
    struct log_record_head head = {.length = 5, .generation = 1, .index = 1};
    head.crc = log_record_crc(5, RECORD + LOG_RECORD_HEAD);
    head.chain = log_record_chain(0, SLICE_LIT("hello"));
    log_format_put_record(bytes, &head, SALT);
    assert_memory_equal(bytes, RECORD, LOG_RECORD_HEAD);
    assert_int_equal(log_record_bytes(5), sizeof RECORD);
}

static void test_read(void **state) {
    (void)state;
    struct log_head head;
    struct log_opening opening;
    struct log_mark mark;
    struct log_record_head record;
    assert_true(log_format_get_head(HEAD, &head));
    assert_true(head.format == 1 && head.number == 1 && head.bytes == 8192 && head.salt == SALT);
    assert_true(log_format_get_opening(OPENING, SALT, &opening));
    assert_true(opening.generation == 1 && opening.first_index == 1 && opening.chain_before == 0);
    assert_true(log_format_get_mark(MARK, SALT, &mark));
    assert_true(mark.generation == 1 && mark.synced_upto == 1);
    assert_true(log_format_get_record(RECORD, SALT, &record));
    assert_true(record.length == 5 && record.index == 1 && record.synced_upto == 0);
    // Another file's salt makes strangers of them.
    assert_false(log_format_get_opening(OPENING, SALT + 1, &opening));
    assert_false(log_format_get_record(RECORD, SALT + 1, &record));
}

// A whole file of these parts is a log.
static void test_file(void **state) {
    (void)state;
    struct log_fixture f;
    struct log_image_file file = {.name = "0000000000000001.log", .size = 8192};
    struct log_image image = {.files = &file, .count = 1};
    struct replog_cursor *cursor;
    struct replog_record record;
    bool found;
    static uint8_t bytes[8192];
    memcpy(bytes, HEAD, sizeof HEAD);
    memcpy(bytes + LOG_OPENING_AT, OPENING, sizeof OPENING);
    memcpy(bytes + LOG_MARK_AT, MARK, sizeof MARK);
    memcpy(bytes + LOG_RECORDS_AT, RECORD, sizeof RECORD);
    file.bytes = bytes;
    log_fixture_init(&f);
    log_image_write(&image, &f.ctx, f.log_dir);
    assert_int_equal(log_fixture_open(&f), NACRE_OK);
    assert_int_equal(log_fixture_status(&f).synced_index, 1);
    assert_int_equal(f.log->ops->open_cursor(f.log, &f.ctx, 1, &cursor), NACRE_OK);
    assert_int_equal(f.log->ops->next(cursor, &f.ctx, &record, &found), NACRE_OK);
    assert_true(found && slice_eq_str(record.payload, "hello"));
    f.log->ops->close_cursor(cursor);
    log_fixture_start(&f, 1);
    assert_int_equal(log_fixture_append(&f, "more", 4), 2);
    log_fixture_free(&f);
}

static void test_names(void **state) {
    (void)state;
    char name[LOG_NAME_BYTES];
    uint64_t number;
    log_name_print(0xab12, name);
    assert_string_equal(name, "000000000000ab12.log");
    assert_true(log_name_parse(name, &number) && number == 0xab12);
    assert_false(log_name_parse("0000000000000000.log", &number));
    assert_false(log_name_parse("000000000000AB12.log", &number));
    assert_false(log_name_parse("000000000000ab12.log.tmp", &number));
    assert_false(log_name_parse("spare.tmp", &number));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_written),
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_file),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
