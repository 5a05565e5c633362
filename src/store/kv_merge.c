#include "store/kv_merge.h"

#include "base/err/ctx.h"

void kv_merge_set(struct kv_merge *m, struct buf *buf, struct slice s) {
    buf_reset(buf);
    buf_put_slice(buf, s);
    kv_merge_fail(m, buf_status(buf));
}

void kv_merge_turn(struct kv_merge *m) {
    kv_merge_set(m, &m->turning, m->iter.key);
    if (m->failed != NACRE_OK) return;
    if (m->backward)
        m->seek(m, buf_slice(&m->turning));
    else
        m->seek_for_prev(m, buf_slice(&m->turning));
}

static struct kv_merge *merge_of(struct kv_iter *iter) { return (struct kv_merge *)iter; }

void kv_merge_seek_first(struct kv_iter *iter) {
    merge_of(iter)->seek(merge_of(iter), merge_of(iter)->lower);
}

void kv_merge_seek_last(struct kv_iter *iter) {
    merge_of(iter)->seek_for_prev(merge_of(iter), merge_of(iter)->upper);
}

void kv_merge_seek(struct kv_iter *iter, struct slice key) {
    merge_of(iter)->seek(merge_of(iter), key);
}

void kv_merge_seek_for_prev(struct kv_iter *iter, struct slice key) {
    merge_of(iter)->seek_for_prev(merge_of(iter), key);
}

nacre_status kv_merge_failure(const struct kv_merge *m, struct ctx *ctx, const char *what) {
    if (m->failed == NACRE_MEMORY_LIMIT) return err_nomem(ctx);
    return m->failed == NACRE_OK ? NACRE_OK : err_set(ctx, m->failed, "%s broke off", what);
}
