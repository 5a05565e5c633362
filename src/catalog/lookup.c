// Looking things up in a loaded catalog: binary search in its sorted arrays.
#include "catalog/catalog.h"
#include "catalog/rows.h"

const struct database *catalog_database(const struct catalog *catalog, struct slice name) {
    uint32_t low = 0, high = catalog->database_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int c = catalog_name_cmp(name, slice_str(catalog->databases[middle].name));
        if (c == 0) return &catalog->databases[middle];
        if (c < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

const struct database *catalog_database_by_id(const struct catalog *catalog, uint32_t id) {
    uint32_t low = 0, high = catalog->database_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const struct database *database = catalog->databases_by_id[middle];
        if (database->id == id) return database;
        if (id < database->id)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

static int collection_cmp(uint32_t database_id, struct slice name,
                          const struct collection *collection) {
    if (database_id != collection->database_id)
        return database_id > collection->database_id ? 1 : -1;
    return catalog_name_cmp(name, slice_str(collection->name));
}

const struct collection *catalog_collection(const struct catalog *catalog, uint32_t database_id,
                                            struct slice name) {
    uint32_t low = 0, high = catalog->collection_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int c = collection_cmp(database_id, name, &catalog->collections[middle]);
        if (c == 0) return &catalog->collections[middle];
        if (c < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

const struct collection *catalog_collection_by_id(const struct catalog *catalog, uint32_t id) {
    uint32_t low = 0, high = catalog->collection_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const struct collection *collection = catalog->collections_by_id[middle];
        if (collection->id == id) return collection;
        if (id < collection->id)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

const struct collection *catalog_by_tablet(const struct catalog *catalog, uint32_t tablet) {
    uint32_t low = 0, high = catalog->collection_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const struct collection *collection = catalog->by_tablet[middle];
        if (collection->tablet == tablet) return collection;
        if (tablet < collection->tablet)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

// A collection has at most INDEXES_MAX of them, kept by id.
const struct index_def *catalog_index(const struct collection *collection, struct slice name) {
    for (uint32_t i = 0; i < collection->index_count; i++)
        if (catalog_name_cmp(name, slice_str(collection->indexes[i].name)) == 0)
            return &collection->indexes[i];
    return NULL;
}

const struct index_def *catalog_index_by_id(const struct collection *collection, uint32_t id) {
    uint32_t low = 0, high = collection->index_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const struct index_def *index = &collection->indexes[middle];
        if (index->id == id) return index;
        if (id < index->id)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}
