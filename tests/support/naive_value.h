// Values as plain trees, for naive models: everything spelt out, nothing shared with doc/ but the
// reading of BSON. Nodes live in the arena they were made in.
#ifndef TESTS_SUPPORT_NAIVE_VALUE_H
#define TESTS_SUPPORT_NAIVE_VALUE_H

#include "base/mem/arena.h"
#include "base/mem/buf.h"
#include "doc/val.h"

enum naive_kind { // in the order of values
    NAIVE_MISSING,
    NAIVE_NULL,
    NAIVE_NUMBER,
    NAIVE_STRING,
    NAIVE_OBJECT,
    NAIVE_ARRAY,
    NAIVE_BINARY,
    NAIVE_BOOL,
    NAIVE_DATE
};

struct naive {
    enum naive_kind kind;
    bool is_double, boolean;
    long double number; // 64 bits of mantissa: every int64 and every double exactly
    int64_t date;
    struct slice bytes; // of strings and binaries
    uint32_t count, cap;
    struct slice *names; // of objects
    struct naive **kids;
};

extern const struct naive naive_missing;

struct naive *naive_new(struct arena *arena, enum naive_kind kind);
void naive_add(struct arena *arena, struct naive *parent, struct slice name, struct naive *kid);
struct naive *naive_int(struct arena *arena, int64_t i);
struct naive *naive_text(struct arena *arena, const char *text);
struct naive *naive_of_val(struct arena *arena, struct val v); // copies what it needs
struct naive *naive_of_bson(struct arena *arena, struct slice bson);
struct naive *naive_copy(struct arena *arena, const struct naive *v);
void naive_print(struct buf *out, const struct naive *v); // JSON that reads back as v

int naive_cmp(const struct naive *a, const struct naive *b);                    // null = missing
const struct naive *naive_field(const struct naive *object, struct slice name); // NULL if absent

// What a path reaches, in order of place. A name applied to an array is applied to its objects, an
// index also picks the element; missing stands in the list for each branch that ends early, and for
// a path that reaches nothing at all.
enum { NAIVE_FOUND_MAX = 4000 };
struct naive_found {
    const struct naive *items[NAIVE_FOUND_MAX];
    uint32_t count;
};
void naive_reach(const struct naive *root, const char *path, struct naive_found *found);

// What a sort term orders by: the least (descending: the greatest) of what the path reaches and of
// the elements of arrays among it; an empty array comes before null.
struct naive_sort_value {
    const struct naive *value; // NULL: an empty array
};
int naive_sort_cmp(struct naive_sort_value a, struct naive_sort_value b);
struct naive_sort_value naive_sort_value(const struct naive *root, const char *path,
                                         bool descending);

#endif
