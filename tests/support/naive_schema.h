// Schemas as naive trees: made at random for the fields that the model's documents have, printed as
// JSON Schema, held against naive values as the draft has it. A few keywords only.
#ifndef TESTS_SUPPORT_NAIVE_SCHEMA_H
#define TESTS_SUPPORT_NAIVE_SCHEMA_H

#include "support/naive_filter.h"

enum naive_bound {
    NAIVE_MINIMUM,
    NAIVE_MAXIMUM,
    NAIVE_MIN_LENGTH,
    NAIVE_MAX_LENGTH,
    NAIVE_MIN_ITEMS,
    NAIVE_MAX_ITEMS,
    NAIVE_MIN_PROPERTIES,
    NAIVE_MAX_PROPERTIES,
    NAIVE_BOUNDS
};
enum { NAIVE_SCHEMA_LIST = 6, NAIVE_DEFAULTS_MAX = 16 };

struct naive_schema;
struct naive_member { // of "properties"
    const char *name;
    struct naive_schema *schema;
    bool apart; // stands in "$defs", with a "$ref" to it
};

struct naive_schema {
    const char *types[NAIVE_SCHEMA_LIST], *required[NAIVE_SCHEMA_LIST];
    struct naive *values[NAIVE_SCHEMA_LIST]; // "enum"
    struct naive_member members[NAIVE_SCHEMA_LIST];
    uint32_t type_count, required_count, value_count, member_count;
    bool bounded[NAIVE_BOUNDS];
    int64_t bounds[NAIVE_BOUNDS];
    struct naive_schema *items, *never, *any_of[2]; // never: "not"
    struct naive *fallback;                         // "default"
};

struct naive_default {
    char path[32];
    const struct naive *value;
};

// Of a whole document: its _id is looked at by name alone.
struct naive_schema *naive_random_schema(const struct naive_source *source);
void naive_schema_print(struct buf *out, const struct naive_schema *schema);
bool naive_schema_holds(const struct naive_schema *schema, const struct naive *document);
// What is to be added to the document, in this order, each at the end of its object.
uint32_t naive_schema_defaults(const struct naive_schema *schema, const struct naive *document,
                               struct naive_default out[NAIVE_DEFAULTS_MAX]);

#endif
