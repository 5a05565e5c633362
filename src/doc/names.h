// Inside doc/: the names of the objects open at one moment, to find equal ones. Used by the JSON
// reader and the validator.
//
// All open objects share one stack of names; an object is a scope at its top. Up to NAMES_SMALL
// names a scope is searched by comparing hashes one after another, and only if a filter of 256 bits
// says that the name may be there; beyond, by a hash table. Cost: O(1) a name; no allocation for
// documents with few names.
#ifndef DOC_NAMES_H
#define DOC_NAMES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/mem/arena.h"
#include "base/mem/slice.h"

enum { NAMES_INLINE = 128, NAMES_SMALL = 64, NAMES_FILTER_WORDS = 4 };

// Offsets are of elements (their type byte); the name follows it and ends in a NUL.
struct names_item {
    uint32_t hash;
    uint32_t first, last; // first and last element of this name
};

struct names {
    struct arena *arena; // what is taken from it is the caller's to rewind
    struct names_item *items;
    uint32_t count, cap;
    struct names_item room[NAMES_INLINE];
};

struct names_scope {
    uint32_t base;                       // its first item
    bool duplicates;                     // some name came twice
    uint64_t filter[NAMES_FILTER_WORDS]; // a bit by the hash of each name
    uint32_t *slots;                     // item number + 1, 0 = free; NULL while small
    uint32_t slot_mask;
    struct arena_mark mark;   // before slots
    struct names_item *items; // at the mark
};

enum names_result { NAMES_NEW, NAMES_DUPLICATE, NAMES_NO_MEMORY };

void names_init(struct names *names, struct arena *arena);
static inline struct names_scope names_open(const struct names *names) {
    return (struct names_scope){.base = names->count};
}
// Gives back what the scope took from the arena. Nothing else may have been taken meanwhile that is
// still needed.
static inline void names_close(struct names *names, const struct names_scope *scope) {
    names->count = scope->base;
    // Items that have moved since lie behind the mark.
    if (scope->slots && scope->items == names->items) arena_rewind(names->arena, scope->mark);
}
// bytes: what offsets count from. name lies at bytes + element + 1. A duplicate moves its item's
// last.
enum names_result names_add(struct names *names, struct names_scope *scope, const uint8_t *bytes,
                            uint32_t element, struct slice name);
// The item of a name that was added to the scope at the top. bytes as for names_add.
const struct names_item *names_get(const struct names *names, const struct names_scope *scope,
                                   const uint8_t *bytes, struct slice name);

#endif
