#include "support/kv_stand.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/os/file.h"
#include "store/memkv/kv_mem.h"

void kv_stand_scratch(char out[256]) {
    const char *base = getenv("TMPDIR");
    (void)snprintf(out, 256, "%s/nacre-store-XXXXXX", base ? base : "/tmp");
    assert_non_null(mkdtemp(out));
}

void kv_stand_path(const struct kv_stand *stand, const char *name, char out[512]) {
    (void)snprintf(out, 512, "%s/%s", stand->dir, name);
}

static void open_rocks(struct kv_stand *stand) {
    char path[512];
    kv_stand_path(stand, "db", path);
    if (kv_rocks_open(&stand->ctx, path, &stand->options, &stand->kv) != NACRE_OK)
        fail_msg("open: %s", stand->ctx.err.detail);
}

void kv_stand_open(struct kv_stand *stand, enum kv_stand_kind kind) {
    *stand = (struct kv_stand){.kind = kind, .options = {.create = true}};
    ctx_init(&stand->ctx, &world_system, NULL, 1 << 20);
    kv_stand_scratch(stand->dir);
    if (kind == KV_STAND_ROCKS) open_rocks(stand);
    else assert_int_equal(kv_mem_new(&stand->ctx, &stand->kv), NACRE_OK);
}

void kv_stand_close(struct kv_stand *stand) {
    if (stand->kv) stand->kv->ops->close(stand->kv);
    assert_int_equal(dir_remove_all(&stand->ctx, stand->dir), NACRE_OK);
    ctx_free(&stand->ctx);
}

// close does not flush, so for RocksDB closing is losing; the test with SIGKILL is apart.
void kv_stand_crash(struct kv_stand *stand) {
    if (stand->kind == KV_STAND_MEM) {
        kv_mem_crash(stand->kv);
        return;
    }
    stand->kv->ops->close(stand->kv);
    open_rocks(stand);
}

static void write_batch(struct kv_stand *stand, struct kv_batch *batch) {
    if (stand->kv->ops->write(stand->kv, &stand->ctx, batch) != NACRE_OK)
        fail_msg("write: %s", stand->ctx.err.detail);
    kv_batch_free(batch);
}

void kv_stand_put(struct kv_stand *stand, enum kv_family family, const char *key,
                  const char *value) {
    struct kv_batch batch;
    kv_batch_init(&batch, NULL, 1 << 20);
    kv_batch_put(&batch, family, slice_str(key), slice_str(value));
    write_batch(stand, &batch);
}

void kv_stand_delete(struct kv_stand *stand, enum kv_family family, const char *key) {
    struct kv_batch batch;
    kv_batch_init(&batch, NULL, 1 << 20);
    kv_batch_delete(&batch, family, slice_str(key));
    write_batch(stand, &batch);
}

void kv_stand_delete_range(struct kv_stand *stand, enum kv_family family, const char *begin,
                           const char *end) {
    struct kv_batch batch;
    kv_batch_init(&batch, NULL, 1 << 20);
    kv_batch_delete_range(&batch, family, slice_str(begin), slice_str(end));
    write_batch(stand, &batch);
}

void kv_stand_flush(struct kv_stand *stand) {
    if (stand->kv->ops->flush(stand->kv, &stand->ctx) != NACRE_OK)
        fail_msg("flush: %s", stand->ctx.err.detail);
}

void kv_stand_expect(struct kv_stand *stand, struct kv_view *view, enum kv_family family,
                     const char *key, const char *value) {
    struct kv *kv = stand->kv;
    struct kv_pin pin = {0};
    bool found = false;
    if (kv->ops->get(kv, &stand->ctx, view, family, slice_str(key), &pin, &found) != NACRE_OK)
        fail_msg("get %s: %s", key, stand->ctx.err.detail);
    if (!value && found) fail_msg("%s is there", key);
    if (value && !found) fail_msg("%s is missing", key);
    if (value && !slice_eq(pin.value, slice_str(value)))
        fail_msg("%s: expected %s, got %.*s", key, value, (int)pin.value.n, pin.value.p);
    if (found) kv->ops->unpin(kv, &pin);
}

void kv_stand_keys(struct kv_stand *stand, struct kv_view *view, enum kv_family family,
                   const char *bounds[2], bool backwards, char out[512]) {
    struct kv_iter_options options = {.lower = slice_str(bounds[0]), .upper = slice_str(bounds[1])};
    struct kv_iter *it = NULL;
    assert_int_equal(stand->kv->ops->iter_open(stand->kv, &stand->ctx, view, family, &options, &it),
                     NACRE_OK);
    size_t n = 0;
    out[0] = '\0';
    if (backwards) it->ops->seek_last(it);
    else it->ops->seek_first(it);
    while (it->valid) {
        n += (size_t)snprintf(out + n, 512 - n, "%.*s ", (int)it->key.n, it->key.p);
        assert_true(n < 512);
        if (backwards) it->ops->prev(it);
        else it->ops->next(it);
    }
    assert_int_equal(it->ops->status(it, &stand->ctx), NACRE_OK);
    it->ops->close(it);
}
