// What apply reads from the log and from idempotency records: commands of every type, the access
// paths in claims, results, result errors. Any bytes are read or refused with `corrupt`; what is
// read, written again and read again gives the same bytes. The first byte chooses the decoder.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/err/ctx.h"
#include "txn/command.h"
#include "txn/result.h"

enum {
    ACCESS_PATH_TYPE = 14,
    ERROR_TYPE = 15,
    CHUNK_TYPE = 16,
    SCHEMA_TYPE = 17,
    TRIM_TYPE = 18
}; // first bytes of seeds

static void must(bool ok) {
    if (!ok) abort();
}

static bool was_read(struct ctx *ctx, nacre_status status) {
    must(status == NACRE_OK || status == NACRE_CORRUPT || status == NACRE_MEMORY_LIMIT);
    must(status == NACRE_OK || ctx->err.status == status);
    return status == NACRE_OK;
}

// Decodes in, encodes into out. false: refused.
static bool again(struct ctx *ctx, uint8_t type, struct slice in, struct buf *out) {
    union {
        struct command_write write;
        struct command_claim claim;
        struct command_lease lease;
        struct command_expire expire;
        struct command_catalog catalog;
        struct command_build build;
        struct command_stage stage;
        struct command_commit commit;
        struct command_horizon horizon;
        struct command_trim trim;
        struct command_transaction transaction;
        struct command_chunk chunk;
        struct command_schema schema;
        struct result result;
    } c;
    memset(&c, 0, sizeof c);
#define CASE(number, name)                                                                         \
    case number:                                                                                   \
        if (!was_read(ctx, command_##name##_decode(ctx, in, &c.name))) return false;               \
        command_##name##_encode(out, &c.name);                                                     \
        return true;
    switch (type) {
        CASE(COMMAND_WRITE, write)
        CASE(COMMAND_CLAIM, claim)
        CASE(COMMAND_RELEASE, lease)
        CASE(COMMAND_EXPIRE, expire)
        CASE(COMMAND_CATALOG, catalog)
        CASE(COMMAND_BUILD, build)
        CASE(COMMAND_STAGE, stage)
        CASE(COMMAND_COMMIT, commit)
        CASE(COMMAND_HORIZON, horizon)
        CASE(TRIM_TYPE, trim)
        CASE(COMMAND_TRANSACTION, transaction)
        CASE(CHUNK_TYPE, chunk)
        CASE(SCHEMA_TYPE, schema)
    default:
        break;
    }
#undef CASE
    if (!was_read(ctx, result_decode(ctx, in, &c.result))) return false;
    result_encode(out, &c.result);
    return true;
}

static void access_path(struct ctx *ctx, struct slice in, struct buf *out) {
    struct access_path path;
    if (was_read(ctx, access_path_read(ctx, &in, &path))) access_path_write(out, &path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct ctx ctx;
    struct buf once, twice;
    if (!size) return 0;
    ctx_init(&ctx, &world_system, NULL, 256u << 20);
    buf_init(&once, NULL, SIZE_MAX);
    buf_init(&twice, NULL, SIZE_MAX);
    uint8_t type = data[0] % 32;
    struct slice in = slice_of(data + 1, size - 1);
    if (type == ACCESS_PATH_TYPE) {
        access_path(&ctx, in, &once);
    } else if (type == ERROR_TYPE) {
        nacre_status status = result_error_raise(&ctx, in); // records what it read, or that it is
        must(status == ctx.err.status);                     // corrupt
    } else if (again(&ctx, type, in, &once)) {
        must(buf_status(&once) == NACRE_OK);
        must(again(&ctx, type, buf_slice(&once), &twice));
        must(slice_eq(buf_slice(&once), buf_slice(&twice)));
    }
    buf_free(&once);
    buf_free(&twice);
    ctx_free(&ctx);
    return 0;
}
