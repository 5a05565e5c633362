// Linear probing over a power of two of slots; at most 3/4 of them in use or tombstones. The hash
// is seeded once per process at random: keys come from clients, who must not be able to choose keys
// that collide. So the order of iteration differs from run to run.
#include "base/ds/map.h"

#include <string.h>

#include "base/bits/bits.h"
#include "base/err/check.h"
#include "base/mem/mem.h"
#include "base/os/world.h"

#include <pthread.h>

enum { MAP_FIRST_CAP = 16, MAP_INLINE_KEY = 8 };

struct map_slot {
    uint64_t hash;
    void *value; // NULL: free; &map_tombstone: removed
    size_t key_size;
    union {
        uint8_t bytes[MAP_INLINE_KEY]; // key_size ≤ MAP_INLINE_KEY
        uint8_t *p;                    // else, owned
    } key;
};

static char map_tombstone;
static uint64_t map_seed;
static pthread_once_t map_seed_once = PTHREAD_ONCE_INIT;

static void map_seed_init(void) { world_random(&world_system, &map_seed, sizeof map_seed); }

static inline bool slot_live(const struct map_slot *slot) {
    return slot->value && slot->value != &map_tombstone;
}

static inline struct slice slot_key(const struct map_slot *slot) {
    const uint8_t *p = slot->key_size <= MAP_INLINE_KEY ? slot->key.bytes : slot->key.p;
    return slice_of(p, slot->key_size);
}

static bool slot_set_key(struct map_slot *slot, struct slice key) {
    uint8_t *to = slot->key.bytes;
    if (key.n > MAP_INLINE_KEY) {
        to = mem_alloc(key.n);
        if (!to) return false;
        slot->key.p = to;
    }
    if (key.n) memcpy(to, key.p, key.n);
    slot->key_size = key.n;
    return true;
}

static void slot_free_key(struct map_slot *slot) {
    if (slot->key_size > MAP_INLINE_KEY) mem_free(slot->key.p);
}

void map_init(struct map *map) { *map = (struct map){0}; }

void map_free(struct map *map) {
    for (size_t i = 0; i < map->cap; i++)
        if (slot_live(&map->slots[i])) slot_free_key(&map->slots[i]);
    mem_free(map->slots);
    map_init(map);
}

static struct map_slot *map_find(const struct map *map, struct slice key, uint64_t hash) {
    if (map->count == 0) return NULL;
    size_t mask = map->cap - 1;
    for (size_t i = (size_t)hash & mask; map->slots[i].value; i = (i + 1) & mask) {
        struct map_slot *slot = &map->slots[i];
        if (slot->hash == hash && slot_live(slot) && slice_eq(slot_key(slot), key)) return slot;
    }
    return NULL;
}

static struct map_slot *map_free_slot(const struct map *map, uint64_t hash) {
    size_t mask = map->cap - 1, i = (size_t)hash & mask;
    while (slot_live(&map->slots[i])) i = (i + 1) & mask;
    return &map->slots[i];
}

static bool map_rehash(struct map *map, size_t cap) {
    if (cap > SIZE_MAX / sizeof(struct map_slot)) return false;
    struct map bigger = {.count = map->count, .used = map->count, .cap = cap};
    bigger.slots = mem_zalloc(cap * sizeof *bigger.slots);
    if (!bigger.slots) return false;
    for (size_t i = 0; i < map->cap; i++)
        if (slot_live(&map->slots[i])) *map_free_slot(&bigger, map->slots[i].hash) = map->slots[i];
    mem_free(map->slots);
    *map = bigger;
    return true;
}

static bool map_make_room(struct map *map) {
    if (map->used < map->cap / 4 * 3) return true;
    if (map->cap == 0) {
        pthread_once(&map_seed_once, map_seed_init);
        return map_rehash(map, MAP_FIRST_CAP);
    }
    // Mostly tombstones: the same size, cleaned, is enough.
    return map_rehash(map, map->count < map->cap / 2 ? map->cap : map->cap * 2);
}

void *map_get(const struct map *map, struct slice key) {
    if (map->count == 0) return NULL;
    struct map_slot *slot = map_find(map, key, hash_bytes_seed(key.p, key.n, map_seed));
    return slot ? slot->value : NULL;
}

bool map_put(struct map *map, struct slice key, void *value) {
    DCHECK(value && value != &map_tombstone);
    if (!map_make_room(map)) return false;
    uint64_t hash = hash_bytes_seed(key.p, key.n, map_seed);
    struct map_slot *slot = map_find(map, key, hash);
    if (slot) {
        slot->value = value;
        return true;
    }
    slot = map_free_slot(map, hash);
    if (!slot_set_key(slot, key)) return false;
    if (!slot->value) map->used++;
    map->count++;
    slot->hash = hash;
    slot->value = value;
    return true;
}

void *map_remove(struct map *map, struct slice key) {
    if (map->count == 0) return NULL;
    struct map_slot *slot = map_find(map, key, hash_bytes_seed(key.p, key.n, map_seed));
    if (!slot) return NULL;
    void *value = slot->value;
    slot_free_key(slot);
    size_t next = ((size_t)(slot - map->slots) + 1) & (map->cap - 1);
    // No probe passes this slot if the next one was never used: it can be free at once.
    bool last_of_run = !map->slots[next].value;
    slot->value = last_of_run ? NULL : &map_tombstone;
    slot->key_size = 0;
    map->used -= last_of_run;
    map->count--;
    return value;
}

bool map_next(const struct map *map, size_t *at, struct slice *key, void **value) {
    for (; *at < map->cap; (*at)++) {
        const struct map_slot *slot = &map->slots[*at];
        if (!slot_live(slot)) continue;
        *key = slot_key(slot);
        *value = slot->value;
        (*at)++;
        return true;
    }
    return false;
}
