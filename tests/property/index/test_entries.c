// Random documents are put, changed and deleted, alone and while an index is built over them. At
// every step the entries, guards and the count of bytes are those that the documents as they are
// now give from scratch, computed here in a naive way of its own; uniqueness refuses exactly what a
// plain set of values would; and entries lie in the order of val_cmp of their values.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "doc/key.h"
#include "support/doc_values.h"
#include "support/index_fixture.h"

enum { IDS = 12, STEPS = 300, ROUNDS = 25, NAIVE_MAX = 4000 };

static struct index_fixture f;
static struct rng rng;

static const char *scalar(void) {
    static const char *const scalars[] = {"null", "0",    "1",     "1.0",   "-0.0", "2.5",
                                          "-3",   "\"\"", "\"a\"", "\"b\"", "true", "{\"x\":1}"};
    return scalars[rng_below(&rng, sizeof scalars / sizeof *scalars)];
}

// A value of a field: mostly a scalar, else an array of a few, nested now and then.
static void put_value(struct buf *out, uint32_t depth) {
    if (depth == 0 || rng_below(&rng, 3)) {
        buf_put_str(out, scalar());
        return;
    }
    buf_put_u8(out, '[');
    for (uint64_t i = 0, n = rng_below(&rng, 4); i < n; i++) {
        if (i) buf_put_u8(out, ',');
        put_value(out, depth - 1);
    }
    buf_put_u8(out, ']');
}

// {"a":…,"o":{"b":…} or [{"b":…},…],"on":bool}: fields may be missing.
static struct doc *random_doc(void) {
    BUF_CLEANUP struct buf json;
    buf_init(&json, NULL, 1 << 20);
    buf_printf(&json, "{\"n\":%u,\"on\":%s", (unsigned)rng_below(&rng, 5),
               rng_below(&rng, 2) ? "true" : "false");
    if (rng_below(&rng, 6)) {
        buf_put_str(&json, ",\"a\":");
        put_value(&json, 2);
    }
    uint64_t kind = rng_below(&rng, 4);
    if (kind == 1) buf_put_str(&json, ",\"o\":7");
    if (kind == 2) {
        buf_put_str(&json, ",\"o\":{\"b\":");
        put_value(&json, 1);
        buf_put_u8(&json, '}');
    }
    if (kind == 3) {
        buf_put_str(&json, ",\"o\":[");
        for (uint64_t i = 0, n = rng_below(&rng, 3); i < n; i++) {
            buf_put_str(&json, i ? ",{" : "{");
            if (rng_below(&rng, 4)) {
                buf_put_str(&json, "\"b\":");
                put_value(&json, 1);
            }
            buf_put_u8(&json, '}');
        }
        buf_put_u8(&json, ']');
    }
    buf_put_u8(&json, '}');
    return index_fixture_doc(&f, arena_str(&f.base.ctx.arena, buf_slice(&json)));
}

// The naive side: lists of values, found without paths, footers or doc_reach.

enum naive_kind { NAIVE_EMPTY, NAIVE_VALUE }; // the empty array lies below all values

struct naive {
    enum naive_kind kind;
    struct val v;
};
struct naive_list {
    struct naive items[64];
    uint32_t count;
};

static int naive_cmp(struct naive a, struct naive b) {
    if (a.kind != b.kind) return a.kind < b.kind ? -1 : 1;
    return a.kind == NAIVE_EMPTY ? 0 : val_cmp(a.v, b.v);
}

static void naive_add(struct naive_list *list, enum naive_kind kind, struct val v) {
    struct naive item = {kind, v};
    for (uint32_t i = 0; i < list->count; i++)
        if (naive_cmp(list->items[i], item) == 0) return;
    assert_true(list->count < sizeof list->items / sizeof *list->items);
    list->items[list->count++] = item;
}

static void naive_end(struct naive_list *list, struct val v) {
    if (v.type == VAL_MISSING) v = val_null();
    if (v.type != VAL_ARRAY) {
        naive_add(list, NAIVE_VALUE, v);
        return;
    }
    struct bson_iter it = bson_iter_of_val(v);
    struct slice name;
    struct val element;
    bool any = false;
    for (; bson_next(&it, &name, &element); any = true) naive_add(list, NAIVE_VALUE, element);
    if (!any) naive_add(list, NAIVE_EMPTY, val_null());
}

// Field "a", "n", or "o.b".
static struct naive_list naive_field(const struct doc *doc, const char *field) {
    struct naive_list list = {.count = 0};
    if (strcmp(field, "o.b") != 0) {
        naive_end(&list, bson_find(doc->body, slice_str(field)));
        return list;
    }
    struct val o = bson_find(doc->body, SLICE_LIT("o"));
    if (o.type == VAL_OBJECT) {
        naive_end(&list, bson_find(val_slice(o), SLICE_LIT("b")));
    } else if (o.type == VAL_ARRAY) {
        struct bson_iter it = bson_iter_of_val(o);
        struct slice name;
        struct val element;
        while (bson_next(&it, &name, &element))
            naive_end(&list, bson_find(val_slice(element), SLICE_LIT("b")));
    }
    if (list.count == 0) naive_end(&list, val_missing());
    return list;
}

static bool naive_is_null(struct naive n) { return n.kind == NAIVE_EMPTY || val_is_nullish(n.v); }

// Indexes of the test: fields, directions, unique, partial.
static const struct shape {
    const char *json;
    const char *fields[2];
    bool descending[2];
    bool unique, partial;
} shapes[] = {
    {"{\"fields\":[\"a\"]}", {"a", NULL}, {false, false}, false, false},
    {"{\"fields\":[{\"path\":\"a\",\"order\":\"desc\"},\"n\"]}",
     {"a", "n"},
     {true, false},
     false,
     false},
    {"{\"fields\":[\"n\",{\"path\":\"o.b\",\"order\":\"desc\"}],\"where\":{\"on\":true}}",
     {"n", "o.b"},
     {false, true},
     false,
     true},
    {"{\"fields\":[\"o.b\"],\"unique\":true,\"where\":{\"on\":true}}",
     {"o.b", NULL},
     {false, false},
     true,
     true},
};
enum { SHAPES = sizeof shapes / sizeof *shapes };

struct naive_key {
    uint32_t shape;
    struct naive values[2];
    int64_t id;
};
static struct naive_key naive_keys[NAIVE_MAX];
static uint32_t naive_key_count;

static bool naive_covers(const struct shape *shape, const struct doc *doc) {
    struct val on = bson_find(doc->body, SLICE_LIT("on"));
    return !shape->partial || (on.type == VAL_BOOL && on.b);
}

static void naive_collect(uint32_t s, int64_t id, const struct doc *doc) {
    const struct shape *shape = &shapes[s];
    if (!naive_covers(shape, doc)) return;
    struct naive_list one = naive_field(doc, shape->fields[0]), other = {.count = 1};
    if (shape->fields[1]) other = naive_field(doc, shape->fields[1]);
    for (uint32_t i = 0; i < one.count; i++)
        for (uint32_t k = 0; k < other.count; k++) {
            assert_true(naive_key_count < NAIVE_MAX);
            naive_keys[naive_key_count++] =
                (struct naive_key){s, {one.items[i], other.items[k]}, id};
        }
}

static int naive_key_order(const void *a, const void *b) {
    const struct naive_key *x = a, *y = b;
    const struct shape *shape = &shapes[x->shape];
    if (x->shape != y->shape) return x->shape < y->shape ? -1 : 1;
    for (int i = 0; i < (shape->fields[1] ? 2 : 1); i++) {
        int c = naive_cmp(x->values[i], y->values[i]);
        if (c) return shape->descending[i] ? -c : c;
    }
    return (x->id > y->id) - (x->id < y->id);
}

static struct doc *docs[IDS];

// What the store must hold, in the order of val_cmp, not of bytes.
static void naive_all(void) {
    naive_key_count = 0;
    for (uint32_t s = 0; s < f.collection.index_count; s++)
        for (int64_t id = 0; id < IDS; id++)
            if (docs[id]) naive_collect(s, id, docs[id]);
    qsort(naive_keys, naive_key_count, sizeof *naive_keys, naive_key_order);
}

static bool naive_unique(int64_t id, const struct doc *doc) {
    for (uint32_t s = 0; s < f.collection.index_count; s++) {
        if (!shapes[s].unique || !naive_covers(&shapes[s], doc)) continue;
        struct naive_list mine = naive_field(doc, shapes[s].fields[0]);
        for (uint32_t i = 0; i < naive_key_count; i++) {
            if (naive_keys[i].shape != s || naive_keys[i].id == id) continue;
            for (uint32_t k = 0; k < mine.count; k++)
                if (!naive_is_null(mine.items[k]) &&
                    naive_cmp(mine.items[k], naive_keys[i].values[0]) == 0)
                    return false;
        }
    }
    return true;
}

// An entry as it lies in the store against the naive key that must be there.
static void compare_entry(struct slice key, struct slice value, const struct naive_key *expected) {
    struct ctx *ctx = &f.base.ctx;
    const struct index_def *index = &f.indexes[expected->shape];
    struct slice components, id;
    struct index_entry entry;
    struct val v;
    assert_int_equal(index_key_split(ctx, index, key, &components, &id), NACRE_OK);
    assert_int_equal(index_entry_decode(ctx, value, &entry), NACRE_OK);
    for (uint32_t i = 0; i < index->field_count; i++) {
        enum key_type_bits bits = (enum key_type_bits)index_type_bits(entry.type_bits, i);
        struct naive n = expected->values[i];
        assert_int_equal(key_decode(ctx, &components, index->fields[i].descending, bits, &v),
                         NACRE_OK);
        if (n.kind == NAIVE_EMPTY)
            assert_true(v.type == VAL_ARRAY && bson_count(val_slice(v)) == 0);
        else if (!val_eq(v, n.v))
            fail_msg("entry %s, expected %s", doc_values_show(ctx, v), doc_values_show(ctx, n.v));
    }
    assert_int_equal(key_decode(ctx, &id, false, KEY_TB_PLAIN, &v), NACRE_OK);
    assert_int_equal(v.i, expected->id);
}

static void compare_entries(void) {
    struct kv_iter *it = NULL;
    struct kv_iter_options options = {.lower = SLICE_LIT("\0\0\0\7I"),
                                      .upper = SLICE_LIT("\0\0\0\7J")};
    uint32_t at = 0;
    assert_int_equal(
        f.base.kv->ops->iter_open(f.base.kv, &f.base.ctx, NULL, KV_DATA, &options, &it), NACRE_OK);
    for (it->ops->seek_first(it); it->valid; it->ops->next(it)) {
        assert_true(at < naive_key_count);
        compare_entry(it->key, it->value, &naive_keys[at++]);
    }
    assert_int_equal(at, naive_key_count);
    it->ops->close(it);
}

static void compare_guards(void) {
    struct kv_iter *it = NULL;
    struct kv_iter_options options = {.lower = SLICE_LIT("\0\0\0\7U"),
                                      .upper = SLICE_LIT("\0\0\0\7V")};
    uint32_t expected = 0, there = 0;
    for (uint32_t i = 0; i < naive_key_count; i++)
        expected += shapes[naive_keys[i].shape].unique && !naive_is_null(naive_keys[i].values[0]);
    assert_int_equal(
        f.base.kv->ops->iter_open(f.base.kv, &f.base.ctx, NULL, KV_DATA, &options, &it), NACRE_OK);
    for (it->ops->seek_first(it); it->valid; it->ops->next(it)) there++;
    it->ops->close(it);
    assert_int_equal(there, expected);
}

static void compare(void) {
    naive_all();
    compare_entries();
    compare_guards();
    assert_int_equal(f.bytes, index_fixture_stored(&f));
}

static void random_step(void) {
    int64_t id = (int64_t)rng_below(&rng, IDS);
    struct doc *after = rng_below(&rng, 4) ? random_doc() : NULL;
    naive_all();
    bool unique = !after || naive_unique(id, after);
    nacre_status status = index_fixture_change(&f, val_int(id), docs[id], after);
    if (status != (unique ? NACRE_OK : NACRE_UNIQUE_VIOLATION))
        fail_msg("status %d: %s", status, f.base.ctx.err.detail);
    if (status == NACRE_OK) docs[id] = after;
}

static void test_entries_are_those_of_the_documents(void **state) {
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        index_fixture_open(&f);
        f.blind = round % 2 == 1;
        memset(docs, 0, sizeof docs);
        for (uint32_t s = 0; s < SHAPES; s++) {
            char name[8];
            snprintf(name, sizeof name, "i%u", s);
            index_fixture_add(&f, name, shapes[s].json);
        }
        for (int step = 0; step < STEPS; step++) {
            random_step();
            if (step % 10 == 0) compare();
        }
        compare();
        index_fixture_close(&f);
    }
}

static void build_step(int64_t id) {
    for (uint32_t s = 0; s < SHAPES - 1; s++) {
        struct index_change change = {.tablet = INDEX_FIXTURE_TABLET,
                                      .id = val_int(id),
                                      .after = docs[id],
                                      .rowid = 3,
                                      .commit_ts = ++f.ts};
        int64_t bytes = 0;
        assert_int_equal(index_build_counted(&f.base.ctx, f.base.kv, &f.indexes[s], &change,
                                             &f.base.batch, &bytes),
                         NACRE_OK);
        assert_int_equal(f.base.kv->ops->write(f.base.kv, &f.base.ctx, &f.base.batch), NACRE_OK);
        kv_batch_reset(&f.base.batch);
        f.bytes += bytes;
    }
}

// The unique index is left out here: duplicates that were there before end a build.
static void test_a_build_between_writes(void **state) {
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        index_fixture_open(&f);
        memset(docs, 0, sizeof docs);
        for (int64_t id = 0; id < IDS; id++)
            if (rng_below(&rng, 3)) docs[id] = random_doc();
        for (uint32_t s = 0; s < SHAPES - 1; s++) {
            char name[8];
            snprintf(name, sizeof name, "i%u", s);
            index_fixture_add(&f, name, shapes[s].json)->state = INDEX_BUILDING;
        }
        for (int64_t id = 0; id < IDS; id++) {
            for (uint64_t n = rng_below(&rng, 5); n > 0; n--) random_step();
            if (docs[id]) build_step(id);
        }
        for (uint32_t s = 0; s < SHAPES - 1; s++) f.indexes[s].state = INDEX_READY;
        compare();
        for (int step = 0; step < 30; step++) random_step();
        compare();
        index_fixture_close(&f);
    }
}

int main(void) {
    doc_values_seed(&rng);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_entries_are_those_of_the_documents),
        cmocka_unit_test(test_a_build_between_writes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
