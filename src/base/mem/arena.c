// Invariants:
// 1. head is NULL and next == end == a fixed empty place, or next and end lie in head's room, next
// aligned to 16.
// 2. used is the sum of size over the blocks and the large blocks, and the budget is charged
// exactly that.
// 3. Blocks and large blocks are lists, newest first, so that a mark cuts both.
#include "base/mem/arena.h"

#include "base/err/check.h"

#ifdef ARENA_ASAN
#include <sanitizer/asan_interface.h>
#define ARENA_POISON(p, n) ASAN_POISON_MEMORY_REGION((p), (n))
#define ARENA_UNPOISON(p, n) ASAN_UNPOISON_MEMORY_REGION((p), (n))
#else
#define ARENA_POISON(p, n) ((void)(p), (void)(n))
#define ARENA_UNPOISON(p, n) ((void)(p), (void)(n))
#endif

struct arena_block {
    struct arena_block *older;
    size_t size; // with this header
    _Alignas(16) uint8_t room[];
};

enum {
    ARENA_BLOCK_MIN = 8 << 10,
    ARENA_BLOCK_MAX = 1 << 20,
    ARENA_LARGE = ARENA_BLOCK_MAX / 4, // larger ones get their own block: at most 1/4 is wasted
    ARENA_HEADER = sizeof(struct arena_block),
};

// Not NULL, so that an allocation of 0 bytes from an empty arena does not read as "no memory".
static _Alignas(16) uint8_t arena_nowhere[16];

static void arena_use_head(struct arena *arena, struct arena_block *head) {
    arena->head = head;
    arena->next = head ? head->room : arena_nowhere;
    arena->end = head ? (uint8_t *)head + head->size : arena_nowhere;
}

void arena_init(struct arena *arena, struct budget *budget, size_t max_bytes) {
    *arena = (struct arena){.budget = budget, .max = max_bytes};
    arena_use_head(arena, NULL);
}

static struct arena_block *arena_block_new(struct arena *arena, size_t size) {
    if (arena->used > arena->max || size > arena->max - arena->used) return NULL;
    if (!budget_charge(arena->budget, size)) return NULL;
    struct arena_block *block = mem_alloc(size);
    if (!block) {
        budget_release(arena->budget, size);
        return NULL;
    }
    block->size = size;
    arena->used += size;
    ARENA_POISON(block->room, size - ARENA_HEADER);
    return block;
}

// Frees the list down to, and without, stop. The caller knows stop to be in it or NULL.
static void arena_free_blocks(struct arena *arena, struct arena_block **list,
                              const struct arena_block *stop) {
    while (*list != stop) {
        struct arena_block *block = *list;
        CHECK(block); // else the mark was not of this arena, or older than a rewind
        *list = block->older;
        DCHECK(arena->used >= block->size);
        arena->used -= block->size;
        budget_release(arena->budget, block->size);
        ARENA_UNPOISON(block->room, block->size - ARENA_HEADER);
        mem_free(block);
    }
}

static void *arena_alloc_large(struct arena *arena, size_t size, size_t need) {
    struct arena_block *block = arena_block_new(arena, need + ARENA_HEADER);
    if (!block) return NULL;
    block->older = arena->large;
    arena->large = block;
    ARENA_UNPOISON(block->room, size);
    (void)size;
    return block->room;
}

static bool arena_grow(struct arena *arena, size_t need) {
    size_t size = arena->head ? arena->head->size * 2 : ARENA_BLOCK_MIN;
    while (size < 2 * need + ARENA_HEADER) size *= 2;
    if (size > ARENA_BLOCK_MAX) size = ARENA_BLOCK_MAX;
    struct arena_block *block = arena_block_new(arena, size);
    // Close to the bound, or to the end of memory, what is needed may fit where a whole block does
    // not.
    if (!block) block = arena_block_new(arena, need + ARENA_HEADER);
    if (!block) return false;
    block->older = arena->head;
    arena_use_head(arena, block);
    return true;
}

void *arena_alloc_slow(struct arena *arena, size_t size) {
    size_t need = (size + 15) & ~(size_t)15;
    if (need < size || need > SIZE_MAX - ARENA_HEADER) return NULL;
    if (need > (size_t)(arena->end - arena->next)) {
        if (need > ARENA_LARGE) return arena_alloc_large(arena, size, need);
        if (!arena_grow(arena, need)) return NULL;
    }
    void *p = arena->next;
    arena->next += need;
    ARENA_UNPOISON(p, size);
    return p;
}

void *arena_zalloc(struct arena *arena, size_t size) {
    void *p = arena_alloc(arena, size);
    return p && size ? memset(p, 0, size) : p;
}

void *arena_copy(struct arena *arena, const void *bytes, size_t size) {
    void *p = arena_alloc(arena, size);
    return p && size ? memcpy(p, bytes, size) : p;
}

char *arena_str(struct arena *arena, struct slice text) {
    if (text.n == SIZE_MAX) return NULL;
    char *p = arena_alloc(arena, text.n + 1);
    if (!p) return NULL;
    if (text.n) memcpy(p, text.p, text.n);
    p[text.n] = '\0';
    return p;
}

struct arena_mark arena_mark(const struct arena *arena) {
    return (struct arena_mark){.head = arena->head, .large = arena->large, .next = arena->next};
}

void arena_rewind(struct arena *arena, struct arena_mark mark) {
    arena_free_blocks(arena, &arena->large, mark.large);
    arena_free_blocks(arena, &arena->head, mark.head);
    arena_use_head(arena, arena->head);
    DCHECK(mark.next >= arena->next && mark.next <= arena->end);
    arena->next = mark.next;
    ARENA_POISON(arena->next, (size_t)(arena->end - arena->next));
}

void arena_reset(struct arena *arena) {
    struct arena_block *first = arena->head;
    while (first && first->older) first = first->older;
    uint8_t *start = first ? first->room : arena_nowhere;
    arena_rewind(arena, (struct arena_mark){.head = first, .next = start});
}

void arena_free(struct arena *arena) {
    arena_rewind(arena, (struct arena_mark){.next = arena_nowhere});
    DCHECK(arena->used == 0);
}
