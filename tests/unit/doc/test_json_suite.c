// JSONTestSuite: what must parse does, what must not does not. The two texts with U+0000 are JSON
// that no document can hold: refused as such, not as malformed.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/bits/zstd.h"
#include "base/os/file.h"
#include "support/doc_fixture.h"

enum { TAR_BLOCK = 512 };

static struct ctx ctx;
static struct buf archive;

static const char *archive_path(void) {
    static char path[4096];
    const char *folder = getenv("NACRE_DATA");
    snprintf(path, sizeof path, "%s/json-test-suite.tar.zst", folder ? folder : "../shared/data");
    return path;
}

static nacre_status parse(struct slice text) {
    // A copy of its own, so that a read past the end is seen.
    uint8_t *copy = mem_alloc(text.n ? text.n : 1);
    if (text.n) memcpy(copy, text.p, text.n);
    BUF_CLEANUP struct buf out;
    buf_init(&out, NULL, DOC_BYTES_MAX);
    struct val v;
    nacre_status status = json_parse_value(&ctx, slice_of(copy, text.n), NULL, &out, NULL, &v);
    mem_free(copy);
    // What no object at the top is, is wrapped; what is one must be a valid document.
    if (status == NACRE_OK && v.type == VAL_OBJECT)
        assert_int_equal(bson_validate(&ctx, val_slice(v)), NACRE_OK);
    return status;
}

// A field name may not hold U+0000.
static bool is_refused(const char *name) {
    return strcmp(name, "y_object_escaped_null_in_key.json") == 0;
}

static void check(const char *name, struct slice text) {
    nacre_status status = parse(text);
    nacre_status want = is_refused(name) ? NACRE_INVALID_ARGUMENT : NACRE_OK;
    if (name[0] == 'y' && status != want) fail_msg("%s: %s", name, ctx.err.detail);
    if (name[0] == 'n' && status == NACRE_OK) fail_msg("%s was accepted", name);
    // Malformed is what malformed is, but for nesting that is too deep before it is malformed.
    bool deep = strstr(ctx.err.detail, "levels of nesting");
    if (name[0] == 'n' && !deep && status != NACRE_INVALID_JSON)
        fail_msg("%s: %s", name, ctx.err.detail);
}

// Regular files of a tar archive (POSIX.1-1988 headers).
static void test_suite(void **state) {
    (void)state;
    int counts[256] = {0};
    struct slice in = buf_slice(&archive);
    while (in.n >= TAR_BLOCK && in.p[0]) {
        char path[101] = {0};
        memcpy(path, in.p, 100);
        size_t size = strtoul((const char *)in.p + 124, NULL, 8);
        size_t padded = (size + TAR_BLOCK - 1) / TAR_BLOCK * TAR_BLOCK;
        assert_true(in.n >= TAR_BLOCK + padded);
        const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
        if (strchr("0", in.p[156]) && *name) {
            check(name, slice_of(in.p + TAR_BLOCK, size));
            counts[(uint8_t)name[0]]++;
        }
        in = slice_skip(in, TAR_BLOCK + padded);
    }
    printf("y_ %d, n_ %d, i_ %d\n", counts['y'], counts['n'], counts['i']);
    assert_true(counts['y'] >= 90 && counts['n'] >= 180);
}

int main(void) {
    const char *path = archive_path(), *ci = getenv("CI");
    if (!file_exists(path)) {
        bool required = ci && strcmp(ci, "true") == 0;
        printf("%s: %s is absent (set NACRE_DATA)\n", required ? "failed" : "skipped", path);
        return required;
    }
    doc_fixture_ctx(&ctx);
    struct buf packed;
    buf_init(&packed, NULL, 64 << 20);
    buf_init(&archive, NULL, 64 << 20);
    if (file_read_all(&ctx, path, 64 << 20, &packed) != NACRE_OK ||
        zstd_decompress(&ctx, buf_slice(&packed), 64 << 20, &archive) != NACRE_OK) {
        printf("%s: %s\n", path, ctx.err.detail);
        return 1;
    }
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_suite)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    buf_free(&packed);
    buf_free(&archive);
    ctx_free(&ctx);
    return failed;
}
