// Files and directories, in a directory of their own under TMPDIR.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err/ctx.h"
#include "base/os/file.h"

static struct ctx ctx;
static char root[200], path[300], other[400];
static struct file file;

static int setup(void **state) {
    (void)state;
    const char *tmp = getenv("TMPDIR");
    snprintf(root, sizeof root, "%s/nacre-file-XXXXXX", tmp && strlen(tmp) < 100 ? tmp : "/tmp");
    if (!mkdtemp(root)) return -1;
    snprintf(path, sizeof path, "%s/a", root);
    snprintf(other, sizeof other, "%s/b", root);
    ctx_init(&ctx, &world_system, NULL, 1 << 20);
    file = FILE_CLOSED;
    return 0;
}

static int teardown(void **state) {
    (void)state;
    file_close(&file);
    nacre_status status = dir_remove_all(&ctx, root);
    ctx_free(&ctx);
    return status != NACRE_OK || file_exists(root);
}

static void test_open_modes(void **state) {
    (void)state;
    assert_int_equal(file_open(&ctx, path, FILE_READ, &file), NACRE_NOT_FOUND);
    assert_int_equal(file_open(&ctx, path, FILE_WRITE, &file), NACRE_NOT_FOUND);
    assert_non_null(strstr(ctx.err.detail, path));
    assert_int_equal(file.fd, -1); // out is set on success only
    assert_int_equal(file_open(&ctx, path, FILE_CREATE_NEW, &file), NACRE_OK);
    assert_string_equal(file.path, path);
    struct stat st;
    assert_int_equal(fstat(file.fd, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    file_close(&file);
    assert_int_equal(file_open(&ctx, path, FILE_CREATE_NEW, &file), NACRE_ALREADY_EXISTS);
    static const enum file_mode modes[] = {FILE_READ, FILE_WRITE, FILE_CREATE};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(file_open(&ctx, path, modes[i], &file), NACRE_OK);
        file_close(&file);
        file_close(&file); // closed already
    }
    snprintf(other, sizeof other, "%s/none/b", root);
    assert_int_equal(file_open(&ctx, other, FILE_CREATE, &file), NACRE_IO_ERROR);
}

static void test_read_write(void **state) {
    (void)state;
    uint64_t size;
    size_t n;
    char bytes[20];
    assert_int_equal(file_open(&ctx, path, FILE_CREATE, &file), NACRE_OK);
    assert_int_equal(file_write_at(&ctx, &file, 5, "pearl", 5), NACRE_OK);
    assert_int_equal(file_size(&ctx, &file, &size), NACRE_OK);
    assert_int_equal(size, 10);
    assert_int_equal(file_read_at(&ctx, &file, 3, bytes, sizeof bytes, &n), NACRE_OK);
    assert_int_equal(n, 7);
    assert_memory_equal(bytes, "\0\0pearl", 7);
    assert_int_equal(file_read_at(&ctx, &file, 100, bytes, sizeof bytes, &n), NACRE_OK);
    assert_int_equal(n, 0);
    assert_int_equal(file_truncate(&ctx, &file, 7), NACRE_OK);
    assert_int_equal(file_size(&ctx, &file, &size), NACRE_OK);
    assert_int_equal(size, 7);
    assert_int_equal(file_sync_data(&ctx, &file), NACRE_OK);
    assert_int_equal(file_sync(&ctx, &file), NACRE_OK);
}

static void test_offsets_out_of_range(void **state) {
    (void)state;
    size_t n;
    char byte = 0;
    assert_int_equal(file_open(&ctx, path, FILE_CREATE, &file), NACRE_OK);
    assert_int_equal(file_read_at(&ctx, &file, UINT64_MAX, &byte, 1, &n), NACRE_IO_ERROR);
    assert_int_equal(file_read_at(&ctx, &file, INT64_MAX, &byte, 1, &n), NACRE_IO_ERROR);
    assert_int_equal(file_write_at(&ctx, &file, UINT64_MAX, &byte, 1), NACRE_IO_ERROR);
    assert_int_equal(file_truncate(&ctx, &file, UINT64_MAX), NACRE_IO_ERROR);
    assert_int_equal(file_allocate(&ctx, &file, UINT64_MAX), NACRE_IO_ERROR);
}

static void test_allocate_keeps_content(void **state) {
    (void)state;
    uint64_t size;
    size_t n;
    char bytes[5];
    assert_int_equal(file_open(&ctx, path, FILE_CREATE, &file), NACRE_OK);
    assert_int_equal(file_allocate(&ctx, &file, 0), NACRE_OK);
    assert_int_equal(file_write_at(&ctx, &file, 0, "pearl", 5), NACRE_OK);
    assert_int_equal(file_allocate(&ctx, &file, 200000), NACRE_OK);
    assert_int_equal(file_size(&ctx, &file, &size), NACRE_OK);
    assert_int_equal(size, 200000);
    assert_int_equal(file_read_at(&ctx, &file, 0, bytes, 5, &n), NACRE_OK);
    assert_memory_equal(bytes, "pearl", 5);
    assert_int_equal(file_allocate(&ctx, &file, 100), NACRE_OK); // never shorter
    assert_int_equal(file_size(&ctx, &file, &size), NACRE_OK);
    assert_int_equal(size, 200000);
}

static void test_errors_of_the_file(void **state) {
    (void)state;
    assert_int_equal(file_replace(&ctx, path, "x", 1), NACRE_OK);
    assert_int_equal(file_open(&ctx, path, FILE_READ, &file), NACRE_OK);
    assert_int_equal(file_write_at(&ctx, &file, 0, "y", 1), NACRE_IO_ERROR);
    assert_non_null(strstr(ctx.err.detail, path));
    assert_int_equal(file_truncate(&ctx, &file, 0), NACRE_IO_ERROR);
    assert_int_equal(file_allocate(&ctx, &file, 10), NACRE_IO_ERROR);
    if (access("/dev/full", W_OK) != 0) skip();
    struct file full;
    assert_int_equal(file_open(&ctx, "/dev/full", FILE_WRITE, &full), NACRE_OK);
    assert_int_equal(file_write_at(&ctx, &full, 0, "y", 1), NACRE_DISK_FULL);
    file_close(&full);
}

// 0 = locked by us, 1 = refused as it should be, 2 = anything else.
static int lock_in_child(void) {
    pid_t child = fork();
    if (child == 0) {
        struct file mine;
        if (file_open(&ctx, path, FILE_WRITE, &mine) != NACRE_OK) _exit(2);
        nacre_status status = file_lock(&ctx, &mine);
        _exit(status == NACRE_OK ? 0 : status == NACRE_LOCKED ? 1 : 2);
    }
    int status;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 2;
}

static void test_lock(void **state) {
    (void)state;
    assert_int_equal(file_open(&ctx, path, FILE_CREATE, &file), NACRE_OK);
    assert_int_equal(lock_in_child(), 0);
    assert_int_equal(file_lock(&ctx, &file), NACRE_OK);
    assert_int_equal(file_lock(&ctx, &file), NACRE_OK); // again by the same
    assert_int_equal(lock_in_child(), 1);
    // Another descriptor of this process that is closed does not take the lock away.
    struct file second;
    assert_int_equal(file_open(&ctx, path, FILE_WRITE, &second), NACRE_OK);
    assert_int_equal(file_lock(&ctx, &second), NACRE_LOCKED);
    file_close(&second);
    assert_int_equal(lock_in_child(), 1);
    file_close(&file);
    assert_int_equal(lock_in_child(), 0);
}

static void test_read_all(void **state) {
    (void)state;
    BUF_CLEANUP struct buf out;
    buf_init(&out, NULL, 1 << 20);
    assert_int_equal(file_read_all(&ctx, path, 100, &out), NACRE_NOT_FOUND);
    static uint8_t bytes[10000];
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)(i * 7);
    static const size_t sizes[] = {0, 1, 4095, 4096, 4097, 10000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        assert_int_equal(file_replace(&ctx, path, bytes, sizes[i]), NACRE_OK);
        buf_reset(&out);
        buf_put_u8(&out, 'x'); // appends
        assert_int_equal(file_read_all(&ctx, path, sizes[i], &out), NACRE_OK);
        assert_int_equal(out.n, sizes[i] + 1);
        assert_memory_equal(out.p + 1, bytes, sizes[i]);
        assert_int_equal(file_read_all(&ctx, path, sizes[i] + 1, &out), NACRE_OK);
        size_t n = out.n;
        if (sizes[i] == 0) continue;
        BUF_CLEANUP struct buf tight; // may take what there is, no more
        buf_init(&tight, NULL, sizes[i]);
        assert_int_equal(file_read_all(&ctx, path, SIZE_MAX, &tight), NACRE_OK);
        assert_int_equal(file_read_all(&ctx, path, SIZE_MAX, &tight), NACRE_REQUEST_TOO_LARGE);
        assert_int_equal(file_read_all(&ctx, path, sizes[i] - 1, &out), NACRE_REQUEST_TOO_LARGE);
        assert_int_equal(out.n, n);
    }
}

// Files of /proc say that they have no bytes.
static void test_read_all_of_unknown_size(void **state) {
    (void)state;
    BUF_CLEANUP struct buf out;
    buf_init(&out, NULL, 1 << 20);
    assert_int_equal(file_read_all(&ctx, "/proc/self/status", 1 << 20, &out), NACRE_OK);
    assert_true(slice_starts(buf_slice(&out), SLICE_LIT("Name:")));
    assert_int_equal(file_read_all(&ctx, "/proc/self/status", 10, &out), NACRE_REQUEST_TOO_LARGE);
}

static void test_replace(void **state) {
    (void)state;
    BUF_CLEANUP struct buf out;
    buf_init(&out, NULL, 100);
    assert_int_equal(file_replace(&ctx, path, "the first, longer one", 21), NACRE_OK);
    // What a crash left behind is overwritten, not appended to.
    snprintf(other, sizeof other, "%s.tmp", path);
    assert_int_equal(file_replace(&ctx, other, "a rather long remnant of a crash", 32), NACRE_OK);
    assert_int_equal(file_replace(&ctx, path, "second", 6), NACRE_OK);
    assert_int_equal(file_read_all(&ctx, path, 100, &out), NACRE_OK);
    assert_true(slice_eq_str(buf_slice(&out), "second"));
    assert_false(file_exists(other));
    snprintf(other, sizeof other, "%s/none/b", root);
    assert_int_equal(file_replace(&ctx, other, "x", 1), NACRE_IO_ERROR);
}

static void test_replace_in_the_working_directory(void **state) {
    (void)state;
    char before[300];
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(root), 0);
    assert_int_equal(file_replace(&ctx, "plain", "x", 1), NACRE_OK);
    assert_true(file_exists("plain"));
    assert_int_equal(chdir(before), 0);
}

static void test_rename_remove(void **state) {
    (void)state;
    assert_int_equal(file_rename(&ctx, path, other), NACRE_NOT_FOUND);
    assert_int_equal(file_remove(&ctx, path), NACRE_NOT_FOUND);
    assert_int_equal(file_replace(&ctx, path, "x", 1), NACRE_OK);
    assert_int_equal(file_rename(&ctx, path, other), NACRE_OK);
    assert_false(file_exists(path));
    assert_true(file_exists(other));
    assert_int_equal(file_remove(&ctx, other), NACRE_OK);
    assert_false(file_exists(other));
    assert_int_equal(file_remove(&ctx, root), NACRE_IO_ERROR);
}

static void test_dirs(void **state) {
    (void)state;
    assert_int_equal(dir_make(&ctx, path), NACRE_OK);
    assert_int_equal(dir_make(&ctx, path), NACRE_OK);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    assert_int_equal(dir_sync(&ctx, path), NACRE_OK);
    assert_int_equal(file_replace(&ctx, other, "x", 1), NACRE_OK);
    assert_int_equal(dir_make(&ctx, other), NACRE_IO_ERROR); // a file is there
    assert_int_equal(dir_sync(&ctx, other), NACRE_IO_ERROR);
    uint64_t bytes = 0;
    assert_int_equal(dir_free_bytes(&ctx, root, &bytes), NACRE_OK);
    assert_true(bytes > 0);
    snprintf(path, sizeof path, "%s/none/b", root);
    assert_int_equal(dir_make(&ctx, path), NACRE_IO_ERROR);
    assert_int_equal(dir_free_bytes(&ctx, path, &bytes), NACRE_IO_ERROR);
}

static void test_list(void **state) {
    (void)state;
    struct dir_list list;
    assert_int_equal(dir_list(&ctx, root, &list), NACRE_OK);
    assert_int_equal(list.count, 0);
    dir_list_free(&list);
    for (int i = 99; i >= 0; i--) {
        snprintf(path, sizeof path, "%s/%02d", root, i);
        assert_int_equal(dir_make(&ctx, path), NACRE_OK);
    }
    assert_int_equal(dir_list(&ctx, root, &list), NACRE_OK);
    assert_int_equal(list.count, 100);
    for (size_t i = 0; i < 100; i++) {
        snprintf(path, sizeof path, "%02zu", i);
        assert_string_equal(list.names[i], path);
    }
    dir_list_free(&list);
    dir_list_free(&list);
    snprintf(path, sizeof path, "%s/none", root);
    assert_int_equal(dir_list(&ctx, path, &list), NACRE_NOT_FOUND);
}

// A link inside is removed; what it points to stays.
static void test_remove_all(void **state) {
    (void)state;
    char below[500];
    assert_int_equal(dir_remove_all(&ctx, path), NACRE_NOT_FOUND);
    assert_int_equal(dir_make(&ctx, path), NACRE_OK);
    assert_int_equal(dir_make(&ctx, other), NACRE_OK);
    snprintf(below, sizeof below, "%s/kept", other);
    assert_int_equal(file_replace(&ctx, below, "x", 1), NACRE_OK);
    snprintf(below, sizeof below, "%s/link", path);
    assert_int_equal(symlink(other, below), 0);
    snprintf(below, sizeof below, "%s/dir", path);
    assert_int_equal(dir_make(&ctx, below), NACRE_OK);
    snprintf(below, sizeof below, "%s/dir/file", path);
    assert_int_equal(file_replace(&ctx, below, "x", 1), NACRE_OK);
    assert_int_equal(dir_remove_all(&ctx, path), NACRE_OK);
    assert_false(file_exists(path));
    snprintf(below, sizeof below, "%s/kept", other);
    assert_true(file_exists(below));
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        T(test_open_modes),
        T(test_read_write),
        T(test_offsets_out_of_range),
        T(test_allocate_keeps_content),
        T(test_errors_of_the_file),
        T(test_lock),
        T(test_read_all),
        T(test_read_all_of_unknown_size),
        T(test_replace),
        T(test_replace_in_the_working_directory),
        T(test_rename_remove),
        T(test_dirs),
        T(test_list),
        T(test_remove_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
