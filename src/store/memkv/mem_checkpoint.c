// A checkpoint is a directory with one file: a batch of puts (kv.h) and its crc32c, little-endian.
#include <stdio.h>

#include "base/bits/bits.h"
#include "base/err/ctx.h"
#include "base/os/file.h"
#include "store/memkv/kv_mem.h"
#include "store/memkv/mem_internal.h"

enum { CHECKPOINT_MAX_BYTES = 1 << 30, PATH_BYTES = 4096 };

static void dump_family(const struct tree_node *root, enum kv_family family,
                        struct kv_batch *batch) {
    struct tree_item *item = tree_first(root);
    for (; item; item = tree_at_or_after(root, tree_key(item), false))
        kv_batch_put(batch, family, tree_key(item), tree_value(item));
}

static nacre_status dump(struct ctx *ctx, const struct kv_mem_state *state, const char *path,
                         struct kv_batch *batch) {
    for (int f = 0; f < KV_FAMILIES; f++) dump_family(state->root[f], (enum kv_family)f, batch);
    buf_put_le32(&batch->bytes, crc32c(0, batch->bytes.p, batch->bytes.n));
    nacre_status status = buf_status(&batch->bytes);
    if (status != NACRE_OK) return err_set(ctx, status, "the checkpoint does not fit into memory");
    return file_replace(ctx, path, batch->bytes.p, batch->bytes.n);
}

static nacre_status checkpoint_path(struct ctx *ctx, const char *dir, char out[PATH_BYTES]) {
    int n = snprintf(out, PATH_BYTES, "%s/memory", dir);
    if (n > 0 && n < PATH_BYTES) return NACRE_OK;
    return err_set(ctx, NACRE_INVALID_ARGUMENT, "the path of the checkpoint is too long");
}

nacre_status kv_mem_checkpoint(struct kv *kv, struct ctx *ctx, const char *dir) {
    struct kv_mem *mem = (struct kv_mem *)kv;
    TRY(kv_mem_call(mem, ctx));
    char path[PATH_BYTES];
    TRY(checkpoint_path(ctx, dir, path));
    if (file_exists(dir)) return err_set(ctx, NACRE_ALREADY_EXISTS, "%s is there already", dir);
    TRY(dir_make(ctx, dir));
    struct kv_batch batch;
    kv_batch_init(&batch, NULL, CHECKPOINT_MAX_BYTES);
    struct kv_mem_state state = kv_mem_state_hold(mem, NULL);
    nacre_status status = dump(ctx, &state, path, &batch);
    kv_mem_state_drop(&state);
    kv_batch_free(&batch);
    return status;
}

static nacre_status restore(struct ctx *ctx, const char *path, struct kv *kv,
                            struct kv_batch *batch) {
    struct buf *bytes = &batch->bytes;
    TRY(file_read_all(ctx, path, CHECKPOINT_MAX_BYTES, bytes));
    if (bytes->n < 4 || crc32c(0, bytes->p, bytes->n - 4) != bits_le32(bytes->p + bytes->n - 4))
        return err_set(ctx, NACRE_CORRUPT, "%s: the checksum does not match", path);
    bytes->n -= 4;
    TRY(kv->ops->write(kv, ctx, batch));
    return kv->ops->flush(kv, ctx);
}

nacre_status kv_mem_open_checkpoint(struct ctx *ctx, const char *dir, struct kv **out) {
    char path[PATH_BYTES];
    TRY(checkpoint_path(ctx, dir, path));
    struct kv *kv = NULL;
    TRY(kv_mem_new(ctx, &kv));
    struct kv_batch batch;
    kv_batch_init(&batch, NULL, CHECKPOINT_MAX_BYTES);
    nacre_status status = restore(ctx, path, kv, &batch);
    kv_batch_free(&batch);
    if (status == NACRE_OK) *out = kv;
    else kv->ops->close(kv);
    return status;
}
