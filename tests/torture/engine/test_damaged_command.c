// A command that meets damage in the store answers with it. When it is met again by replay, after
// a kill, the open is refused; so the engine flushes soon after such a command, and replay does not
// meet it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/os/file.h"
#include "engine/engine.h"
#include "store/rocks/kv_rocks.h"
#include "support/scratch.h"

enum { DOCUMENTS = 100, FINE = 0, REFUSED = 10, NOT_MET = 11, BAD = 12 };

// Compactions are held: one that met the damage would stop the store.
static nacre_status open_engine(struct ctx *ctx, const char *dir, struct engine **out) {
    char db[96], store[96];
    struct kv_rocks_options store_options = {.create = true, .hold_compactions = true};
    struct engine_options options = {
        .dir = db, .create = true, .disk_reserve_bytes = 1, .no_background = true};
    (void)snprintf(db, sizeof db, "%s/db", dir);
    (void)snprintf(store, sizeof store, "%s/store", dir);
    ctx_init(ctx, &world_system, NULL, SIZE_MAX);
    TRY(kv_rocks_open(ctx, store, &store_options, &options.kv));
    return engine_open(ctx, &options, out);
}

static nacre_status put(struct ctx *ctx, struct engine *engine, int id, int n) {
    struct result result;
    struct buf bytes BUF_CLEANUP = {0};
    struct bson_writer w;
    buf_init(&bytes, NULL, SIZE_MAX);
    bson_begin(&w, &bytes);
    bson_put(&w, SLICE_LIT("_id"), val_int(id));
    bson_put(&w, SLICE_LIT("n"), val_int(n));
    bson_end(&w);
    struct write_item item = {.kind = WRITE_PUT, .body = buf_slice(&bytes)};
    struct write_request request = {
        .target.collection = SLICE_LIT("c"), .count = 1, .items = &item};
    return engine_write(ctx, engine, &request, &result);
}

static int bad(const char *what, const struct ctx *ctx) {
    printf("%s: %s: %s\n", what, nacre_status_code(ctx->err.status), ctx->err.detail);
    (void)fflush(stdout);
    return BAD;
}

static int fill(const char *dir, bool unused) {
    (void)unused;
    struct ctx ctx;
    struct engine *engine;
    if (open_engine(&ctx, dir, &engine) != NACRE_OK) return bad("open", &ctx);
    for (int id = 0; id < DOCUMENTS; id++)
        if (put(&ctx, engine, id, 0) != NACRE_OK) return bad("put", &ctx);
    return engine_close(&ctx, engine) == NACRE_OK ? FINE : bad("close", &ctx);
}

// Writes until a command meets the damage, then dies: at once, or after what the background does.
static int meet_damage(const char *dir, bool tick) {
    struct ctx ctx;
    struct engine *engine;
    if (open_engine(&ctx, dir, &engine) != NACRE_OK) return bad("open", &ctx);
    for (int id = 0; id < DOCUMENTS; id++) {
        nacre_status status = put(&ctx, engine, id, 1);
        if (status == NACRE_OK) continue;
        if (status != NACRE_CORRUPT) return bad("put", &ctx);
        nacre_status ticked = tick ? engine_tick(&ctx, engine) : NACRE_OK;
        // A job may meet the damage, too.
        return ticked == NACRE_OK || ticked == NACRE_CORRUPT ? FINE : bad("tick", &ctx);
    }
    return NOT_MET;
}

static int open_again(const char *dir, bool unused) {
    (void)unused;
    struct ctx ctx;
    struct engine *engine;
    nacre_status status = open_engine(&ctx, dir, &engine);
    if (status == NACRE_OK) return FINE;
    return status == NACRE_CORRUPT ? REFUSED : bad("open again", &ctx);
}

static int in_child(int (*run)(const char *, bool), const char *dir, bool flag) {
    (void)fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) _exit(run(dir, flag));
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : BAD;
}

// A bit in the first block of the largest table, that of the documents.
static void damage(struct ctx *ctx, const char *dir) {
    char store[128], path[256], largest[256] = "";
    struct dir_list list;
    struct stat st;
    off_t size = 0;
    (void)snprintf(store, sizeof store, "%s/store", dir);
    assert_int_equal(dir_list(ctx, store, &list), NACRE_OK);
    for (size_t i = 0; i < list.count; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", store, list.names[i]);
        if (!strstr(path, ".sst") || stat(path, &st) != 0 || st.st_size <= size) continue;
        size = st.st_size;
        (void)snprintf(largest, sizeof largest, "%s", path);
    }
    dir_list_free(&list);
    FILE *file = fopen(largest, "r+");
    assert_non_null(file);
    assert_int_equal(fseek(file, 100, SEEK_SET), 0);
    int byte = fgetc(file);
    assert_int_equal(fseek(file, 100, SEEK_SET), 0);
    assert_int_equal(fputc(byte ^ 16, file), byte ^ 16);
    assert_int_equal(fclose(file), 0);
}

static int outcome(bool tick) {
    struct ctx ctx;
    char dir[64];
    ctx_init(&ctx, &world_system, NULL, SIZE_MAX);
    scratch_dir("damaged-command", dir);
    assert_int_equal(in_child(fill, dir, false), FINE);
    damage(&ctx, dir);
    assert_int_equal(in_child(meet_damage, dir, tick), FINE);
    int code = in_child(open_again, dir, false);
    assert_int_equal(dir_remove_all(&ctx, dir), NACRE_OK);
    ctx_free(&ctx);
    return code;
}

static void test_replay_that_meets_damage_is_refused(void **state) {
    (void)state;
    assert_int_equal(outcome(false), REFUSED);
}

static void test_a_flush_comes_before_replay(void **state) {
    (void)state;
    assert_int_equal(outcome(true), FINE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_replay_that_meets_damage_is_refused),
        cmocka_unit_test(test_a_flush_comes_before_replay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
