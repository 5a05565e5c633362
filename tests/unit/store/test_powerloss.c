// The recorder, the replayer and the fault injector of support/preload, on small programs whose
// possible states after a power cut are known. The programs are this file, run again with
// LD_PRELOAD.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/os/file.h"
#include "support/faulty.h"
#include "support/kv_stand.h"
#include "support/powerloss.h"

void faultio_mark(uint64_t value) __attribute__((weak));

static void mark(uint64_t value) {
    if (faultio_mark) faultio_mark(value);
}

// ---- the programs; each works in the current directory

static int made(const char *name) { return open(name, O_RDWR | O_CREAT, 0600); }

static void filled(int fd, char byte, size_t size, off_t at) {
    static char bytes[8192];
    memset(bytes, byte, size);
    if (pwrite(fd, bytes, size, at) != (ssize_t)size) abort();
}

static void sync_dir(const char *path) {
    int fd = open(path, O_RDONLY | O_DIRECTORY);
    if (fsync(fd) != 0) abort();
    (void)close(fd);
}

static void program_overwrite(void) {
    int fd = made("f");
    filled(fd, 'a', 4096, 0);
    if (fsync(fd) != 0) abort();
    sync_dir(".");
    mark(1);
    filled(fd, 'b', 2048, 0);
    filled(fd, 'c', 2048, 1024);
}

static void program_no_dir_sync(void) {
    int fd = made("f");
    filled(fd, 'a', 100, 0);
    if (fdatasync(fd) != 0) abort();
}

static void program_replace(int synced) {
    int fd = made("old");
    filled(fd, 'o', 1000, 0);
    if (fsync(fd) != 0) abort();
    sync_dir(".");
    mark(1);
    fd = made("new");
    filled(fd, 'n', 2000, 0);
    if (synced && fsync(fd) != 0) abort();
    if (rename("new", "old") != 0) abort();
    if (synced > 1) {
        sync_dir(".");
        mark(2);
    }
}

static void program_sizes(void) {
    int fd = made("f");
    filled(fd, 'a', 3000, 0);
    if (ftruncate(fd, 1000) != 0) abort();
    filled(fd, 'b', 10, 5000);
    if (fsync(fd) != 0) abort();
    sync_dir(".");
    mark(1);
    if (ftruncate(fd, 0) != 0) abort();
}

static void program_directories(void) {
    if (mkdir("d.tmp", 0700) != 0) abort();
    int fd = made("d.tmp/f");
    filled(fd, 'a', 10, 0);
    if (fsync(fd) != 0) abort();
    sync_dir("d.tmp");
    if (rename("d.tmp", "d") != 0 || link("d/f", "d/g") != 0) abort();
    sync_dir(".");
    mark(1);
    if (unlink("d/f") != 0) abort();
    sync_dir("d");
    mark(2);
}

static void program_file_replace(void) {
    struct ctx ctx;
    ctx_init(&ctx, &world_system, NULL, 1 << 20);
    char text[3000];
    for (uint64_t i = 1; i <= 4; i++) {
        memset(text, (int)('0' + i), sizeof text);
        if (file_replace(&ctx, "./file", text, 600 * i) != NACRE_OK) abort();
        mark(i);
    }
}

// Reports what each write of ten gave.
static int program_writes(void) {
    int fd = made("f"), bits = 0;
    if (fd < 0) return 200;
    for (int i = 0; i < 6; i++)
        if (pwrite(fd, "x", 1, i) != 1) bits |= errno == ENOSPC || errno == EIO ? 1 << i : 128;
    return bits;
}

static int run_program(const char *name, const char *dir) {
    if (chdir(dir) != 0) return 201;
    if (strcmp(name, "overwrite") == 0) program_overwrite();
    else if (strcmp(name, "no_dir_sync") == 0) program_no_dir_sync();
    else if (strcmp(name, "replace0") == 0) program_replace(0);
    else if (strcmp(name, "replace1") == 0) program_replace(1);
    else if (strcmp(name, "replace2") == 0) program_replace(2);
    else if (strcmp(name, "sizes") == 0) program_sizes();
    else if (strcmp(name, "directories") == 0) program_directories();
    else if (strcmp(name, "file_replace") == 0) program_file_replace();
    else return program_writes();
    return 0;
}

// ---- the tests

struct scene {
    struct ctx ctx;
    char dir[256], work[300], out[300], trace[300];
};

static struct scene scene;

static int set_up(void **state) {
    *state = &scene;
    ctx_init(&scene.ctx, &world_system, NULL, 1 << 20);
    kv_stand_scratch(scene.dir);
    (void)snprintf(scene.work, sizeof scene.work, "%s/work", scene.dir);
    (void)snprintf(scene.out, sizeof scene.out, "%s/out", scene.dir);
    (void)snprintf(scene.trace, sizeof scene.trace, "%s/trace", scene.dir);
    return mkdir(scene.work, 0700);
}

static int tear_down(void **state) {
    (void)state;
    assert_int_equal(dir_remove_all(&scene.ctx, scene.dir), NACRE_OK);
    ctx_free(&scene.ctx);
    return 0;
}

static struct powerloss *recorded(const char *program) {
    if (!faulty_available()) skip();
    struct faulty_run run = {.prefix = scene.work, .trace = scene.trace};
    const char *const args[] = {program, scene.work, NULL};
    assert_int_equal(faulty_run_self(&run, args), 0);
    struct powerloss *pl = powerloss_load(scene.trace, NULL);
    assert_non_null(pl);
    assert_true(powerloss_cuts(pl) > 0);
    return pl;
}

static void build(const struct powerloss *pl, size_t cut, enum powerloss_mode mode, uint64_t seed) {
    if (file_exists(scene.out)) assert_int_equal(dir_remove_all(&scene.ctx, scene.out), NACRE_OK);
    assert_true(powerloss_build(pl, cut, mode, seed, scene.out));
}

static void build_end(const struct powerloss *pl, enum powerloss_mode mode, uint64_t seed) {
    build(pl, powerloss_cuts(pl), mode, seed);
}

// The file of the built directory as runs, such as "2048×b 2048×a"; "-" if it is not there.
static const char *runs(const char *name) {
    static char out[4096];
    char path[400];
    struct buf bytes;
    size_t n = 0;
    (void)snprintf(path, sizeof path, "%s/%s", scene.out, name);
    if (!file_exists(path)) return "-";
    buf_init(&bytes, NULL, 1 << 20);
    assert_int_equal(file_read_all(&scene.ctx, path, 1 << 20, &bytes), NACRE_OK);
    out[0] = '\0';
    for (size_t i = 0, j; i < bytes.n; i = j) {
        for (j = i; j < bytes.n && bytes.p[j] == bytes.p[i];) j++;
        n += (size_t)snprintf(out + n, sizeof out - n, "%s%zu%c", n ? " " : "", j - i,
                              bytes.p[i] ? bytes.p[i] : '0');
    }
    buf_free(&bytes);
    return out;
}

// Sectors 0 and 1: a or b; 2 and 3: a, b or c; 4 and 5: a or c; the rest is untouched.
static void check_sectors(void) {
    static const char *const allowed[8] = {"ab", "ab", "abc", "abc", "ac", "ac", "a", "a"};
    char path[400];
    struct buf bytes;
    (void)snprintf(path, sizeof path, "%s/f", scene.out);
    buf_init(&bytes, NULL, 8192);
    assert_int_equal(file_read_all(&scene.ctx, path, 8192, &bytes), NACRE_OK);
    assert_int_equal(bytes.n, 4096);
    for (size_t i = 0; i < bytes.n; i++) {
        assert_non_null(strchr(allowed[i / 512], bytes.p[i]));
        assert_int_equal(bytes.p[i], bytes.p[i / 512 * 512]);
    }
    buf_free(&bytes);
}

static void test_unsynced_overwrites(void **state) {
    (void)state;
    struct powerloss *pl = recorded("overwrite");
    build_end(pl, POWERLOSS_KEEP, 0);
    assert_string_equal(runs("f"), "1024b 2048c 1024a");
    build_end(pl, POWERLOSS_DROP, 0);
    assert_string_equal(runs("f"), "4096a");
    assert_int_equal(powerloss_mark(pl, powerloss_cuts(pl)), 1);
    int whole = 0;
    for (uint64_t seed = 0; seed < 100; seed++) {
        build_end(pl, POWERLOSS_SAMPLE, seed);
        check_sectors();
        whole += !strcmp(runs("f"), "4096a") || !strcmp(runs("f"), "1024b 2048c 1024a");
    }
    assert_true(whole > 20 && whole < 80);
    powerloss_free(pl);
}

static void test_a_name_needs_its_directory_synced(void **state) {
    (void)state;
    struct powerloss *pl = recorded("no_dir_sync");
    build_end(pl, POWERLOSS_KEEP, 0);
    assert_string_equal(runs("f"), "100a");
    build_end(pl, POWERLOSS_DROP, 0);
    assert_string_equal(runs("f"), "-");
    int there = 0;
    for (uint64_t seed = 0; seed < 40; seed++) {
        build_end(pl, POWERLOSS_SAMPLE, seed);
        if (strcmp(runs("f"), "-") == 0) continue;
        assert_string_equal(runs("f"), "100a");
        there++;
    }
    assert_true(there > 5 && there < 35);
    powerloss_free(pl);
}

// How often the sampled end states are the old file, the new one, or something else.
static void count_ends(const char *program, int counts[3]) {
    struct powerloss *pl = recorded(program);
    memset(counts, 0, 3 * sizeof *counts);
    for (uint64_t seed = 0; seed < 100; seed++) {
        build_end(pl, POWERLOSS_SAMPLE, seed);
        const char *got = runs("old");
        counts[!strcmp(got, "1000o") ? 0 : !strcmp(got, "2000n") ? 1 : 2]++;
    }
    powerloss_free(pl);
}

static void test_replacing_without_a_sync_can_lose_both(void **state) {
    (void)state;
    int counts[3];
    count_ends("replace0", counts);
    assert_true(counts[0] > 5 && counts[2] > 5);
}

static void test_replacing_with_a_sync_gives_old_or_new(void **state) {
    (void)state;
    int counts[3];
    count_ends("replace1", counts);
    assert_true(counts[0] > 5 && counts[1] > 5);
    assert_int_equal(counts[2], 0);
}

static void test_replacing_with_both_syncs_gives_new(void **state) {
    (void)state;
    int counts[3];
    count_ends("replace2", counts);
    assert_int_equal(counts[1], 100);
}

static void test_sizes(void **state) {
    (void)state;
    struct powerloss *pl = recorded("sizes");
    build_end(pl, POWERLOSS_KEEP, 0);
    assert_string_equal(runs("f"), "");
    build_end(pl, POWERLOSS_DROP, 0);
    assert_string_equal(runs("f"), "1000a 40000 10b");
    powerloss_free(pl);
}

static void test_directories(void **state) {
    (void)state;
    struct powerloss *pl = recorded("directories");
    size_t cut = powerloss_cuts(pl);
    build(pl, cut, POWERLOSS_DROP, 0);
    assert_string_equal(runs("d/f"), "-");
    assert_string_equal(runs("d/g"), "10a");
    assert_string_equal(runs("d.tmp/f"), "-");
    while (powerloss_mark(pl, cut) == 2) cut--;
    build(pl, cut, POWERLOSS_DROP, 0); // the unlink and the link are not durable before the sync
    while (powerloss_mark(pl, cut) == 1) cut--;
    build(pl, cut, POWERLOSS_KEEP, 0);
    assert_string_equal(runs("d/f"), "10a");
    for (size_t c = 0; c <= powerloss_cuts(pl); c++)
        for (uint64_t seed = 0; seed < 20; seed++) build(pl, c, POWERLOSS_SAMPLE, seed);
    powerloss_free(pl);
}

// base's file_replace: whole or not at all at every cut, and durable when it has returned.
static void test_file_replace_is_atomic_and_durable(void **state) {
    (void)state;
    struct powerloss *pl = recorded("file_replace");
    for (size_t cut = 0; cut <= powerloss_cuts(pl); cut++) {
        uint64_t mark_before = powerloss_mark(pl, cut);
        for (uint64_t seed = 0; seed < 30; seed++) {
            build(pl, cut, seed ? POWERLOSS_SAMPLE : POWERLOSS_DROP, seed);
            const char *got = runs("file");
            uint64_t value = 0;
            for (uint64_t i = 1; i <= 4; i++) {
                char want[32];
                (void)snprintf(want, sizeof want, "%llu%llu", 600 * (unsigned long long)i,
                               (unsigned long long)i);
                if (strcmp(got, want) == 0) value = i;
            }
            if (!value) assert_string_equal(got, "-");
            assert_true(value >= mark_before);
        }
    }
    powerloss_free(pl);
}

static int writes_with(const char *nth, const char *error, const char *sticky, const char *ops) {
    struct faulty_run run = {
        .prefix = scene.work, .nth = nth, .error = error, .sticky = sticky, .ops = ops};
    const char *const args[] = {"writes", scene.work, NULL};
    return faulty_run_self(&run, args);
}

static void test_the_nth_call_fails(void **state) {
    (void)state;
    if (!faulty_available()) skip();
    assert_int_equal(writes_with(NULL, NULL, NULL, NULL), 0);
    assert_int_equal(writes_with("3", "EIO", NULL, "write"), 1 << 2);
    assert_int_equal(writes_with("3", "ENOSPC", "1", "write"), 1 << 2 | 1 << 3 | 1 << 4 | 1 << 5);
    assert_int_equal(writes_with("1", "EIO", NULL, NULL), 200); // the open that makes the file
    assert_int_equal(writes_with("7", "EIO", NULL, NULL), 1 << 5);
    assert_int_equal(writes_with("8", "EIO", NULL, NULL), 0);
    assert_int_equal(writes_with("2", "KILL", NULL, "write"), 256 + 9);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(int argc, char **argv) {
    if (argc == 3) return run_program(argv[1], argv[2]);
    const struct CMUnitTest tests[] = {
        TEST(test_unsynced_overwrites),
        TEST(test_a_name_needs_its_directory_synced),
        TEST(test_replacing_without_a_sync_can_lose_both),
        TEST(test_replacing_with_a_sync_gives_old_or_new),
        TEST(test_replacing_with_both_syncs_gives_new),
        TEST(test_sizes),
        TEST(test_directories),
        TEST(test_file_replace_is_atomic_and_durable),
        TEST(test_the_nth_call_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
