// The model log keeps the contract: synced records outlive a crash, unknown means either, a cursor
// may give a record twice, and one seed gives one history.
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/err/ctx.h"
#include "log/model/log_model.h"

static struct ctx ctx;

static int setup(void **state) {
    (void)state;
    ctx_init(&ctx, &world_system, NULL, 1 << 16);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    ctx_free(&ctx);
    return 0;
}

static struct replog *new_log(struct log_model_options options) {
    struct replog *log;
    assert_int_equal(log_model_new(&ctx, &options, &log), NACRE_OK);
    assert_int_equal(log->ops->start(log, &ctx, 0), NACRE_OK);
    return log;
}

static uint64_t last_index(struct replog *log) {
    struct replog_status status;
    log->ops->status(log, &status);
    return status.last_index;
}

// The number of records from an index on; each holds its index as text of one byte.
static int count_from(struct replog *log, uint64_t from, int *twice) {
    struct replog_cursor *cursor;
    struct replog_record record;
    bool found = true;
    int count = 0;
    uint64_t applied = from - 1;
    assert_int_equal(log->ops->open_cursor(log, &ctx, from, &cursor), NACRE_OK);
    for (;;) {
        assert_int_equal(log->ops->next(cursor, &ctx, &record, &found), NACRE_OK);
        if (!found) break;
        if (record.index <= applied) {
            ++*twice;
            continue;
        }
        assert_int_equal(record.index, applied + 1);
        applied = record.index;
        count++;
    }
    log->ops->close_cursor(cursor);
    return count;
}

static void test_crash(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed < 50; seed++) {
        struct replog *log = new_log((struct log_model_options){.seed = seed});
        struct replog_status before, after;
        uint64_t index;
        int twice = 0;
        for (int i = 0; i < 10; i++)
            assert_int_equal(log->ops->append(log, &ctx, SLICE_LIT("a"), &index), NACRE_OK);
        assert_int_equal(log->ops->sync(log, &ctx, &index), NACRE_OK);
        log->ops->status(log, &before);
        for (int i = 0; i < 10; i++)
            assert_int_equal(log->ops->append(log, &ctx, SLICE_LIT("b"), &index), NACRE_OK);
        log_model_crash(log);
        assert_int_equal(log->ops->append(log, &ctx, SLICE_LIT("c"), &index), NACRE_CLOSED);
        log_model_reopen(log);
        log->ops->status(log, &after);
        assert_true(after.last_index >= 10 && after.last_index <= 20);
        if (after.last_index == 10) assert_true(after.chain == before.chain);
        assert_int_equal(count_from(log, 1, &twice), after.last_index);
        assert_int_equal(log->ops->start(log, &ctx, after.last_index), NACRE_OK);
        log->ops->status(log, &before);
        assert_true(before.generation == (after.last_index < 20 ? 2 : 1));
        log->ops->close(log);
    }
}

static void test_unknown(void **state) {
    (void)state;
    struct replog *log = new_log((struct log_model_options){.seed = 1, .unknown_per_mille = 500});
    uint64_t index;
    int unknown = 0, there = 0;
    for (int i = 0; i < 1000; i++) {
        uint64_t before = last_index(log);
        nacre_status status = log->ops->append(log, &ctx, SLICE_LIT("a"), &index);
        if (status == NACRE_OK) assert_true(last_index(log) == before + 1 && index == before + 1);
        if (status != NACRE_OUTCOME_UNKNOWN) continue;
        unknown++;
        there += last_index(log) == before + 1;
    }
    assert_true(unknown > 400 && unknown < 600);
    assert_true(there > unknown / 3 && there < unknown * 2 / 3);
    log->ops->close(log);
}

static void test_failed_sync(void **state) {
    (void)state;
    struct replog *log =
        new_log((struct log_model_options){.seed = 1, .fail_sync_per_mille = 1000});
    uint64_t index;
    assert_int_equal(log->ops->append(log, &ctx, SLICE_LIT("a"), &index), NACRE_OK);
    assert_int_equal(log->ops->sync(log, &ctx, &index), NACRE_IO_ERROR);
    assert_int_equal(log->ops->append(log, &ctx, SLICE_LIT("a"), &index), NACRE_IO_ERROR);
    assert_int_equal(log->ops->sync(log, &ctx, &index), NACRE_IO_ERROR);
    log->ops->close(log);
}

static void test_duplicates_and_trim(void **state) {
    (void)state;
    struct replog *log = new_log((struct log_model_options){.seed = 1, .duplicate_per_mille = 300});
    uint64_t index;
    int twice = 0;
    for (int i = 0; i < 100; i++)
        assert_int_equal(log->ops->append(log, &ctx, SLICE_LIT("a"), &index), NACRE_OK);
    assert_int_equal(count_from(log, 1, &twice), 100);
    assert_true(twice > 10);
    assert_int_equal(log->ops->sync(log, &ctx, &index), NACRE_OK);
    struct replog_status status = {.first_index = 1};
    for (int i = 0; i < 20 && status.first_index == 1; i++) {
        assert_int_equal(log->ops->trim(log, &ctx, 50), NACRE_OK);
        log->ops->status(log, &status);
    }
    assert_true(status.first_index > 1 && status.first_index <= 50);
    struct replog_cursor *cursor;
    assert_int_equal(log->ops->open_cursor(log, &ctx, 1, &cursor), NACRE_HISTORY_EXPIRED);
    log->ops->close(log);
}

static void test_gap(void **state) {
    (void)state;
    struct replog *log;
    struct replog_status status;
    uint64_t index;
    assert_int_equal(log_model_new(&ctx, NULL, &log), NACRE_OK);
    assert_int_equal(log->ops->start(log, &ctx, 10), NACRE_OK);
    log->ops->status(log, &status);
    assert_int_equal(status.generation, 2);
    assert_int_equal(log->ops->append(log, &ctx, SLICE_LIT("a"), &index), NACRE_OK);
    assert_int_equal(index, 11);
    assert_int_equal(log->ops->read_index(log, &ctx, &index), NACRE_OK);
    assert_int_equal(index, 11);
    log->ops->close(log);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_crash),       TEST(test_unknown),
        TEST(test_failed_sync), TEST(test_duplicates_and_trim),
        TEST(test_gap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
