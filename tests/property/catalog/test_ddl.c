// Random databases, collections and indexes are made, changed and dropped, row by row. After each
// reload the catalog is the plain lists kept beside it, whatever the order they were made in.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "catalog/rows.h"
#include "support/catalog_fixture.h"
#include "support/doc_values.h"

enum { DATABASES = 4, COLLECTIONS = 40, INDEXES = 6, STEPS = 400, ROUNDS = 8 };

static struct catalog_fixture f;
static struct rng rng;

struct model_index {
    bool there;
    struct index_def def;
};
struct model_collection {
    bool there;
    struct collection c;
    struct model_index indexes[INDEXES];
};
static struct database databases[DATABASES];
static struct model_collection collections[COLLECTIONS];

// A name in letters of random case; never one that another has in any case.
static void random_name(char out[CATALOG_NAME_MAX + 1], const char *stem, uint32_t number) {
    snprintf(out, CATALOG_NAME_MAX + 1, "%s-%u-%u", stem, number, (unsigned)rng_below(&rng, 3));
    for (char *p = out; *p; p++)
        if (*p >= 'a' && *p <= 'z' && rng_below(&rng, 2)) *p = (char)(*p - 32);
}

static void put_collection(uint32_t slot) {
    struct model_collection *m = &collections[slot];
    if (!m->there) {
        memset(m, 0, sizeof *m);
        m->there = true;
        m->c.id = f.counters.next_collection++;
        m->c.tablet = f.counters.next_tablet++;
        m->c.database_id = databases[rng_below(&rng, DATABASES)].id;
    } else if (rng_below(&rng, 4) == 0) {
        m->c.tablet = f.counters.next_tablet++; // as TRUNCATE does
    }
    random_name(m->c.name, "coll", slot);
    m->c.schema_epoch++;
    m->c.ttl_seconds = rng_below(&rng, 100);
    m->c.created_ts = rng_next(&rng);
    catalog_put_collection(&f.batch, &m->c);
}

static void drop_collection(struct model_collection *m) {
    struct index_def defs[INDEXES];
    struct collection c = m->c;
    if (!m->there) return;
    c.indexes = defs;
    for (uint32_t i = 0; i < INDEXES; i++)
        if (m->indexes[i].there) defs[c.index_count++] = m->indexes[i].def;
    catalog_delete_collection(&f.batch, &c);
    m->there = false;
}

static void change_index(struct model_collection *m, uint32_t slot) {
    struct model_index *x = &m->indexes[slot];
    if (!m->there) return;
    if (x->there && rng_below(&rng, 3) == 0) {
        catalog_delete_index(&f.batch, m->c.id, x->def.id);
        x->there = false;
        return;
    }
    char name[CATALOG_NAME_MAX + 1];
    random_name(name, "ix", slot);
    if (!x->there)
        x->def = catalog_fixture_index(
            &f, name,
            rng_below(&rng, 2) ? "{\"fields\":[\"a.b\",{\"path\":\"c\",\"order\":\"desc\"}]}"
                               : "{\"fields\":[\"a\"],\"unique\":true,\"where\":{\"$or\":[]}}");
    x->there = true;
    memcpy(x->def.name, name, sizeof name);
    x->def.state = (enum index_state)(1 + rng_below(&rng, 3));
    catalog_put_index(&f.batch, m->c.id, &x->def);
}

static void compare_index(const struct collection *got, const struct model_index *x) {
    char name[CATALOG_NAME_MAX + 1];
    memcpy(name, x->def.name, sizeof name);
    name[0] = (char)(name[0] ^ 32); // names are found in any case
    const struct index_def *index = catalog_index(got, slice_str(name));
    if (!x->there) return;
    assert_non_null(index);
    assert_ptr_equal(index, catalog_index_by_id(got, x->def.id));
    assert_string_equal(index->name, x->def.name);
    assert_int_equal(index->state, x->def.state);
    assert_int_equal(index->unique, x->def.unique);
    assert_int_equal(index->field_count, x->def.field_count);
    for (uint32_t i = 0; i < index->field_count; i++) {
        assert_true(slice_eq(index->fields[i].path.text, x->def.fields[i].path.text));
        assert_int_equal(index->fields[i].path.hash, x->def.fields[i].path.hash);
        assert_int_equal(index->fields[i].descending, x->def.fields[i].descending);
    }
    assert_true(slice_eq(index->where, x->def.where));
    assert_true(slice_eq(index->options, x->def.options));
}

static void compare_collection(const struct catalog *catalog, const struct model_collection *m) {
    if (m->c.id == 0) return;
    const struct collection *got = catalog_collection_by_id(catalog, m->c.id);
    if (!m->there) {
        assert_null(got);
        assert_null(catalog_by_tablet(catalog, m->c.tablet));
        return;
    }
    assert_non_null(got);
    assert_ptr_equal(catalog_collection(catalog, m->c.database_id, slice_str(m->c.name)), got);
    assert_ptr_equal(catalog_by_tablet(catalog, m->c.tablet), got);
    assert_string_equal(got->name, m->c.name);
    assert_int_equal(got->schema_epoch, m->c.schema_epoch);
    assert_int_equal(got->ttl_seconds, m->c.ttl_seconds);
    assert_int_equal(got->created_ts, m->c.created_ts);
    uint32_t count = 0;
    for (uint32_t i = 0; i < INDEXES; i++) {
        count += m->indexes[i].there;
        compare_index(got, &m->indexes[i]);
    }
    assert_int_equal(got->index_count, count);
}

static void compare(void) {
    struct catalog *catalog = NULL;
    uint32_t count = 0;
    catalog_fixture_write(&f);
    nacre_status status = catalog_load(&f.ctx, f.kv, NULL, NULL, &catalog);
    if (status != NACRE_OK) fail_msg("load: %s", f.ctx.err.detail);
    assert_int_equal(catalog->epoch, f.counters.epoch);
    assert_int_equal(catalog->next_index, f.counters.next_index);
    assert_int_equal(catalog->database_count, DATABASES);
    for (uint32_t i = 0; i < DATABASES; i++)
        assert_string_equal(catalog_database_by_id(catalog, databases[i].id)->name,
                            databases[i].name);
    for (uint32_t i = 0; i < COLLECTIONS; i++) {
        count += collections[i].there;
        compare_collection(catalog, &collections[i]);
    }
    assert_int_equal(catalog->collection_count, count);
    for (uint32_t i = 1; i < catalog->collection_count; i++) {
        const struct collection *a = &catalog->collections[i - 1], *b = &catalog->collections[i];
        assert_true(a->database_id < b->database_id ||
                    (a->database_id == b->database_id &&
                     catalog_name_cmp(slice_str(a->name), slice_str(b->name)) < 0));
    }
    catalog_unref(catalog);
}

static void run_round(void) {
    catalog_fixture_open(&f);
    memset(collections, 0, sizeof collections);
    for (uint32_t i = 0; i < DATABASES; i++) {
        databases[i] = (struct database){.id = f.counters.next_database++};
        random_name(databases[i].name, "db", i);
        catalog_put_database(&f.batch, &databases[i]);
    }
    for (int step = 0; step < STEPS; step++) {
        uint32_t slot = (uint32_t)rng_below(&rng, COLLECTIONS);
        uint64_t what = rng_below(&rng, 10);
        if (what < 3)
            put_collection(slot);
        else if (what == 3)
            drop_collection(&collections[slot]);
        else
            change_index(&collections[slot], (uint32_t)rng_below(&rng, INDEXES));
        if (step % 20 == 19) compare();
    }
    catalog_fixture_close(&f);
}

static void test_rows_are_the_lists(void **state) {
    (void)state;
    for (int round = 0; round < ROUNDS; round++) run_round();
}

int main(void) {
    doc_values_seed(&rng);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows_are_the_lists)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
