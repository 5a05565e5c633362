// What checking, applying and building have in common.
#include <stdio.h>

#include "base/bits/bits.h"
#include "base/err/check.h"
#include "doc/json.h"
#include "doc/key.h"
#include "index/entry_bytes.h"

enum { WORK_KEY_MAX = 64 * 1024 }; // 16 components and an id, with room to spare

nacre_status index_work_init(struct index_work *w, struct ctx *ctx,
                             const struct index_change *change) {
    *w = (struct index_work){.ctx = ctx, .kv = change->kv, .change = change};
    struct buf *bufs[] = {&w->id, &w->key, &w->value, &w->old};
    for (size_t i = 0; i < sizeof bufs / sizeof *bufs; i++)
        buf_init(bufs[i], ctx->arena.budget, WORK_KEY_MAX);
    DCHECK(change->id.type == VAL_STRING || change->id.type == VAL_INT);
    key_put(&w->id, change->id, false);
    w->id_key = buf_slice(&w->id);
    return buf_status(&w->id) == NACRE_OK ? NACRE_OK : err_buf(ctx, &w->id);
}

void index_work_free(struct index_work *w) {
    buf_free(&w->id);
    buf_free(&w->key);
    buf_free(&w->value);
    buf_free(&w->old);
}

nacre_status index_work_keys(struct index_work *w, const struct doc *doc, struct index_keys *out) {
    bool covered = false;
    *out = (struct index_keys){0};
    if (doc) TRY(index_covers(w->ctx, w->index, doc, &covered));
    return covered ? index_keys_of(w->ctx, w->index, doc, out) : NACRE_OK;
}

nacre_status index_work_change_keys(struct index_work *w, struct index_keys *before,
                                    struct index_keys *after) {
    nacre_status status = index_work_keys(w, w->change->before, before);
    bool misfit = status == NACRE_INVALID_ARGUMENT && w->index->state == INDEX_BUILDING;
    if (status != NACRE_OK && !misfit) return status;
    status = index_work_keys(w, w->change->after, after);
    if (status != NACRE_OK && !(misfit && status == NACRE_INVALID_ARGUMENT)) return status;
    if (misfit) err_clear(w->ctx);
    return NACRE_OK;
}

nacre_status index_work_guard(struct index_work *w, bool *held, bool *own) {
    struct kv_pin pin;
    bool found = false;
    *held = *own = false;
    if (buf_status(&w->key) != NACRE_OK) return err_buf(w->ctx, &w->key);
    TRY(w->kv->ops->get(w->kv, w->ctx, NULL, KV_DATA, buf_slice(&w->key), &pin, &found));
    if (!found) return NACRE_OK;
    uint64_t begin_ts = 0;
    struct slice owner;
    nacre_status status = index_guard_decode(w->ctx, pin.value, &begin_ts, &owner);
    if (status == NACRE_OK) {
        *own = slice_eq(owner, w->id_key);
        *held = !*own;
        buf_reset(&w->old);
        buf_put_slice(&w->old, pin.value);
    }
    w->kv->ops->unpin(w->kv, &pin);
    return status;
}

nacre_status index_work_guarded(struct index_work *w, const struct index_key *key, bool *out) {
    *out = w->index->unique && !key->has_null;
    if (!*out || !key->cut) return NACRE_OK;
    char pointer[ERR_TEXT_MAX];
    index_pointer(&w->index->fields[0].path, pointer);
    nacre_status status =
        err_set(w->ctx, NACRE_INVALID_ARGUMENT,
                "a value is too long for the unique index \"%s\": each may take %d bytes as a key",
                w->index->name, KEY_COMPONENT_MAX);
    err_expected(w->ctx, pointer, "a shorter value", "a longer one");
    return status;
}

// "a: 1, b.c: \"x\"", as far as the values can be told.
static void work_print_key(struct index_work *w, const struct index_key *key, struct buf *out) {
    struct slice rest = key->components;
    for (uint32_t i = 0; i < w->index->field_count; i++) {
        const struct index_field *field = &w->index->fields[i];
        struct val v;
        enum key_type_bits bits = (enum key_type_bits)index_type_bits(key->type_bits, i);
        if (key_decode(w->ctx, &rest, field->descending, bits, &v) != NACRE_OK) return;
        if (i > 0) buf_put_str(out, ", ");
        buf_put_slice(out, field->path.text);
        buf_put_str(out, ": ");
        json_write_val(out, v, JSON_INT64_NUMBER);
    }
}

nacre_status index_work_violation(struct index_work *w, const struct index_key *key) {
    struct buf text BUF_CLEANUP;
    char pointer[ERR_TEXT_MAX];
    buf_init(&text, w->ctx->arena.budget, 2 * WORK_KEY_MAX);
    work_print_key(w, key, &text);
    int n = text.n > 300 ? 300 : (int)text.n;
    index_pointer(&w->index->fields[0].path, pointer);
    nacre_status status = err_set(w->ctx, NACRE_UNIQUE_VIOLATION,
                                  "another document has %.*s already (unique index \"%s\")", n,
                                  n ? (const char *)text.p : "", w->index->name);
    err_expected(w->ctx, pointer, "a value that no other document has",
                 "one that another document has");
    return status;
}

void index_pointer(const struct path *path, char out[ERR_TEXT_MAX]) {
    size_t at = 0;
    for (uint32_t i = 0; i < path->count; i++) {
        struct slice name = path->parts[i].name;
        if (at + 2 * name.n + 2 > ERR_TEXT_MAX) break;
        out[at++] = '/';
        for (size_t k = 0; k < name.n; k++) {
            char c = (char)name.p[k];
            bool escaped = c == '~' || c == '/';
            if (escaped) out[at++] = '~';
            out[at++] = !escaped ? c : c == '~' ? '0' : '1';
        }
    }
    out[at] = '\0';
}
