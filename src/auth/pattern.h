// Names that a grant or a key is about: a name, or the beginning of names and a '*'.
#ifndef AUTH_PATTERN_H
#define AUTH_PATTERN_H

#include "base/err/ctx.h"
#include "doc/bson.h"

struct pattern {
    struct slice text; // without the '*'
    bool prefix;
};

// "*" itself is matched only by the pattern of everything: it stands for all names at once.
static inline bool pattern_fits(const struct pattern *pattern, struct slice name) {
    if (pattern->prefix && (pattern->text.n == 0 || !slice_eq_str(name, "*")))
        return slice_starts(name, pattern->text);
    return slice_eq(name, pattern->text);
}
bool pattern_fits_one(const struct pattern *patterns, uint32_t count, struct slice name);

enum { PATTERNS_MAX = 64 };
// An array of 1 to PATTERNS_MAX patterns, copied into arena. NACRE_INVALID_ARGUMENT at pointer.
struct arena;
MUST_USE nacre_status pattern_list(struct ctx *ctx, const char *pointer, struct val v,
                                   struct arena *arena, struct pattern **out, uint32_t *out_count);
void pattern_list_json(struct buf *json, const char *member, const struct pattern *patterns,
                       uint32_t count);

#endif
