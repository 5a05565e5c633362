// A scratch directory with a local log in it, for the tests of log.
#ifndef SUPPORT_LOG_FIXTURE_H
#define SUPPORT_LOG_FIXTURE_H

#include "base/ds/rng.h"
#include "base/err/ctx.h"
#include "base/os/file.h"
#include "log/local/log_local.h"

struct log_fixture {
    char dir[128]; // the log is in dir/log, copies beside it
    char log_dir[160];
    struct world_model world;
    struct ctx ctx;
    struct log_local_options options;
    struct replog *log; // NULL: not open
};

// Fails the test on any error. Directories are made in $TMPDIR or /dev/shm or /tmp.
void log_fixture_init(struct log_fixture *f);
void log_fixture_free(struct log_fixture *f);
nacre_status log_fixture_open(struct log_fixture *f);            // may fail
void log_fixture_start(struct log_fixture *f, uint64_t applied); // opens if closed
void log_fixture_close(struct log_fixture *f);
uint64_t log_fixture_append(struct log_fixture *f, const void *bytes, size_t size);
void log_fixture_sync(struct log_fixture *f);
struct replog_status log_fixture_status(struct log_fixture *f);
// Payload of record index in these tests: a function of index and seed, 0..max bytes.
size_t log_fixture_payload(uint64_t index, uint64_t seed, size_t max, uint8_t *out);

// The files of a directory, whole, in memory.
struct log_image_file {
    char name[64];
    uint8_t *bytes;
    size_t size;
};
struct log_image {
    struct log_image_file *files;
    size_t count;
};
void log_image_read(struct log_image *image, struct ctx *ctx, const char *dir); // files only
void log_image_write(const struct log_image *image, struct ctx *ctx,
                     const char *dir); // replaces dir
void log_image_free(struct log_image *image);

#endif
