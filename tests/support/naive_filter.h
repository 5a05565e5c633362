// Filters as naive trees: made at random, printed in both spellings, evaluated on naive values as
// the description of the language has it. Every operator is spelt out ($ne and $nin are no
// complements here), all that a path reaches is collected before any of it is looked at, and
// nothing stops early.
#ifndef TESTS_SUPPORT_NAIVE_FILTER_H
#define TESTS_SUPPORT_NAIVE_FILTER_H

#include "base/ds/rng.h"
#include "support/naive_value.h"

enum naive_op {
    NAIVE_EQ,
    NAIVE_NE,
    NAIVE_GT,
    NAIVE_GTE,
    NAIVE_LT,
    NAIVE_LTE,
    NAIVE_IN,
    NAIVE_NIN,
    NAIVE_BETWEEN, // $gte and $lte of one path
    NAIVE_EXISTS,
    NAIVE_TYPE,
    NAIVE_NOT,
    NAIVE_ALL,
    NAIVE_ELEM_OBJECT,
    NAIVE_ELEM_VALUE,
    NAIVE_SIZE,
    NAIVE_REGEX,
    NAIVE_STARTS,
    NAIVE_CONTAINS,
    NAIVE_LEAVES,
    NAIVE_AND = NAIVE_LEAVES,
    NAIVE_OR,
    NAIVE_NOR
};

enum { NAIVE_COND_KIDS = 3 };
struct naive_cond {
    enum naive_op op;
    bool shorthand;        // printed {"a":1} instead of {"a":{"$eq":1}}
    const char *path;      // of leaves outside NAIVE_ELEM_VALUE
    struct naive *operand; // NAIVE_IN, NIN, ALL, BETWEEN: an array
    struct naive_cond *kids[NAIVE_COND_KIDS];
    uint32_t count;
};

// Where random filters and values come from.
struct naive_source {
    struct arena *arena;
    struct rng *rng;
    const char *const *paths; // to ask about
    uint32_t path_count;
    // A document to take operands from; may be NULL or give NULL.
    const struct naive *(*sample)(void *arg);
    void *arg;
    bool no_regex;
};
struct naive *naive_random_value(const struct naive_source *source, int depth);
struct naive_cond *naive_random_cond(const struct naive_source *source, int depth);

bool naive_holds(const struct naive_cond *cond, const struct naive *root);
void naive_cond_json(struct buf *out, const struct naive_cond *cond);
// false: the string form cannot say it (out then holds rubbish).
bool naive_cond_text(struct buf *out, const struct naive_cond *cond);

#endif
