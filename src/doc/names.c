// Finding equal names in an object (see names.h).
#include "doc/names.h"

#include "base/bits/bits.h"

void names_init(struct names *names, struct arena *arena) {
    names->arena = arena;
    names->items = names->room;
    names->count = 0;
    names->cap = NAMES_INLINE;
}

// Cheap and good enough for a handful of names; a large object uses XXH3 with a seed, since its
// cost depends on it.
static inline uint32_t names_hash_small(struct slice name) {
    const uint8_t *p = name.p;
    uint64_t a, b;
    if (name.n >= 8) {
        a = bits_le64(p);
        b = bits_le64(p + name.n - 8);
        if (name.n > 16) b ^= bits_le64(p + name.n / 2 - 4) * UINT64_C(0xff51afd7ed558ccd);
    } else if (name.n >= 4) {
        a = bits_le32(p);
        b = bits_le32(p + name.n - 4);
    } else {
        a = name.n ? (uint64_t)p[0] << 16 | (uint64_t)p[name.n / 2] << 8 | p[name.n - 1] : 0;
        b = 0;
    }
    uint64_t h = (a ^ name.n) * UINT64_C(0x9e3779b97f4a7c15) + b;
    h ^= h >> 32;
    return (uint32_t)((h * UINT64_C(0xc4ceb9fe1a85ec53)) >> 32);
}

static uint32_t names_hash(const struct names *names, const struct names_scope *scope,
                           struct slice name) {
    if (!scope->slots) return names_hash_small(name);
    // The seed differs between runs, so that names cannot be chosen to collide; no result depends
    // on it.
    return (uint32_t)hash_bytes_seed(name.p, name.n, (uint64_t)(uintptr_t)names);
}

// The earlier name lies before this one in the same bytes, so n + 1 bytes of it can be read.
static inline bool names_equal(const uint8_t *bytes, const struct names_item *item,
                               struct slice name) {
    const uint8_t *earlier = bytes + item->first + 1;
    return memcmp(earlier, name.p, name.n) == 0 && earlier[name.n] == 0;
}

// The number of the item, or names->count if there is none. *slot is where it is or would be.
static uint32_t names_search(const struct names *names, const struct names_scope *scope,
                             const uint8_t *bytes, struct slice name, uint32_t hash,
                             uint32_t *slot) {
    if (!scope->slots) {
        for (uint32_t i = scope->base; i < names->count; i++)
            if (names->items[i].hash == hash && names_equal(bytes, &names->items[i], name))
                return i;
        return names->count;
    }
    uint32_t at = hash & scope->slot_mask;
    for (; scope->slots[at]; at = (at + 1) & scope->slot_mask) {
        uint32_t i = scope->slots[at] - 1;
        if (names->items[i].hash == hash && names_equal(bytes, &names->items[i], name)) return i;
    }
    *slot = at;
    return names->count;
}

static bool names_grow(struct names *names) {
    if (names->cap > UINT32_MAX / 2) return false;
    uint32_t cap = names->cap * 2;
    struct names_item *items = arena_alloc(names->arena, (size_t)cap * sizeof *items);
    if (!items) return false;
    memcpy(items, names->items, (size_t)names->count * sizeof *items);
    names->items = items;
    names->cap = cap;
    return true;
}

// A table of size slots (a power of two) over the items of the scope.
static bool names_rehash(struct names *names, struct names_scope *scope, uint32_t size,
                         const uint8_t *bytes) {
    bool was_small = !scope->slots;
    if (was_small) scope->mark = arena_mark(names->arena);
    if (was_small) scope->items = names->items;
    uint32_t *slots = arena_zalloc(names->arena, (size_t)size * sizeof *slots);
    if (!slots) return false;
    scope->slots = slots;
    scope->slot_mask = size - 1;
    for (uint32_t i = scope->base; i < names->count; i++) {
        struct names_item *item = &names->items[i];
        if (was_small) {
            const uint8_t *p = bytes + item->first + 1;
            item->hash = names_hash(names, scope, slice_of(p, strlen((const char *)p)));
        }
        uint32_t at = item->hash & scope->slot_mask;
        while (slots[at])
            at = (at + 1) & scope->slot_mask;
        slots[at] = i + 1;
    }
    return true;
}

// Room for one more item, and a table once the scope is large.
static bool names_make_room(struct names *names, struct names_scope *scope, const uint8_t *bytes) {
    uint32_t in_scope = names->count - scope->base;
    if (names->count == names->cap && !names_grow(names)) return false;
    if (!scope->slots)
        return in_scope < NAMES_SMALL || names_rehash(names, scope, 4 * NAMES_SMALL, bytes);
    if (in_scope < scope->slot_mask / 2) return true;
    return scope->slot_mask < UINT32_MAX / 2 &&
           names_rehash(names, scope, (scope->slot_mask + 1) * 2, bytes);
}

enum names_result names_add(struct names *names, struct names_scope *scope, const uint8_t *bytes,
                            uint32_t element, struct slice name) {
    uint32_t in_scope = names->count - scope->base;
    bool full = in_scope >= (scope->slots ? scope->slot_mask / 2 : NAMES_SMALL) ||
                names->count == names->cap;
    if (__builtin_expect(full, 0) && !names_make_room(names, scope, bytes)) return NAMES_NO_MEMORY;
    uint32_t hash = names_hash(names, scope, name), slot = 0;
    uint64_t bit = UINT64_C(1) << (hash >> 26), *filter = &scope->filter[hash % NAMES_FILTER_WORDS];
    if (scope->slots || (*filter & bit)) {
        uint32_t i = names_search(names, scope, bytes, name, hash, &slot);
        if (i < names->count) {
            names->items[i].last = element;
            scope->duplicates = true;
            return NAMES_DUPLICATE;
        }
    }
    *filter |= bit;
    names->items[names->count++] = (struct names_item){hash, element, element};
    if (scope->slots) scope->slots[slot] = names->count;
    return NAMES_NEW;
}

const struct names_item *names_get(const struct names *names, const struct names_scope *scope,
                                   const uint8_t *bytes, struct slice name) {
    uint32_t slot = 0;
    uint32_t i = names_search(names, scope, bytes, name, names_hash(names, scope, name), &slot);
    return i < names->count ? &names->items[i] : NULL;
}
