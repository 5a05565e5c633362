// The JSON Schema Test Suite, draft 2020-12: all that is required. Patterns run in the real engine,
// which is why this lies with the filter.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/bits/zstd.h"
#include "base/os/file.h"
#include "doc/json.h"
#include "doc/schema/schema.h"
#include "filter/filter.h"

enum { TAR_BLOCK = 512, TAR_PATH = 101, REMOTES = 256, ROOM = 64 << 20 };

static struct ctx ctx;
static struct buf archive;
static struct remote {
    char uri[TAR_PATH + 32];
    struct val v;
} remotes[REMOTES];
static size_t remote_count;
static int passed, failed, not_documents;

// Regular files of a tar archive (POSIX.1-1988 headers).
static bool tar_next(struct slice *in, char path[TAR_PATH], struct slice *out) {
    while (in->n >= TAR_BLOCK && in->p[0]) {
        bool file = in->p[156] == '0' || in->p[156] == 0;
        memcpy(path, in->p, TAR_PATH - 1);
        path[TAR_PATH - 1] = '\0';
        size_t size = strtoul((const char *)in->p + 124, NULL, 8);
        size_t padded = (size + TAR_BLOCK - 1) / TAR_BLOCK * TAR_BLOCK;
        assert_true(in->n >= TAR_BLOCK + padded);
        *out = slice_of(in->p + TAR_BLOCK, size);
        *in = slice_skip(*in, TAR_BLOCK + padded);
        if (file) return true;
    }
    return false;
}

// U+0000 is in no document: where the suite writes it, the texts that are parsed here have U+0001,
// of which the same is to be shown.
static struct slice without_nul(struct slice json) {
    uint8_t *p = arena_copy(&ctx.arena, json.p, json.n);
    for (size_t i = 0; i + 6 <= json.n; i++)
        if (memcmp(p + i, "\\u0000", 6) == 0) p[i + 5] = '1';
    return slice_of(p, json.n);
}

static bool parse(struct slice json, struct val *out) {
    struct json_options options = {.allow_dollar_names = true};
    struct buf *bson = ARENA_NEW(&ctx.arena, struct buf);
    buf_init(bson, NULL, ROOM);
    nacre_status status = json_parse_value(&ctx, without_nul(json), &options, bson, NULL, out);
    if (status == NACRE_OK && out->type > VAL_DOUBLE && out->type < VAL_BOOL)
        out->p = arena_copy(&ctx.arena, out->p, out->n);
    buf_free(bson);
    return status == NACRE_OK;
}

static bool remote_find(void *arg, struct slice uri, struct val *out) {
    (void)arg;
    for (size_t i = 0; i < remote_count; i++) {
        if (!slice_eq_str(uri, remotes[i].uri)) continue;
        *out = remotes[i].v;
        return true;
    }
    return false;
}

static void load_remotes(void) {
    struct slice in = buf_slice(&archive), text;
    char path[TAR_PATH];
    while (tar_next(&in, path, &text)) {
        if (strncmp(path, "./remotes/", 10) != 0) continue;
        struct remote *r = &remotes[remote_count++];
        assert_true(remote_count <= REMOTES);
        snprintf(r->uri, sizeof r->uri, "http://localhost:1234/%s", path + 10);
        assert_true(parse(text, &r->v));
    }
    assert_true(remote_count > 10);
}

static const char *text_of(struct val object, const char *name) {
    struct val v = bson_find(val_slice(object), slice_str(name));
    return arena_str(&ctx.arena, val_slice(v));
}

static void check_test(const char *file, const char *group, const struct schema *schema,
                       struct val test) {
    struct val data = bson_find(val_slice(test), SLICE_LIT("data"));
    bool valid = bson_find(val_slice(test), SLICE_LIT("valid")).b;
    nacre_status status = schema_validate(&ctx, schema, data);
    bool told = status == NACRE_OK || (status == NACRE_SCHEMA_VIOLATION && ctx.err.item_count > 0);
    if (told && (status == NACRE_OK) == valid) {
        passed++;
        return;
    }
    failed++;
    printf("%s: %s: %s: %s\n", file, group, text_of(test, "description"),
           status == NACRE_OK ? "accepted" : ctx.err.detail);
}

static void check_group(const char *file, struct val group) {
    static const struct schema_registry registry = {.find = remote_find};
    struct schema_options options = {.regex = &filter_regex_schema, .registry = &registry};
    struct val schema = bson_find(val_slice(group), SLICE_LIT("schema"));
    struct val tests = bson_find(val_slice(group), SLICE_LIT("tests"));
    const char *name = text_of(group, "description");
    struct schema *compiled;
    if (schema_compile(&ctx, schema, &options, &compiled) != NACRE_OK) {
        failed++;
        printf("%s: %s: %s\n", file, name, ctx.err.detail);
        return;
    }
    struct bson_iter it = bson_iter_of_val(tests);
    struct slice index;
    struct val test;
    while (bson_next(&it, &index, &test))
        check_test(file, name, compiled, test);
    schema_free(compiled);
}

static void check_file(const char *path, struct slice text) {
    struct val groups, group;
    struct slice index;
    if (!parse(text, &groups)) {
        not_documents++;
        printf("%s: %s\n", path, ctx.err.detail);
        return;
    }
    struct bson_iter it = bson_iter_of_val(groups);
    while (bson_next(&it, &index, &group))
        check_group(path, group);
}

static void test_suite(void **state) {
    (void)state;
    const char *wanted = getenv("NACRE_SCHEMA_SUITE"); // part of a path, for a closer look
    struct slice in = buf_slice(&archive), text;
    char path[TAR_PATH];
    load_remotes();
    while (tar_next(&in, path, &text)) {
        bool required = strncmp(path, "./tests/", 8) == 0 && !strstr(path, "/optional/");
        if (wanted ? strstr(path, "./tests/") && strstr(path, wanted) != NULL : required)
            check_file(strrchr(path, '/') + 1, text);
    }
    printf("%d passed, %d failed\n", passed, failed);
    assert_int_equal(failed + not_documents, 0);
    assert_true(wanted || passed > 1200);
}

int main(void) {
    static char path[4096];
    const char *folder = getenv("NACRE_DATA"), *ci = getenv("CI");
    snprintf(path, sizeof path, "%s/json-schema-2020-12.tar.zst",
             folder ? folder : "../shared/data");
    if (!file_exists(path)) {
        bool required = ci && strcmp(ci, "true") == 0;
        printf("%s: %s is absent (set NACRE_DATA)\n", required ? "failed" : "skipped", path);
        return required;
    }
    struct buf packed;
    ctx_init(&ctx, &world_system, NULL, 1 << 30);
    buf_init(&packed, NULL, ROOM);
    buf_init(&archive, NULL, ROOM);
    if (file_read_all(&ctx, path, ROOM, &packed) != NACRE_OK ||
        zstd_decompress(&ctx, buf_slice(&packed), ROOM, &archive) != NACRE_OK) {
        printf("%s: %s\n", path, ctx.err.detail);
        return 1;
    }
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_suite)};
    int result = cmocka_run_group_tests(tests, NULL, NULL);
    buf_free(&packed);
    buf_free(&archive);
    ctx_free(&ctx);
    return result;
}
