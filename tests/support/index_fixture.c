#include "support/index_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "doc/footer.h"
#include "doc/json.h"
#include "doc/key.h"
#include "filter/filter.h"
#include "support/catalog_fixture.h"
#include "support/doc_values.h"

void index_fixture_open(struct index_fixture *f) {
    memset(f, 0, sizeof *f);
    catalog_fixture_open(&f->base);
    f->collection = (struct collection){
        .id = 1, .tablet = INDEX_FIXTURE_TABLET, .indexes = f->indexes, .history_seconds = 60};
    f->ts = 1000;
}

void index_fixture_close(struct index_fixture *f) { catalog_fixture_close(&f->base); }

struct index_def *index_fixture_add(struct index_fixture *f, const char *name, const char *json) {
    assert_true(f->collection.index_count < sizeof f->indexes / sizeof *f->indexes);
    struct index_def *index = &f->indexes[f->collection.index_count++];
    *index = catalog_fixture_index(&f->base, name, json);
    if (index->where.n) {
        struct filter *filter = NULL;
        assert_int_equal(filter_parse(&f->base.ctx, index->where, NULL, &filter), NACRE_OK);
        index->where = filter->canonical;
        index->where_filter = filter;
    }
    return index;
}

struct doc *index_fixture_doc(struct index_fixture *f, const char *json) {
    struct doc *doc = ARENA_NEW(&f->base.ctx.arena, struct doc);
    BUF_CLEANUP struct buf footer;
    buf_init(&footer, NULL, SIZE_MAX / 2);
    doc->body = doc_values_doc(&f->base.ctx, json);
    footer_build(&footer, doc->body);
    assert_int_equal(buf_status(&footer), NACRE_OK);
    doc->footer = slice_of(
        arena_copy(&f->base.ctx.arena, footer.n ? footer.p : doc->body.p, footer.n), footer.n);
    return doc;
}

nacre_status index_fixture_change(struct index_fixture *f, struct val id, const struct doc *before,
                                  const struct doc *after) {
    struct ctx *ctx = &f->base.ctx;
    struct index_change change = {.tablet = INDEX_FIXTURE_TABLET,
                                  .id = id,
                                  .before = before,
                                  .after = after,
                                  .rowid = 3,
                                  .commit_ts = ++f->ts,
                                  .kv = f->blind ? NULL : f->base.kv};
    int64_t bytes = 0;
    kv_batch_reset(&f->base.batch);
    TRY(index_check_unique(ctx, f->base.kv, &f->collection, &change));
    TRY(index_apply(ctx, &f->collection, &change, &f->base.batch, &bytes));
    TRY(f->base.kv->ops->write(f->base.kv, ctx, &f->base.batch));
    kv_batch_reset(&f->base.batch);
    f->bytes += bytes;
    return NACRE_OK;
}

static void put_key(struct index_fixture *f, const struct index_def *index,
                    const struct index_key *key, struct buf *out) {
    struct slice rest = key->components;
    buf_put_str(out, key->has_null ? "~(" : key->cut ? "!(" : "(");
    for (uint32_t i = 0; i < index->field_count; i++) {
        struct val v;
        enum key_type_bits bits = (enum key_type_bits)index_type_bits(key->type_bits, i);
        assert_int_equal(key_decode(&f->base.ctx, &rest, index->fields[i].descending, bits, &v),
                         NACRE_OK);
        if (i) buf_put_u8(out, ',');
        if (v.type == VAL_MISSING)
            buf_put_str(out, "cut");
        else
            json_write_val(out, v, JSON_INT64_NUMBER);
    }
    assert_int_equal(rest.n, 0);
    buf_put_u8(out, ')');
}

const char *index_fixture_keys(struct index_fixture *f, const struct index_def *index,
                               const char *json) {
    struct index_keys keys;
    nacre_status status = index_keys_of(&f->base.ctx, index, index_fixture_doc(f, json), &keys);
    if (status != NACRE_OK) fail_msg("%s: %s", json, f->base.ctx.err.detail);
    BUF_CLEANUP struct buf out;
    buf_init(&out, NULL, SIZE_MAX / 2);
    for (uint32_t i = 0; i < keys.count; i++) {
        if (i) buf_put_u8(&out, ' ');
        put_key(f, index, &keys.keys[i], &out);
        if (i) assert_true(slice_cmp(keys.keys[i - 1].components, keys.keys[i].components) < 0);
    }
    if (keys.arrays) buf_put_str(&out, " *");
    return arena_str(&f->base.ctx.arena, buf_slice(&out));
}

int64_t index_fixture_stored(struct index_fixture *f) {
    struct kv_iter *it = NULL;
    struct kv_iter_options options = {0};
    int64_t bytes = 0;
    assert_int_equal(
        f->base.kv->ops->iter_open(f->base.kv, &f->base.ctx, NULL, KV_DATA, &options, &it),
        NACRE_OK);
    for (it->ops->seek_first(it); it->valid; it->ops->next(it))
        if (it->key.p[4] == KIND_INDEX || it->key.p[4] == KIND_UNIQUE)
            bytes += (int64_t)(it->key.n + it->value.n);
    it->ops->close(it);
    return bytes;
}
