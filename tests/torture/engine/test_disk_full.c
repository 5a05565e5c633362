// The guard against a full disk: below the reserve writes are refused with disk_full, before the
// log or the store meet it; reading goes on; writing resumes by itself when there is room again,
// and nothing is lost. The disk is filled by a file that takes a gigabyte without writing it; a
// machine that has none to spare skips the test. (A disk that is full all the same, at any file
// call: tests/crash/crash_disk.c.)
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/os/file.h"
#include "engine/engine.h"

enum { WAIT_MS = 100000, STEP_MS = 10 };
static const uint64_t ballast_bytes = 1ull << 30, margin_bytes = 512ull << 20;

struct scene {
    struct ctx ctx;
    char dir[64], db[80], ballast[80];
    struct engine *engine;
    int64_t written;
};

static nacre_status put(struct scene *s, int64_t id) {
    struct buf body BUF_CLEANUP = {0};
    struct bson_writer w;
    struct result result;
    buf_init(&body, NULL, SIZE_MAX);
    bson_begin(&w, &body);
    bson_put(&w, SLICE_LIT("_id"), val_int(id));
    bson_end(&w);
    struct write_item item = {.kind = WRITE_PUT, .body = buf_slice(&body)};
    struct write_request request = {
        .target.collection = SLICE_LIT("c"), .count = 1, .items = &item};
    ctx_reset(&s->ctx);
    return engine_write(&s->ctx, s->engine, &request, &result);
}

static bool is_there(struct scene *s, int64_t id) {
    struct engine_collection handle = {.target.collection = SLICE_LIT("c")};
    struct engine_doc doc = {0};
    ctx_reset(&s->ctx);
    bool there = engine_get(&s->ctx, s->engine, &handle, val_int(id), &doc) == NACRE_OK;
    engine_release_doc(s->engine, &doc);
    return there;
}

// Puts one document after the other until one is answered so.
static void put_until(struct scene *s, nacre_status want) {
    for (int ms = 0; ms < WAIT_MS; ms += STEP_MS) {
        nacre_status status = put(s, s->written);
        if (status == NACRE_OK) s->written++;
        if (status == want) return;
        if (status != NACRE_OK && status != NACRE_DISK_FULL)
            fail_msg("%s: %s", nacre_status_code(status), s->ctx.err.detail);
        (void)usleep(STEP_MS * 1000);
    }
    fail_msg("never %s", nacre_status_code(want));
}

static void open_engine(struct scene *s, uint64_t reserve) {
    struct engine_options options = {
        .dir = s->db, .create = true, .memory_bytes = 32u << 20, .disk_reserve_bytes = reserve};
    ctx_reset(&s->ctx);
    assert_int_equal(engine_open(&s->ctx, &options, &s->engine), NACRE_OK);
}

static void guard(struct scene *s, uint64_t reserve) {
    struct engine_status status;
    struct file ballast;
    open_engine(s, reserve);
    put_until(s, NACRE_OK);
    assert_int_equal(file_open(&s->ctx, s->ballast, FILE_CREATE, &ballast), NACRE_OK);
    assert_int_equal(file_allocate(&s->ctx, &ballast, ballast_bytes), NACRE_OK);
    put_until(s, NACRE_DISK_FULL);
    engine_status(s->engine, &status);
    assert_true(status.disk_full);
    assert_false(status.writes_stopped);
    assert_true(is_there(s, 0));
    assert_false(is_there(s, s->written)); // refused is not done
    file_close(&ballast);
    assert_int_equal(unlink(s->ballast), 0);
    put_until(s, NACRE_OK);
    ctx_reset(&s->ctx);
    assert_int_equal(engine_close(&s->ctx, s->engine), NACRE_OK);
    open_engine(s, 1);
    for (int64_t id = 0; id < s->written; id++)
        assert_true(is_there(s, id));
    assert_int_equal(engine_close(&s->ctx, s->engine), NACRE_OK);
}

static void test_guard(void **state) {
    (void)state;
    static struct scene s;
    uint64_t room;
    s = (struct scene){.dir = "/tmp/nacre-full-XXXXXX"};
    assert_non_null(mkdtemp(s.dir));
    (void)snprintf(s.db, sizeof s.db, "%s/db", s.dir);
    (void)snprintf(s.ballast, sizeof s.ballast, "%s/ballast", s.dir);
    ctx_init(&s.ctx, &world_system, NULL, SIZE_MAX);
    assert_int_equal(dir_free_bytes(&s.ctx, s.dir, &room), NACRE_OK);
    bool enough = room > 4 * ballast_bytes;
    if (enough) guard(&s, room - margin_bytes);
    ctx_reset(&s.ctx);
    assert_int_equal(dir_remove_all(&s.ctx, s.dir), NACRE_OK);
    ctx_free(&s.ctx);
    if (!enough) skip();
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_guard)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
