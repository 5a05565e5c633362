// Binary heap of pointers with a bound, smallest first by the caller's order. Not thread-safe.
#ifndef BASE_DS_HEAP_H
#define BASE_DS_HEAP_H

#include <stdbool.h>
#include <stddef.h>

typedef int heap_cmp(const void *a, const void *b, void *arg);

struct heap {
    void **items; // owned; items[0] is the smallest
    size_t count, cap;
    heap_cmp *cmp;
    void *arg;
};

void heap_init(struct heap *heap, heap_cmp *cmp, void *arg);
void heap_free(struct heap *heap); // items pointed to are the caller's
bool heap_push(struct heap *heap, void *item); // false: no memory
void *heap_pop(struct heap *heap);             // NULL if empty
void heap_sift_top(struct heap *heap);         // after items[0] was changed or replaced in place

#endif
