#include "support/log_fixture.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem/mem.h"

enum { IMAGE_FILE_MAX = 256 * 1024 * 1024 };

static void check(struct log_fixture *f, nacre_status status) {
    if (status != NACRE_OK) print_error("%s: %s\n", nacre_status_code(status), f->ctx.err.detail);
    assert_int_equal(status, NACRE_OK);
}

void log_fixture_init(struct log_fixture *f) {
    *f = (struct log_fixture){0};
    const char *base = getenv("TMPDIR");
    if (!base) base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    snprintf(f->dir, sizeof f->dir, "%s/nacre-log-XXXXXX", base);
    assert_non_null(mkdtemp(f->dir));
    snprintf(f->log_dir, sizeof f->log_dir, "%s/log", f->dir);
    world_model_init(&f->world, 1);
    ctx_init(&f->ctx, &f->world.world, NULL, 1 << 20);
    f->options.segment_bytes = 8192;
}

void log_fixture_free(struct log_fixture *f) {
    log_fixture_close(f);
    check(f, dir_remove_all(&f->ctx, f->dir));
    ctx_free(&f->ctx);
}

nacre_status log_fixture_open(struct log_fixture *f) {
    return log_local_open(&f->ctx, f->log_dir, &f->options, &f->log);
}

void log_fixture_start(struct log_fixture *f, uint64_t applied) {
    if (!f->log) check(f, log_fixture_open(f));
    check(f, f->log->ops->start(f->log, &f->ctx, applied));
}

void log_fixture_close(struct log_fixture *f) {
    if (f->log) f->log->ops->close(f->log);
    f->log = NULL;
}

uint64_t log_fixture_append(struct log_fixture *f, const void *bytes, size_t size) {
    uint64_t index = 0;
    check(f, f->log->ops->append(f->log, &f->ctx, slice_of(bytes, size), &index));
    return index;
}

void log_fixture_sync(struct log_fixture *f) {
    uint64_t index;
    check(f, f->log->ops->sync(f->log, &f->ctx, &index));
    assert_true(index == log_fixture_status(f).last_index);
}

struct replog_status log_fixture_status(struct log_fixture *f) {
    struct replog_status status;
    f->log->ops->status(f->log, &status);
    return status;
}

size_t log_fixture_payload(uint64_t index, uint64_t seed, size_t max, uint8_t *out) {
    struct rng rng;
    rng_seed(&rng, index * 0x9e3779b97f4a7c15u ^ seed);
    size_t size = (size_t)rng_below(&rng, max + 1);
    bool zeros = rng_below(&rng, 4) == 0; // runs of zeros look like lost sectors
    for (size_t i = 0; i < size; i++) out[i] = zeros && i > size / 4 ? 0 : (uint8_t)rng_next(&rng);
    return size;
}

void log_image_read(struct log_image *image, struct ctx *ctx, const char *dir) {
    struct dir_list list;
    *image = (struct log_image){0};
    assert_int_equal(dir_list(ctx, dir, &list), NACRE_OK);
    image->files = calloc(list.count + 1, sizeof *image->files);
    assert_non_null(image->files);
    for (size_t i = 0; i < list.count; i++) {
        char path[256];
        struct stat st;
        snprintf(path, sizeof path, "%s/%s", dir, list.names[i]);
        if (stat(path, &st) != 0 || !S_ISREG(st.st_mode)) continue;
        struct log_image_file *file = &image->files[image->count++];
        struct buf bytes;
        buf_init(&bytes, NULL, IMAGE_FILE_MAX);
        snprintf(file->name, sizeof file->name, "%s", list.names[i]);
        assert_int_equal(file_read_all(ctx, path, IMAGE_FILE_MAX, &bytes), NACRE_OK);
        file->bytes = bytes.p;
        file->size = bytes.n;
    }
    dir_list_free(&list);
}

void log_image_write(const struct log_image *image, struct ctx *ctx, const char *dir) {
    nacre_status status = dir_remove_all(ctx, dir);
    assert_true(status == NACRE_OK || status == NACRE_NOT_FOUND);
    assert_int_equal(dir_make(ctx, dir), NACRE_OK);
    for (size_t i = 0; i < image->count; i++) {
        char path[256];
        snprintf(path, sizeof path, "%s/%s", dir, image->files[i].name);
        FILE *out = fopen(path, "wb");
        assert_non_null(out);
        if (image->files[i].size)
            assert_int_equal(fwrite(image->files[i].bytes, image->files[i].size, 1, out), 1);
        assert_int_equal(fclose(out), 0);
    }
}

void log_image_free(struct log_image *image) {
    for (size_t i = 0; i < image->count; i++) mem_free(image->files[i].bytes);
    free(image->files);
    *image = (struct log_image){0};
}
