// Building the catalog from its rows.
//
// Invariants of a loaded catalog, all of them checked here, since rows come from a disk:
// 1. no two databases, no two collections of a database, no two indexes of a collection have names
// that differ only in case;
// 2. every collection's database is there, every index's collection is there;
// 3. no tablet is used twice; every id is below its counter.
#include "catalog/catalog.h"

#include <stdlib.h>

#include "base/bits/bits.h"
#include "base/err/check.h"
#include "catalog/rows.h"

enum { CATALOG_MEMORY_MAX = 1 << 30 };

struct loader {
    struct ctx *ctx; // its arena is the catalog's while this runs
    struct kv *kv;
    struct kv_view *view;
    const struct catalog_hooks *hooks;
    struct catalog *catalog;
    struct collection *last; // whose indexes are being read
    uint32_t filled;         // of its indexes, or of the array being read
};

typedef nacre_status row_fn(struct loader *l, struct slice key, struct slice value);

static nacre_status rows_pass(struct loader *l, struct kv_iter *it, row_fn *each) {
    for (it->ops->seek_first(it); it->valid; it->ops->next(it))
        TRY(each(l, it->key, it->value));
    return it->ops->status(it, l->ctx);
}

// All rows of one kind, twice over the same state: first to count them, then to read them.
static nacre_status rows_read(struct loader *l, enum meta_kind kind, row_fn *count,
                              nacre_status (*room)(struct loader *), row_fn *read) {
    const uint8_t bounds[2] = {(uint8_t)kind, (uint8_t)(kind + 1)};
    struct kv_iter_options options = {
        .lower = slice_of(bounds, 1), .upper = slice_of(bounds + 1, 1), .fill_cache = true};
    struct kv_iter *it = NULL;
    TRY(l->kv->ops->iter_open(l->kv, l->ctx, l->view, KV_META, &options, &it));
    nacre_status status = rows_pass(l, it, count);
    if (status == NACRE_OK) status = room(l);
    if (status == NACRE_OK) status = rows_pass(l, it, read);
    it->ops->close(it);
    return status;
}

static struct slice id_key(enum meta_kind kind, uint32_t id, uint8_t bytes[5]) {
    bytes[0] = (uint8_t)kind;
    bits_put_be32(bytes + 1, id);
    return slice_of(bytes, 5);
}

static nacre_status row_changed(struct loader *l, struct slice key) {
    return err_set(l->ctx, NACRE_INTERNAL,
                   "the catalog's rows of kind '%c' changed while they were read", key.p[0]);
}

// Databases.

static nacre_status database_count(struct loader *l, struct slice key, struct slice value) {
    (void)key, (void)value;
    l->catalog->database_count++;
    return NACRE_OK;
}

static nacre_status database_room(struct loader *l) {
    struct catalog *c = l->catalog;
    c->databases = ARENA_ARRAY(&l->ctx->arena, struct database, (size_t)c->database_count);
    c->databases_by_id = ARENA_ARRAY(&l->ctx->arena, struct database *, (size_t)c->database_count);
    l->filled = 0;
    return c->databases && c->databases_by_id ? NACRE_OK : err_nomem(l->ctx);
}

static nacre_status database_read(struct loader *l, struct slice key, struct slice value) {
    struct catalog *c = l->catalog;
    if (l->filled == c->database_count) return row_changed(l, key);
    struct database *database = &c->databases[l->filled++];
    TRY(catalog_row_database(l->ctx, key, value, database));
    return database->id < c->next_database ? NACRE_OK
                                           : catalog_row_bad(l->ctx, key, "its id was never given");
}

static int database_order(const void *a, const void *b) {
    const struct database *x = a, *y = b;
    return catalog_name_cmp(slice_str(x->name), slice_str(y->name));
}

static int database_id_order(const void *a, const void *b) {
    const struct database *const *x = a, *const *y = b;
    return ((*x)->id > (*y)->id) - ((*x)->id < (*y)->id);
}

static nacre_status databases_sort(struct loader *l) {
    struct catalog *c = l->catalog;
    uint8_t bytes[5];
    if (c->database_count == 0) return NACRE_OK;
    qsort(c->databases, c->database_count, sizeof *c->databases, database_order);
    for (uint32_t i = 0; i < c->database_count; i++) {
        struct database *database = &c->databases[i];
        c->databases_by_id[i] = database;
        if (i > 0 && database_order(database - 1, database) == 0)
            return catalog_row_bad(l->ctx, id_key(META_DATABASE, database->id, bytes),
                                   "another has its name");
    }
    qsort(c->databases_by_id, c->database_count, sizeof *c->databases_by_id, database_id_order);
    return NACRE_OK;
}

// Collections.

static nacre_status collection_count(struct loader *l, struct slice key, struct slice value) {
    (void)key, (void)value;
    l->catalog->collection_count++;
    return NACRE_OK;
}

static nacre_status collection_room(struct loader *l) {
    struct catalog *c = l->catalog;
    c->collections = ARENA_ARRAY(&l->ctx->arena, struct collection, (size_t)c->collection_count);
    c->collections_by_id =
        ARENA_ARRAY(&l->ctx->arena, struct collection *, (size_t)c->collection_count);
    c->by_tablet = ARENA_ARRAY(&l->ctx->arena, struct collection *, (size_t)c->collection_count);
    l->filled = 0;
    return c->collections && c->collections_by_id && c->by_tablet ? NACRE_OK : err_nomem(l->ctx);
}

// A schema was accepted once. One that this program's expressions cannot run leaves the collection
// without a program: writes to it are refused, reads go on.
static nacre_status collection_program(struct loader *l, struct slice given, struct schema **out) {
    if (given.n == 0) return NACRE_OK;
    struct schema_options options = {.regex = l->hooks ? l->hooks->schema_regex : NULL,
                                     .collection = true};
    struct val schema = val_bytes(VAL_OBJECT, given);
    nacre_status status = schema_compile(l->ctx, schema, &options, out);
    if (status != NACRE_INVALID_ARGUMENT) return status;
    err_clear(l->ctx);
    return NACRE_OK;
}

static nacre_status collection_read(struct loader *l, struct slice key, struct slice value) {
    struct catalog *c = l->catalog;
    if (l->filled == c->collection_count) return row_changed(l, key);
    struct collection *collection = &c->collections[l->filled++];
    TRY(catalog_row_collection(l->ctx, key, value, collection));
    if (collection->id >= c->next_collection || collection->tablet >= c->next_tablet)
        return catalog_row_bad(l->ctx, key, "its id or its tablet was never given");
    if (!catalog_database_by_id(c, collection->database_id))
        return catalog_row_bad(l->ctx, key, "its database is not there");
    TRY(collection_program(l, collection->schema, &collection->program));
    return collection_program(l, collection->next_schema, &collection->next_program);
}

static int collection_order(const void *a, const void *b) {
    const struct collection *x = a, *y = b;
    if (x->database_id != y->database_id) return x->database_id > y->database_id ? 1 : -1;
    return catalog_name_cmp(slice_str(x->name), slice_str(y->name));
}

static int collection_id_order(const void *a, const void *b) {
    const struct collection *const *x = a, *const *y = b;
    return ((*x)->id > (*y)->id) - ((*x)->id < (*y)->id);
}

static int collection_tablet_order(const void *a, const void *b) {
    const struct collection *const *x = a, *const *y = b;
    return ((*x)->tablet > (*y)->tablet) - ((*x)->tablet < (*y)->tablet);
}

static nacre_status collections_sort(struct loader *l) {
    struct catalog *c = l->catalog;
    uint8_t bytes[5];
    if (c->collection_count == 0) return NACRE_OK;
    qsort(c->collections, c->collection_count, sizeof *c->collections, collection_order);
    for (uint32_t i = 0; i < c->collection_count; i++) {
        struct collection *collection = &c->collections[i];
        c->collections_by_id[i] = c->by_tablet[i] = collection;
        if (i > 0 && collection_order(collection - 1, collection) == 0)
            return catalog_row_bad(l->ctx, id_key(META_COLLECTION, collection->id, bytes),
                                   "another has its name");
    }
    qsort(c->collections_by_id, c->collection_count, sizeof *c->collections_by_id,
          collection_id_order);
    qsort(c->by_tablet, c->collection_count, sizeof *c->by_tablet, collection_tablet_order);
    for (uint32_t i = 1; i < c->collection_count; i++)
        if (c->by_tablet[i]->tablet == c->by_tablet[i - 1]->tablet)
            return catalog_row_bad(l->ctx, id_key(META_COLLECTION, c->by_tablet[i]->id, bytes),
                                   "another has its tablet");
    return NACRE_OK;
}

// Indexes: their rows are in the order of collections, then of ids.

static nacre_status index_owner(struct loader *l, struct slice key, struct collection **out) {
    struct slice rest = slice_skip(key, 1);
    uint32_t id = 0;
    if (!bits_take_be32(&rest, &id)) return catalog_row_bad(l->ctx, key, "its key is malformed");
    if (!l->last || l->last->id != id) {
        const struct collection *found = catalog_collection_by_id(l->catalog, id);
        if (!found) return catalog_row_bad(l->ctx, key, "its collection is not there");
        l->last = &l->catalog->collections[found - l->catalog->collections];
        l->filled = 0;
    }
    *out = l->last;
    return NACRE_OK;
}

static nacre_status index_count(struct loader *l, struct slice key, struct slice value) {
    struct collection *owner = NULL;
    (void)value;
    TRY(index_owner(l, key, &owner));
    if (owner->index_count == INDEXES_MAX)
        return catalog_row_bad(l->ctx, key, "its collection has too many indexes");
    owner->index_count++;
    return NACRE_OK;
}

static nacre_status index_room(struct loader *l) {
    for (uint32_t i = 0; i < l->catalog->collection_count; i++) {
        struct collection *owner = &l->catalog->collections[i];
        if (owner->index_count == 0) continue;
        owner->indexes = ARENA_ARRAY(&l->ctx->arena, struct index_def, (size_t)owner->index_count);
        if (!owner->indexes) return err_nomem(l->ctx);
    }
    l->last = NULL;
    return NACRE_OK;
}

static nacre_status index_parse_where(struct loader *l, struct slice key, struct index_def *index) {
    if (index->where.n == 0 || !l->hooks || !l->hooks->parse_where) return NACRE_OK;
    nacre_status status = l->hooks->parse_where(l->ctx, index->where, &index->where_filter);
    // It was accepted once, so a filter that does not parse is damage, unless this machine is what
    // failed.
    if (status == NACRE_INVALID_FILTER || status == NACRE_INVALID_ARGUMENT)
        return catalog_row_bad(l->ctx, key, "its filter does not parse");
    return status;
}

static nacre_status index_read(struct loader *l, struct slice key, struct slice value) {
    struct collection *owner = NULL;
    TRY(index_owner(l, key, &owner));
    if (l->filled == owner->index_count) return row_changed(l, key);
    struct index_def *index = &owner->indexes[l->filled];
    TRY(catalog_row_index(l->ctx, key, value, index));
    if (index->id >= l->catalog->next_index)
        return catalog_row_bad(l->ctx, key, "its id was never given");
    for (uint32_t i = 0; i < l->filled; i++)
        if (catalog_name_cmp(slice_str(owner->indexes[i].name), slice_str(index->name)) == 0)
            return catalog_row_bad(l->ctx, key, "another index has its name");
    l->filled++;
    return index_parse_where(l, key, index);
}

// Counters.

static nacre_status counters_read(struct loader *l) {
    const uint8_t kind = META_COUNTERS;
    struct catalog_counters counters = {0, 1, 1, 1, 1};
    struct kv_pin pin;
    bool found = false;
    TRY(l->kv->ops->get(l->kv, l->ctx, l->view, KV_META, slice_of(&kind, 1), &pin, &found));
    if (found) {
        nacre_status status =
            catalog_row_counters(l->ctx, slice_of(&kind, 1), pin.value, &counters);
        l->kv->ops->unpin(l->kv, &pin);
        TRY(status);
    }
    l->catalog->epoch = counters.epoch;
    l->catalog->next_database = counters.next_database;
    l->catalog->next_collection = counters.next_collection;
    l->catalog->next_tablet = counters.next_tablet;
    l->catalog->next_index = counters.next_index;
    return NACRE_OK;
}

static nacre_status catalog_read(struct loader *l) {
    TRY(counters_read(l));
    TRY(rows_read(l, META_DATABASE, database_count, database_room, database_read));
    TRY(databases_sort(l));
    TRY(rows_read(l, META_COLLECTION, collection_count, collection_room, collection_read));
    TRY(collections_sort(l));
    return rows_read(l, META_INDEX, index_count, index_room, index_read);
}

nacre_status catalog_load(struct ctx *ctx, struct kv *kv, struct kv_view *view,
                          const struct catalog_hooks *hooks, struct catalog **out) {
    struct catalog *catalog = mem_zalloc(sizeof *catalog);
    if (!catalog) return err_nomem(ctx);
    struct loader loader = {.ctx = ctx, .kv = kv, .view = view, .hooks = hooks, .catalog = catalog};
    struct arena request = ctx->arena;
    arena_init(&ctx->arena, request.budget, CATALOG_MEMORY_MAX);
    nacre_status status = catalog_read(&loader);
    catalog->arena = ctx->arena;
    ctx->arena = request;
    atomic_init(&catalog->refs, 1);
    if (status != NACRE_OK) {
        catalog_unref(catalog);
        return status;
    }
    *out = catalog;
    return NACRE_OK;
}

struct catalog *catalog_ref(struct catalog *catalog) {
    unsigned before = atomic_fetch_add_explicit(&catalog->refs, 1, memory_order_relaxed);
    CHECK(before > 0 && before < UINT32_MAX);
    return catalog;
}

void catalog_unref(struct catalog *catalog) {
    if (!catalog) return;
    unsigned before = atomic_fetch_sub_explicit(&catalog->refs, 1, memory_order_acq_rel);
    CHECK(before > 0);
    if (before > 1) return;
    for (uint32_t i = 0; catalog->collections && i < catalog->collection_count; i++) {
        schema_free(catalog->collections[i].program);
        schema_free(catalog->collections[i].next_program);
    }
    arena_free(&catalog->arena);
    mem_free(catalog);
}
