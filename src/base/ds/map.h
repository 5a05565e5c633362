// Hash map from bytes to a pointer. Open addressing, XXH3. Keys are copied. Not thread-safe.
#ifndef BASE_DS_MAP_H
#define BASE_DS_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem/slice.h"

struct map_slot;

struct map {
    struct map_slot *slots;
    size_t count, used, cap; // used counts tombstones too
};

void map_init(struct map *map);
void map_free(struct map *map); // values are the caller's
void *map_get(const struct map *map, struct slice key); // NULL if absent
// value != NULL. False: no memory, nothing changed.
bool map_put(struct map *map, struct slice key, void *value);
void *map_remove(struct map *map, struct slice key); // the value, NULL if absent
// Iterates in no particular order: size_t at = 0; while (map_next(&m, &at, &k, &v)). Not to be
// changed meanwhile.
bool map_next(const struct map *map, size_t *at, struct slice *key, void **value);

#endif
