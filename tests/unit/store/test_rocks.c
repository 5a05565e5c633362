// What only RocksDB has: a flush that survives SIGKILL in all families, the lock, the forked child,
// the read-only open, history's filter, options, and errors that stop the handle.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bits/bits.h"
#include "base/os/file.h"
#include "support/kv_stand.h"

static int set_up(void **state) {
    static struct kv_stand stand;
    kv_stand_open(&stand, KV_STAND_ROCKS);
    *state = &stand;
    return 0;
}

static int tear_down(void **state) {
    kv_stand_close(*state);
    return 0;
}

static void reopen(struct kv_stand *s) {
    char dir[512];
    kv_stand_path(s, "db", dir);
    s->kv->ops->close(s->kv);
    s->kv = NULL;
    if (kv_rocks_open(&s->ctx, dir, &s->options, &s->kv) != NACRE_OK)
        fail_msg("open: %s", s->ctx.err.detail);
}

enum { CHILD_KEYS = 1000 };

static void write_numbered(struct kv_stand *s, const char *prefix) {
    struct kv_batch batch;
    kv_batch_init(&batch, NULL, 4 << 20);
    for (int i = 0; i < CHILD_KEYS; i++) {
        char key[32];
        (void)snprintf(key, sizeof key, "%s%06d", prefix, i);
        for (int f = 0; f < KV_FAMILIES; f++)
            kv_batch_put(&batch, (enum kv_family)f, slice_str(key), slice_str(key));
    }
    assert_int_equal(s->kv->ops->write(s->kv, &s->ctx, &batch), NACRE_OK);
    kv_batch_free(&batch);
}

static int count_keys(struct kv_stand *s, enum kv_family family, const char *prefix) {
    struct kv_iter *it = NULL;
    assert_int_equal(s->kv->ops->iter_open(s->kv, &s->ctx, NULL, family, NULL, &it), NACRE_OK);
    int count = 0;
    it->ops->seek(it, slice_str(prefix));
    for (; it->valid && slice_starts(it->key, slice_str(prefix)); it->ops->next(it)) {
        assert_true(slice_eq(it->key, it->value));
        count++;
    }
    assert_int_equal(it->ops->status(it, &s->ctx), NACRE_OK);
    it->ops->close(it);
    return count;
}

// The child: writes, flushes, writes more without flushing, and kills itself.
static int killed_child(const char *dir) {
    struct kv_stand s = {.kind = KV_STAND_ROCKS};
    struct kv_rocks_options options = {.create = true};
    ctx_init(&s.ctx, &world_system, NULL, 1 << 20);
    if (kv_rocks_open(&s.ctx, dir, &options, &s.kv) != NACRE_OK) return 1;
    write_numbered(&s, "first");
    kv_stand_flush(&s);
    write_numbered(&s, "second");
    kv_stand_flush(&s);
    write_numbered(&s, "unflushed");
    (void)kill(getpid(), SIGKILL);
    return 1;
}

// fork() and exec: RocksDB does not live through a fork (engine's rule for crash harnesses).
static int run_self(const char *mode, const char *dir) {
    pid_t pid = fork();
    if (pid == 0) {
        char *const argv[] = {strdup("test_rocks"), strdup(mode), strdup(dir), NULL};
        (void)execv("/proc/self/exe", argv);
        _exit(99);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void test_a_flush_survives_sigkill_in_all_families(void **state) {
    struct kv_stand *s = *state;
    char dir[512];
    kv_stand_path(s, "db", dir);
    s->kv->ops->close(s->kv);
    s->kv = NULL;
    int status = run_self("killed", dir);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    assert_int_equal(kv_rocks_open(&s->ctx, dir, &s->options, &s->kv), NACRE_OK);
    for (int f = 0; f < KV_FAMILIES; f++) {
        assert_int_equal(count_keys(s, (enum kv_family)f, "first"), CHILD_KEYS);
        assert_int_equal(count_keys(s, (enum kv_family)f, "second"), CHILD_KEYS);
        assert_int_equal(count_keys(s, (enum kv_family)f, "unflushed"), 0);
    }
}

static int second_opener(const char *dir) {
    struct ctx ctx;
    ctx_init(&ctx, &world_system, NULL, 1 << 20);
    struct kv *kv = NULL;
    struct kv_rocks_options options = {.create = true};
    nacre_status status = kv_rocks_open(&ctx, dir, &options, &kv);
    ctx_free(&ctx);
    return (int)status;
}

static void test_a_second_opener_is_locked_out(void **state) {
    struct kv_stand *s = *state;
    char dir[512];
    kv_stand_path(s, "db", dir);
    struct kv *second = NULL;
    assert_int_equal(kv_rocks_open(&s->ctx, dir, &s->options, &second), NACRE_LOCKED);
    int status = run_self("open", dir);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), NACRE_LOCKED);
    kv_stand_put(s, KV_DATA, "a", "1");
    kv_stand_flush(s);
}

// In the child every call is refused and close comes back.
static int refused_in_child(struct kv_stand *s, struct kv_view *view, struct kv_iter *it) {
    struct kv *kv = s->kv;
    struct kv_pin pin = {0};
    bool found = false;
    struct kv_batch batch;
    struct kv_view *other = NULL;
    struct kv_iter *other_it = NULL;
    int wrong = 0;
    kv_batch_init(&batch, NULL, 1000);
    kv_batch_put(&batch, KV_DATA, SLICE_LIT("a"), SLICE_LIT("2"));
    wrong += kv->ops->get(kv, &s->ctx, NULL, KV_DATA, SLICE_LIT("a"), &pin, &found) != NACRE_CLOSED;
    wrong += kv->ops->write(kv, &s->ctx, &batch) != NACRE_CLOSED;
    wrong += kv->ops->flush(kv, &s->ctx) != NACRE_CLOSED;
    wrong += kv->ops->view_open(kv, &s->ctx, &other) != NACRE_CLOSED;
    wrong += kv->ops->iter_open(kv, &s->ctx, NULL, KV_DATA, NULL, &other_it) != NACRE_CLOSED;
    wrong += kv->ops->checkpoint(kv, &s->ctx, "/nowhere") != NACRE_CLOSED;
    it->ops->next(it);
    wrong += it->valid || it->ops->status(it, &s->ctx) != NACRE_CLOSED;
    it->ops->close(it);
    kv->ops->view_close(kv, view);
    kv_batch_free(&batch);
    kv->ops->close(kv);
    return wrong;
}

static void test_a_forked_child_is_refused(void **state) {
    struct kv_stand *s = *state;
    kv_stand_put(s, KV_DATA, "a", "1");
    struct kv_view *view = NULL;
    struct kv_iter *it = NULL;
    assert_int_equal(s->kv->ops->view_open(s->kv, &s->ctx, &view), NACRE_OK);
    assert_int_equal(s->kv->ops->iter_open(s->kv, &s->ctx, view, KV_DATA, NULL, &it), NACRE_OK);
    it->ops->seek_first(it);
    pid_t pid = fork();
    if (pid == 0) {
        (void)alarm(20);
        _exit(refused_in_child(s, view, it));
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_true(it->valid);
    it->ops->close(it);
    s->kv->ops->view_close(s->kv, view);
    kv_stand_put(s, KV_DATA, "a", "2");
    kv_stand_flush(s);
    kv_stand_expect(s, NULL, KV_DATA, "a", "2");
}

// Names, sizes and times of everything in the directory, and of the directory itself.
static void listing(struct kv_stand *s, const char *dir, struct buf *out) {
    struct dir_list list = {0};
    struct stat st;
    assert_int_equal(stat(dir, &st), 0);
    buf_printf(out, "%ld.%ld\n", (long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
    assert_int_equal(dir_list(&s->ctx, dir, &list), NACRE_OK);
    for (size_t i = 0; i < list.count; i++) {
        char path[1024];
        (void)snprintf(path, sizeof path, "%s/%s", dir, list.names[i]);
        assert_int_equal(stat(path, &st), 0);
        buf_printf(out, "%s %lld %ld.%ld %ld\n", list.names[i], (long long)st.st_size,
                   (long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec, (long)st.st_ctim.tv_nsec);
    }
    dir_list_free(&list);
}

static void test_a_read_only_open_changes_nothing(void **state) {
    struct kv_stand *s = *state;
    char dir[512];
    kv_stand_path(s, "db", dir);
    write_numbered(s, "key");
    kv_stand_flush(s);
    kv_stand_put(s, KV_DATA, "unflushed", "1");
    s->kv->ops->close(s->kv);
    struct buf before, after;
    buf_init(&before, NULL, 1 << 16);
    buf_init(&after, NULL, 1 << 16);
    listing(s, dir, &before);
    struct kv_rocks_options options = {.read_only = true, .create = true};
    assert_int_equal(kv_rocks_open(&s->ctx, dir, &options, &s->kv), NACRE_OK);
    assert_int_equal(count_keys(s, KV_DATA, "key"), CHILD_KEYS);
    kv_stand_expect(s, NULL, KV_META, "key000007", "key000007");
    kv_stand_expect(s, NULL, KV_DATA, "unflushed", NULL);
    struct kv_batch batch;
    kv_batch_init(&batch, NULL, 1000);
    assert_int_equal(s->kv->ops->write(s->kv, &s->ctx, &batch), NACRE_INVALID_ARGUMENT);
    assert_int_equal(s->kv->ops->flush(s->kv, &s->ctx), NACRE_INVALID_ARGUMENT);
    s->kv->ops->close(s->kv);
    s->kv = NULL;
    listing(s, dir, &after);
    assert_true(slice_eq(buf_slice(&before), buf_slice(&after)));
    buf_free(&before);
    buf_free(&after);
}

static void test_absent_and_foreign_directories(void **state) {
    struct kv_stand *s = *state;
    struct kv_rocks_options options = {0};
    struct kv *kv = NULL;
    char dir[512];
    kv_stand_path(s, "nothing", dir);
    assert_int_equal(kv_rocks_open(&s->ctx, dir, &options, &kv), NACRE_NOT_FOUND);
    options.read_only = true;
    assert_int_not_equal(kv_rocks_open(&s->ctx, dir, &options, &kv), NACRE_OK);
    assert_false(file_exists(dir));
    options = (struct kv_rocks_options){.create = true};
    assert_int_equal(file_replace(&s->ctx, dir, "x", 1), NACRE_OK); // a file where the store is to
                                                                    // be
    assert_int_not_equal(kv_rocks_open(&s->ctx, dir, &options, &kv), NACRE_OK);
    assert_null(kv);
}

static int table_count(struct kv_stand *s) {
    char dir[512];
    struct dir_list list;
    int count = 0;
    kv_stand_path(s, "db", dir);
    assert_int_equal(dir_list(&s->ctx, dir, &list), NACRE_OK);
    for (size_t i = 0; i < list.count; i++)
        count += strstr(list.names[i], ".sst") != NULL;
    dir_list_free(&list);
    return count;
}

static void test_compactions_are_held(void **state) {
    enum { FLUSHES = 8 }; // twice what starts a compaction
    struct kv_stand *s = *state;
    s->options.hold_compactions = true;
    reopen(s);
    for (int i = 0; i < FLUSHES; i++) {
        write_numbered(s, "key");
        kv_stand_flush(s);
    }
    reopen(s);
    assert_true(table_count(s) >= FLUSHES * KV_FAMILIES);
    assert_int_equal(kv_rocks_compact_freely(&s->ctx, s->kv), NACRE_OK);
    for (int i = 0; table_count(s) >= FLUSHES * KV_FAMILIES; i++) {
        assert_true(i < 6000);
        (void)usleep(10000);
    }
    assert_int_equal(count_keys(s, KV_DATA, "key"), CHILD_KEYS);
}

enum { YOUNG = 3 }; // one less than are merged anyway

static void flush_young(struct kv_stand *s, const char *prefix) {
    for (int i = 0; i < YOUNG; i++) {
        write_numbered(s, prefix);
        kv_stand_flush(s);
    }
}

static void settle(struct kv_stand *s, bool idle) {
    assert_int_equal(s->kv->ops->settle(s->kv, &s->ctx, idle), NACRE_OK);
}

// Until of each family's young tables one is left, and those of the flush marks.
static void settle_young(struct kv_stand *s) {
    int before = table_count(s);
    settle(s, true);
    for (int i = 0; table_count(s) > before - (YOUNG - 1) * KV_FAMILIES; i++) {
        assert_true(i < 6000);
        (void)usleep(10000);
    }
}

static void test_young_files_are_merged_while_nobody_writes(void **state) {
    struct kv_stand *s = *state;
    flush_young(s, "key");
    settle(s, false);
    assert_true(table_count(s) >= YOUNG * KV_FAMILIES);
    settle_young(s);
    for (int f = 0; f < KV_FAMILIES; f++)
        assert_int_equal(count_keys(s, (enum kv_family)f, "key"), CHILD_KEYS);
    // When somebody writes again, files stay as they are flushed.
    settle(s, false);
    flush_young(s, "more");
    assert_true(table_count(s) >= (YOUNG + 1) * KV_FAMILIES);
}

// What lies beneath would be rewritten for next to nothing.
static void test_small_young_files_stay(void **state) {
    struct kv_stand *s = *state;
    struct kv_batch batch;
    flush_young(s, "key");
    settle_young(s);
    kv_batch_init(&batch, NULL, 1000);
    for (int f = 0; f < KV_FAMILIES; f++)
        kv_batch_put(&batch, (enum kv_family)f, SLICE_LIT("z"), SLICE_LIT("z"));
    settle(s, true); // nothing is young: as it was at first
    assert_int_equal(s->kv->ops->write(s->kv, &s->ctx, &batch), NACRE_OK);
    kv_batch_free(&batch);
    kv_stand_flush(s);
    settle(s, true);
    settle(s, false);
    assert_true(table_count(s) >= 2 * KV_FAMILIES);
}

static void put_history(struct kv_stand *s, const char *key, uint64_t end_ts) {
    struct kv_batch batch;
    struct buf full;
    buf_init(&full, NULL, 100);
    buf_put_str(&full, key);
    buf_put_be64(&full, end_ts);
    kv_batch_init(&batch, NULL, 1000);
    kv_batch_put(&batch, KV_HISTORY, buf_slice(&full), SLICE_LIT("old"));
    assert_int_equal(s->kv->ops->write(s->kv, &s->ctx, &batch), NACRE_OK);
    kv_batch_free(&batch);
    buf_free(&full);
}

static int history_count(struct kv_stand *s) {
    struct kv_iter *it = NULL;
    assert_int_equal(s->kv->ops->iter_open(s->kv, &s->ctx, NULL, KV_HISTORY, NULL, &it), NACRE_OK);
    int count = 0;
    for (it->ops->seek_first(it); it->valid; it->ops->next(it))
        count++;
    it->ops->close(it);
    return count;
}

static void test_compaction_drops_history_below_the_horizon(void **state) {
    struct kv_stand *s = *state;
    static _Atomic uint64_t horizon_ts;
    horizon_ts = 0;
    s->options.horizon_ts = &horizon_ts;
    reopen(s);
    put_history(s, "k", 100);
    put_history(s, "k", 200);
    put_history(s, "k", 300);
    put_history(s, "short key of data that is no history", 0);
    kv_stand_put(s, KV_HISTORY, "tiny", "shorter than a timestamp");
    kv_stand_flush(s);
    assert_int_equal(history_count(s), 5);
    horizon_ts = 200;
    for (int i = 0; i < 8; i++) { // enough files in the first level for a compaction
        put_history(s, "k", 1000 + (uint64_t)i);
        kv_stand_flush(s);
    }
    for (int wait = 0; wait < 2000 && history_count(s) != 11; wait++)
        (void)usleep(50000);
    assert_int_equal(history_count(s), 11); // 100 and 0 are gone, 200 is kept
}

static void test_small_options_work(void **state) {
    struct kv_stand *s = *state;
    s->options.cache_bytes = 1 << 20;
    s->options.write_buffer_bytes = 1 << 20;
    s->options.background_threads = 1;
    reopen(s);
    for (int round = 0; round < 20; round++) { // several times what the buffers hold
        char prefix[32];
        (void)snprintf(prefix, sizeof prefix, "round%02d-", round);
        write_numbered(s, prefix);
    }
    kv_stand_flush(s);
    reopen(s);
    for (int f = 0; f < KV_FAMILIES; f++)
        assert_int_equal(count_keys(s, (enum kv_family)f, "round"), 20 * CHILD_KEYS);
    assert_true(slice_starts(slice_str(s->kv->ops->describe(s->kv)), SLICE_LIT("RocksDB 7.8.3")));
}

static void test_reopening_many_times_keeps_few_files(void **state) {
    struct kv_stand *s = *state;
    char dir[512];
    kv_stand_path(s, "db", dir);
    for (int i = 0; i < 8; i++) {
        char key[16];
        (void)snprintf(key, sizeof key, "k%d", i);
        kv_stand_put(s, KV_DATA, key, "1");
        kv_stand_flush(s);
        reopen(s);
    }
    struct dir_list list = {0};
    assert_int_equal(dir_list(&s->ctx, dir, &list), NACRE_OK);
    assert_true(list.count < 30);
    dir_list_free(&list);
    assert_int_equal(count_keys(s, KV_DATA, "nothing"), 0);
    kv_stand_expect(s, NULL, KV_DATA, "k0", "1");
    kv_stand_expect(s, NULL, KV_DATA, "k7", "1");
}

static void test_sizes_of_files(void **state) {
    struct kv_stand *s = *state;
    struct slice begins[3] = {SLICE_LIT("a"), SLICE_LIT("a"), SLICE_LIT("zz")};
    struct slice ends[3] = {SLICE_LIT("b"), SLICE_LIT("a000500"), SLICE_LIT("zzz")};
    uint64_t sizes[3];
    s->kv->ops->sizes(s->kv, KV_DATA, 3, begins, ends, sizes);
    assert_int_equal(sizes[0], 0); // in memory yet
    write_numbered(s, "a");
    assert_int_equal(s->kv->ops->flush(s->kv, &s->ctx), NACRE_OK);
    s->kv->ops->sizes(s->kv, KV_DATA, 3, begins, ends, sizes);
    assert_true(sizes[0] > 0);
    assert_true(sizes[1] <= sizes[0]);
    assert_int_equal(sizes[2], 0);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(int argc, char **argv) {
    if (argc == 3 && strcmp(argv[1], "killed") == 0) return killed_child(argv[2]);
    if (argc == 3 && strcmp(argv[1], "open") == 0) return second_opener(argv[2]);
    const struct CMUnitTest tests[] = {
        TEST(test_sizes_of_files),
        TEST(test_a_flush_survives_sigkill_in_all_families),
        TEST(test_a_second_opener_is_locked_out),
        TEST(test_a_forked_child_is_refused),
        TEST(test_a_read_only_open_changes_nothing),
        TEST(test_absent_and_foreign_directories),
        TEST(test_compactions_are_held),
        TEST(test_young_files_are_merged_while_nobody_writes),
        TEST(test_small_young_files_stay),
        TEST(test_compaction_drops_history_below_the_horizon),
        TEST(test_small_options_work),
        TEST(test_reopening_many_times_keeps_few_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
