// A creation that fails at any file call, and is done again with threads and a short bound of the
// log: it must not wait for a flush that nobody makes yet.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/os/fault.h"
#include "base/os/file.h"
#include "engine/engine.h"
#include "support/scratch.h"

static nacre_status open_close(struct ctx *ctx, const char *db) {
    struct engine *engine;
    struct engine_options options = {.dir = db,
                                     .create = true,
                                     .memory_bytes = 32u << 20,
                                     .log_bytes = 40000,
                                     .disk_reserve_bytes = 1};
    ctx_reset(ctx);
    TRY(engine_open(ctx, &options, &engine));
    return engine_close(ctx, engine);
}

static void test_every_place(void **state) {
    (void)state;
    struct ctx ctx;
    char dir[64], db[80];
    uint64_t failed = 0;
    bool fired = true;
    (void)alarm(240);
    ctx_init(&ctx, &world_system, NULL, SIZE_MAX);
    for (int64_t nth = 1; fired; nth++) {
        scratch_dir("open-again", dir);
        (void)snprintf(db, sizeof db, "%s/db", dir);
        fault_arm(FAULT_IO, nth, true);
        failed += open_close(&ctx, db) != NACRE_OK;
        fired = fault_fired(FAULT_IO);
        fault_disarm(FAULT_IO);
        if (open_close(&ctx, db) != NACRE_OK) fail_msg("place %d: %s", (int)nth, ctx.err.detail);
        assert_int_equal(dir_remove_all(&ctx, dir), NACRE_OK);
    }
    assert_true(failed > 10);
    ctx_free(&ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_place)};
    scratch_leave_disk();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
