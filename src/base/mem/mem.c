#include "base/mem/mem.h"

#include <stdlib.h>
#include <string.h>

#include "base/err/check.h"
#include "base/os/fault.h"

// malloc(0) may return NULL, which would read as "no memory": one byte is asked for instead.
static inline size_t mem_at_least_one(size_t size) { return size ? size : 1; }

void *mem_alloc(size_t size) {
    if (fault_hit(FAULT_ALLOC)) return NULL;
    return malloc(mem_at_least_one(size));
}

void *mem_zalloc(size_t size) {
    if (fault_hit(FAULT_ALLOC)) return NULL;
    return calloc(1, mem_at_least_one(size));
}

void *mem_realloc(void *p, size_t size) {
    if (fault_hit(FAULT_ALLOC)) return NULL;
    return realloc(p, mem_at_least_one(size));
}

void mem_free(void *p) { free(p); }

char *mem_strdup(const char *s) {
    size_t size = strlen(s) + 1;
    char *copy = mem_alloc(size);
    if (copy) memcpy(copy, s, size);
    return copy;
}

void budget_init(struct budget *budget, struct budget *parent, size_t limit_bytes) {
    budget->parent = parent;
    atomic_init(&budget->used, 0);
    budget->limit = limit_bytes;
}

// Compare-and-swap, not add-then-check: a refused large charge must not make a small one fail
// beside it.
static bool budget_charge_one(struct budget *budget, size_t bytes) {
    size_t used = atomic_load_explicit(&budget->used, memory_order_relaxed);
    size_t after;
    do {
        if (__builtin_add_overflow(used, bytes, &after)) return false;
        if (budget->limit && after > budget->limit) return false;
    } while (!atomic_compare_exchange_weak_explicit(&budget->used, &used, after,
                                                    memory_order_relaxed, memory_order_relaxed));
    return true;
}

bool budget_charge(struct budget *budget, size_t bytes) {
    for (struct budget *at = budget; at; at = at->parent) {
        if (budget_charge_one(at, bytes)) continue;
        for (struct budget *undo = budget; undo != at; undo = undo->parent)
            atomic_fetch_sub_explicit(&undo->used, bytes, memory_order_relaxed);
        return false;
    }
    return true;
}

bool budget_fits(const struct budget *budget, size_t bytes) {
    for (const struct budget *at = budget; at; at = at->parent) {
        size_t used = atomic_load_explicit(&at->used, memory_order_relaxed);
        if (at->limit && (used > at->limit || bytes > at->limit - used)) return false;
    }
    return true;
}

void budget_release(struct budget *budget, size_t bytes) {
    for (struct budget *at = budget; at; at = at->parent) {
        size_t before = atomic_fetch_sub_explicit(&at->used, bytes, memory_order_relaxed);
        DCHECK(before >= bytes);
        (void)before;
    }
}
