// An appender, two syncers, cursors and a trimmer at once: cursors see a dense run of whole
// records, a sync covers what was appended before it. Run it under ThreadSanitizer.
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/log_fixture.h"

enum { RECORDS = 20000, PAYLOAD_MAX = 600, READERS = 2, SYNCERS = 2 };

struct shared {
    struct replog *log;
    _Atomic uint64_t appended, trimmed;
    atomic_bool done, failed;
};

static void give_up(struct shared *s, const char *what, struct ctx *ctx) {
    if (!atomic_exchange(&s->failed, true)) print_error("%s: %s\n", what, ctx->err.detail);
}

static void *run_appender(void *arg) {
    struct shared *s = arg;
    struct ctx ctx;
    uint8_t bytes[PAYLOAD_MAX];
    ctx_init(&ctx, &world_system, NULL, 1 << 16);
    for (uint64_t i = 1; i <= RECORDS && !s->failed; i++) {
        uint64_t index = 0;
        size_t size = log_fixture_payload(i, 9, PAYLOAD_MAX, bytes);
        nacre_status status = s->log->ops->append(s->log, &ctx, slice_of(bytes, size), &index);
        if (status != NACRE_OK || index != i) give_up(s, "append", &ctx);
        atomic_store(&s->appended, i);
    }
    atomic_store(&s->done, true);
    ctx_free(&ctx);
    return NULL;
}

static void *run_syncer(void *arg) {
    struct shared *s = arg;
    struct ctx ctx;
    ctx_init(&ctx, &world_system, NULL, 1 << 16);
    while (!s->done && !s->failed) {
        uint64_t before = atomic_load(&s->appended), synced;
        if (s->log->ops->sync(s->log, &ctx, &synced) != NACRE_OK || synced < before)
            give_up(s, "sync", &ctx);
    }
    ctx_free(&ctx);
    return NULL;
}

static void *run_reader(void *arg) {
    struct shared *s = arg;
    struct ctx ctx;
    struct replog_cursor *cursor = NULL;
    uint8_t want[PAYLOAD_MAX];
    uint64_t next = 1;
    ctx_init(&ctx, &world_system, NULL, 1 << 16);
    while (next <= RECORDS && !s->failed) {
        struct replog_record record;
        bool found = false;
        nacre_status status = NACRE_OK;
        if (!cursor) status = s->log->ops->open_cursor(s->log, &ctx, next, &cursor);
        if (status == NACRE_OK) status = s->log->ops->next(cursor, &ctx, &record, &found);
        if (status == NACRE_HISTORY_EXPIRED) { // the trimmer was faster
            struct replog_status st;
            s->log->ops->status(s->log, &st);
            s->log->ops->close_cursor(cursor);
            cursor = NULL;
            next = st.first_index;
        } else if (status != NACRE_OK) {
            give_up(s, "next", &ctx);
        } else if (found) {
            size_t size = log_fixture_payload(next, 9, PAYLOAD_MAX, want);
            if (record.index != next || !slice_eq(record.payload, slice_of(want, size)))
                give_up(s, "a record differs", &ctx);
            next++;
        }
    }
    s->log->ops->close_cursor(cursor);
    ctx_free(&ctx);
    return NULL;
}

static void *run_trimmer(void *arg) {
    struct shared *s = arg;
    struct ctx ctx;
    ctx_init(&ctx, &world_system, NULL, 1 << 16);
    while (!s->done && !s->failed) {
        uint64_t appended = atomic_load(&s->appended);
        if (appended > 500 && s->log->ops->trim(s->log, &ctx, appended - 400) != NACRE_OK)
            give_up(s, "trim", &ctx);
    }
    ctx_free(&ctx);
    return NULL;
}

static void test_together(void **state) {
    (void)state;
    struct log_fixture f;
    struct shared s = {0};
    pthread_t threads[2 + READERS + SYNCERS];
    size_t n = 0;
    log_fixture_init(&f);
    f.options.segment_bytes = 64 * 1024;
    log_fixture_start(&f, 0);
    s.log = f.log;
    pthread_create(&threads[n++], NULL, run_appender, &s);
    pthread_create(&threads[n++], NULL, run_trimmer, &s);
    for (int i = 0; i < SYNCERS; i++) pthread_create(&threads[n++], NULL, run_syncer, &s);
    for (int i = 0; i < READERS; i++) pthread_create(&threads[n++], NULL, run_reader, &s);
    while (n > 0) pthread_join(threads[--n], NULL);
    assert_false(s.failed);
    log_fixture_sync(&f);
    log_fixture_close(&f);
    log_fixture_start(&f, RECORDS);
    assert_int_equal(log_fixture_status(&f).generation, 1);
    log_fixture_free(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_together)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
