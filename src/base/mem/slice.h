// A borrowed run of bytes.
#ifndef BASE_MEM_SLICE_H
#define BASE_MEM_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
    const uint8_t *p; // may be NULL if n is 0
    size_t n;
};

static inline struct slice slice_of(const void *p, size_t n) {
    return (struct slice){.p = (const uint8_t *)p, .n = n};
}
static inline struct slice slice_str(const char *s) { return slice_of(s, strlen(s)); }
#define SLICE_LIT(text) slice_of("" text, sizeof(text) - 1)

// memcmp order, a prefix before what it begins.
static inline int slice_cmp(struct slice a, struct slice b) {
    size_t n = a.n < b.n ? a.n : b.n;
    int c = n ? memcmp(a.p, b.p, n) : 0;
    return c ? c : (a.n > b.n) - (a.n < b.n);
}
static inline bool slice_eq(struct slice a, struct slice b) {
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}
static inline bool slice_eq_str(struct slice a, const char *s) { return slice_eq(a, slice_str(s)); }
static inline bool slice_starts(struct slice a, struct slice prefix) {
    return a.n >= prefix.n && (prefix.n == 0 || memcmp(a.p, prefix.p, prefix.n) == 0);
}
static inline struct slice slice_skip(struct slice a, size_t n) {
    return n ? slice_of(a.p + n, a.n - n) : a; // p may be NULL if n is 0
}

#endif
