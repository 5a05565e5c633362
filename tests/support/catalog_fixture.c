#include "support/catalog_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "store/memkv/kv_mem.h"
#include "support/doc_fixture.h"
#include "support/doc_values.h"

void catalog_fixture_open(struct catalog_fixture *f) {
    *f = (struct catalog_fixture){.counters = {0, 1, 1, 1, 1}};
    doc_values_ctx(&f->ctx);
    assert_int_equal(kv_mem_new(&f->ctx, &f->kv), NACRE_OK);
    kv_batch_init(&f->batch, NULL, SIZE_MAX / 2);
}

void catalog_fixture_close(struct catalog_fixture *f) {
    kv_batch_free(&f->batch);
    f->kv->ops->close(f->kv);
    ctx_free(&f->ctx);
}

void catalog_fixture_write(struct catalog_fixture *f) {
    f->counters.epoch++;
    catalog_put_counters(&f->batch, &f->counters);
    assert_int_equal(buf_status(&f->batch.bytes), NACRE_OK);
    assert_int_equal(f->kv->ops->write(f->kv, &f->ctx, &f->batch), NACRE_OK);
    kv_batch_reset(&f->batch);
}

void catalog_fixture_name(char out[CATALOG_NAME_MAX + 1], const char *name) {
    assert_true(strlen(name) <= CATALOG_NAME_MAX);
    memcpy(out, name, strlen(name) + 1);
}

struct index_def catalog_fixture_index(struct catalog_fixture *f, const char *name,
                                       const char *json) {
    struct index_spec spec;
    nacre_status status =
        index_spec_parse(&f->ctx, slice_str(name), doc_values_doc(&f->ctx, json), &spec);
    if (status != NACRE_OK) fail_msg("%s: %s", json, f->ctx.err.detail);
    struct index_def def = {.id = f->counters.next_index++,
                            .type = spec.type,
                            .state = INDEX_READY,
                            .field_count = spec.field_count,
                            .unique = spec.unique,
                            .where = spec.where,
                            .options = spec.options,
                            .created_ts = 7};
    catalog_fixture_name(def.name, name);
    for (uint32_t i = 0; i < spec.field_count; i++) {
        def.fields[i].descending = spec.fields[i].descending;
        assert_int_equal(path_parse(&f->ctx, spec.fields[i].path, &def.fields[i].path), NACRE_OK);
    }
    return def;
}

const char *catalog_fixture_dump(struct catalog_fixture *f, enum kv_family family) {
    BUF_CLEANUP struct buf text;
    struct kv_iter *it = NULL;
    struct kv_iter_options options = {0};
    buf_init(&text, NULL, SIZE_MAX / 2);
    assert_int_equal(f->kv->ops->iter_open(f->kv, &f->ctx, NULL, family, &options, &it), NACRE_OK);
    for (it->ops->seek_first(it); it->valid; it->ops->next(it))
        buf_printf(&text, "%s %s\n", doc_fixture_hex(&f->ctx, it->key),
                   doc_fixture_hex(&f->ctx, it->value));
    assert_int_equal(it->ops->status(it, &f->ctx), NACRE_OK);
    it->ops->close(it);
    assert_int_equal(buf_status(&text), NACRE_OK);
    return arena_str(&f->ctx.arena, buf_slice(&text));
}

const char *catalog_fixture_get(struct catalog_fixture *f, enum kv_family family, const char *hex) {
    struct kv_pin pin;
    bool found = false;
    assert_int_equal(f->kv->ops->get(f->kv, &f->ctx, NULL, family, doc_fixture_unhex(&f->ctx, hex),
                                     &pin, &found),
                     NACRE_OK);
    if (!found) return NULL;
    const char *text = doc_fixture_hex(&f->ctx, pin.value);
    f->kv->ops->unpin(f->kv, &pin);
    return text;
}

void catalog_fixture_expect(struct catalog_fixture *f, nacre_status status, nacre_status expected,
                            const char *pointer) {
    if (status != expected)
        fail_msg("status %d (%s), expected %d", status, f->ctx.err.detail, expected);
    if (!pointer) return;
    assert_true(f->ctx.err.item_count > 0);
    assert_string_equal(f->ctx.err.items[0].pointer, pointer);
}
