// What is not there, and what may have been meant.
#include <stdio.h>

#include "catalog/catalog.h"

enum { NEAREST_AMONG = 1000 }; // names looked at: an error is to stay cheap

static void suggest(struct ctx *ctx, struct slice name, const char *const *names, size_t count) {
    char word[CATALOG_NAME_MAX + 1];
    if (name.n > CATALOG_NAME_MAX) return;
    snprintf(word, sizeof word, "%.*s", (int)name.n, (const char *)name.p);
    err_suggest(ctx, err_nearest(word, names, count));
}

nacre_status catalog_no_database(struct ctx *ctx, const struct catalog *catalog,
                                 struct slice name) {
    const struct database *same = catalog_database(catalog, name);
    nacre_status status = err_set(ctx, NACRE_DATABASE_NOT_FOUND, "there is no database %.*s",
                                  (int)name.n, (const char *)name.p);
    uint32_t count =
        catalog->database_count < NEAREST_AMONG ? catalog->database_count : NEAREST_AMONG;
    const char **names = ARENA_ARRAY(&ctx->arena, const char *, count + 1);
    if (same) err_suggest(ctx, same->name);
    if (same || !names) return status;
    uint32_t known = 0;
    for (uint32_t i = 0; i < count; i++)
        if (!name_is_hidden(slice_str(catalog->databases[i].name)))
            names[known++] = catalog->databases[i].name;
    suggest(ctx, name, names, known);
    return status;
}

nacre_status catalog_no_collection(struct ctx *ctx, const struct catalog *catalog,
                                   const struct database *database, struct slice name) {
    const struct collection *same = catalog_collection(catalog, database->id, name);
    nacre_status status =
        err_set(ctx, NACRE_COLLECTION_NOT_FOUND, "there is no collection %.*s in database %s",
                (int)name.n, (const char *)name.p, database->name);
    const char **names = ARENA_ARRAY(&ctx->arena, const char *, NEAREST_AMONG);
    uint32_t count = 0;
    if (same) err_suggest(ctx, same->name);
    if (same || !names) return status;
    for (uint32_t i = 0; i < catalog->collection_count && count < NEAREST_AMONG; i++)
        if (catalog->collections[i].database_id == database->id)
            names[count++] = catalog->collections[i].name;
    suggest(ctx, name, names, count);
    return status;
}

nacre_status catalog_no_index(struct ctx *ctx, const struct collection *collection,
                              struct slice name) {
    const char *names[INDEXES_MAX];
    const struct index_def *same = catalog_index(collection, name);
    nacre_status status = err_set(ctx, NACRE_INDEX_NOT_FOUND, "collection %s has no index %.*s",
                                  collection->name, (int)name.n, (const char *)name.p);
    for (uint32_t i = 0; i < collection->index_count; i++)
        names[i] = collection->indexes[i].name;
    if (same)
        err_suggest(ctx, same->name);
    else
        suggest(ctx, name, names, collection->index_count);
    return status;
}
