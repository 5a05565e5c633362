// Arena: many small allocations freed together. One thread at a time.
#ifndef BASE_MEM_ARENA_H
#define BASE_MEM_ARENA_H

#include <stddef.h>
#include <stdint.h>

#include "base/mem/mem.h"
#include "base/mem/slice.h"

// Under AddressSanitizer freed room is poisoned, so that use after arena_rewind or arena_reset is
// found.
#if defined(__SANITIZE_ADDRESS__)
#define ARENA_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_ASAN 1
#endif
#endif

struct arena_block;

struct arena {
    struct arena_block *head;  // newest block
    struct arena_block *large; // newest block made for one large allocation
    uint8_t *next, *end;       // free room in head
    struct budget *budget;     // charged per block
    size_t used, max;          // bytes held in blocks, bound on it
};

struct arena_mark {
    struct arena_block *head, *large;
    uint8_t *next;
};

void arena_init(struct arena *arena, struct budget *budget, size_t max_bytes);
void *arena_alloc_slow(struct arena *arena, size_t size);
// Uninitialised, aligned to 16. NULL when memory, budget or bound is exhausted.
static inline void *arena_alloc(struct arena *arena, size_t size) {
#ifndef ARENA_ASAN
    size_t need = (size + 15) & ~(size_t)15;
    if (__builtin_expect(need >= size && need <= (size_t)(arena->end - arena->next), 1)) {
        void *p = arena->next;
        arena->next += need;
        return p;
    }
#endif
    return arena_alloc_slow(arena, size);
}
void *arena_zalloc(struct arena *arena, size_t size);
void *arena_copy(struct arena *arena, const void *bytes, size_t size);
// A copy with a NUL after it. NULL as arena_alloc.
char *arena_str(struct arena *arena, struct slice text);
struct arena_mark arena_mark(const struct arena *arena);
void arena_rewind(struct arena *arena, struct arena_mark mark); // frees what came after the mark
void arena_reset(struct arena *arena);                          // keeps the first block
void arena_free(struct arena *arena);

#define ARENA_NEW(arena, type) ((type *)arena_zalloc((arena), sizeof(type)))
#define ARENA_ARRAY(arena, type, count)                                                            \
    ((size_t)(count) > SIZE_MAX / 2 / sizeof(type)                                                 \
         ? NULL                                                                                    \
         : (type *)arena_zalloc((arena), (size_t)(count) * sizeof(type)))

#endif
