// Inside doc/schema/: the compiled program, and what compiling shares.
#ifndef DOC_SCHEMA_SCHEMA_IMPL_H
#define DOC_SCHEMA_SCHEMA_IMPL_H

#include "base/ds/map.h"
#include "doc/bson.h"
#include "doc/schema/schema.h"

// Types as `type` names them. A date, a binary and a vector are no JSON types: they have names of
// their own.
enum schema_type {
    SCHEMA_NULL = 1,
    SCHEMA_BOOLEAN = 2,
    SCHEMA_INTEGER = 4, // also a double without fraction
    SCHEMA_NUMBER = 8,
    SCHEMA_STRING = 16,
    SCHEMA_OBJECT = 32,
    SCHEMA_ARRAY = 64,
    SCHEMA_DATE = 128,
    SCHEMA_BINARY = 256,
    SCHEMA_VECTOR = 512,
};

// |value| = digits · 10^exponent, exactly what its shortest decimal text says.
struct schema_decimal {
    uint64_t digits; // < 10^19
    int32_t exponent;
};

struct schema_number { // VAL_MISSING: no such bound
    struct val min, max, above, below, multiple;
    struct schema_decimal divisor;
};

struct schema_text {
    uint32_t min, max; // code points
    struct slice pattern;
    const void *code; // NULL: no pattern
};

struct schema_value {
    struct val v;
    uint64_t hash;
};
struct schema_values { // const, enum: ascending by hash
    const struct schema_value *items;
    uint32_t count;
};

struct schema_nodes {
    const struct schema_node **items;
    uint32_t count;
};

struct schema_array {
    struct schema_nodes prefix;
    const struct schema_node *items, *contains;
    uint32_t min, max, contains_min, contains_max;
    bool unique;
};

struct schema_property {
    struct slice name;
    uint64_t hash;
    const struct schema_node *node; // NULL: only required
    bool required;
};
struct schema_table { // names of properties and required
    struct schema_property *items;
    uint32_t count, required;
    uint32_t *slots; // item + 1, 0 = free
    uint32_t mask;
    uint32_t *defaults; // the items that have one
    uint32_t default_count;
};

struct schema_pattern {
    struct slice pattern;
    const void *code;
    const struct schema_node *node;
};

struct schema_dependent { // if name is there: so are names, and node holds
    struct slice name;
    struct val names; // array of strings, or VAL_MISSING
    const struct schema_node *node;
};

struct schema_object {
    struct schema_table table;
    struct schema_pattern *patterns;
    struct schema_dependent *dependents;
    const struct schema_node *additional, *names;
    uint32_t pattern_count, dependent_count, min, max;
};

const struct schema_property *schema_table_find(const struct schema_table *t, struct slice name);

// What applies to the same value.
struct schema_apply {
    const struct schema_node *ref, *dynamic, *not, *if_, *then, *else_;
    struct slice dynamic_name; // n = 0: the $dynamicRef is as a $ref
    struct schema_nodes all, any, one;
    const struct schema_node *unevaluated_properties, *unevaluated_items;
};

struct schema_anchor {
    struct slice name;
    struct val schema;
    const struct schema_node *node; // of dynamic ones
    struct schema_anchor *next;
};

struct schema_resource {
    struct slice uri; // absolute without fragment; empty for a schema without $id
    struct val root;
    uint32_t vocabularies;
    struct schema_anchor *anchors, *dynamic;
};

// One subschema. Each part is NULL unless some keyword of its kind is there.
struct schema_node {
    uint32_t types;  // enum schema_type; 0 = any
    bool never;      // false
    bool fills;      // a property below it, reached through properties and $ref, has a default
    bool running;    // while heights are found
    uint32_t height; // subschemas in place, itself counted; 0 = not known yet
    struct schema_number *number;
    struct schema_text *text;
    struct schema_values *values, *constant; // enum, const
    struct schema_array *array;
    struct schema_object *object;
    struct schema_apply *apply;
    const struct schema_resource *resource;
    const struct schema_place *place;
    struct val fallback;      // default
    struct schema_node *next; // of all
};

struct schema {
    struct ctx ctx; // its arena holds all of this
    const struct schema_node *root;
    const struct schema_regex *regex;
    bool collection, pure;
};

// Compiling.

// Where a subschema stands. Places are found by the address of their BSON.
struct schema_place {
    const struct schema_place *parent;
    struct slice keyword, name; // name.p NULL: the keyword alone
    struct val schema;
    struct schema_resource *resource;
    struct schema_node *node;
    struct schema_place *next; // to be compiled
    bool raw;                  // keyword is the end of a JSON Pointer
};

struct schema_compiler {
    struct ctx *ctx; // the schema's
    const struct schema_options *options;
    struct map places;    // by address
    struct map resources; // by URI
    struct schema_place *todo;
    struct schema_node *all;
    uint32_t places_count, patterns;
};

enum schema_vocabulary {
    SCHEMA_VOCABULARY_CORE = 1,
    SCHEMA_VOCABULARY_APPLICATOR = 2,
    SCHEMA_VOCABULARY_UNEVALUATED = 4,
    SCHEMA_VOCABULARY_VALIDATION = 8,
    SCHEMA_VOCABULARY_OTHER = 16, // of annotations
    SCHEMA_VOCABULARY_ALL = 31,
};

enum schema_holds { SCHEMA_HOLDS_NOTHING, SCHEMA_HOLDS_ONE, SCHEMA_HOLDS_LIST, SCHEMA_HOLDS_MAP };

struct schema_keyword {
    const char *name;
    enum schema_vocabulary vocabulary;
    enum schema_holds holds;
    // Puts it into p's node. NULL: nothing to be checked.
    nacre_status (*take)(struct schema_compiler *c, struct schema_place *p, struct slice keyword,
                         struct val v);
};
// NULL: none of the draft's.
const struct schema_keyword *schema_keyword_find(struct slice name);

extern const struct schema_node schema_node_true, schema_node_false;

// NACRE_INVALID_ARGUMENT at keyword of the subschema at p (NULL keyword: at the subschema itself).
MUST_USE nacre_status schema_refuse(struct schema_compiler *c, const struct schema_place *p,
                                    struct slice keyword, const char *expected, struct val got);
// The subschema v, compiled now or later; v is an object or a boolean.
MUST_USE nacre_status schema_node_of(struct schema_compiler *c, struct val v,
                                     const struct schema_node **out);
// A subschema at this place: finds what is in it that can be referred to.
MUST_USE nacre_status schema_walk(struct schema_compiler *c, const struct schema_place *at,
                                  struct schema_resource *resource);
// The document as a resource of its own.
MUST_USE nacre_status schema_load(struct schema_compiler *c, struct slice uri, struct val v,
                                  struct schema_resource **out);
// Another document, from the metaschema's or the registry; *out NULL: unknown.
MUST_USE nacre_status schema_load_uri(struct schema_compiler *c, struct slice uri,
                                      struct schema_resource **out);
// A reference from p to a subschema. *out_anchor: the name of the $dynamicAnchor by which it was
// found, n = 0 for all others.
MUST_USE nacre_status schema_ref_resolve(struct schema_compiler *c, const struct schema_place *p,
                                         struct slice keyword, struct val ref,
                                         struct slice *out_anchor, struct val *out);
// No subschema leads to itself at one value; what has defaults.
MUST_USE nacre_status schema_order(struct schema_compiler *c, const struct schema_node *root);
// The first node from here, over $ref, that has a default; VAL_MISSING: none has.
struct val schema_node_default(const struct schema_node *node);
struct schema_place *schema_place_at(const struct schema_compiler *c, struct val v);
// A value in few words: JSON of a scalar, the kind of all else. out is a text with a NUL.
void schema_show(struct val v, char *out, size_t cap);

// URIs (RFC 3986): ref resolved against base, without its fragment, in arena; the fragment is
// decoded.
MUST_USE bool schema_uri_resolve(struct arena *arena, struct slice base, struct slice ref,
                                 struct slice *out_uri, struct slice *out_fragment);
// The text of a document of the metaschema; false: not one of them.
bool schema_meta_find(struct slice uri, struct slice *out_json);
#define SCHEMA_META_URI "https://json-schema.org/draft/2020-12/schema"

// Values.

uint32_t schema_value_types(struct val v);
const char *schema_value_phrase(struct val v); // "a string"
bool schema_value_integral(double d);
// JSON Schema's equality: 1 and 1.0 are equal, objects are sets of members. *steps is charged for
// what is not linear; below 0 the answer is false.
bool schema_value_equal(struct val a, struct val b, int64_t *steps);
uint64_t schema_value_hash(struct val v);                            // equal for equal values
bool schema_value_decimal(struct val v, struct schema_decimal *out); // false: not finite
// digits and exponent of v are a whole multiple of the divisor's. The divisor is not 0.
bool schema_value_divides(struct schema_decimal v, struct schema_decimal divisor);

// Checking.

// The children of one object or array that some keyword has looked at.
enum { SCHEMA_MARKS_INLINE = 256 };
struct schema_marks {
    uint64_t *bits;
    uint32_t count;
    uint64_t room[SCHEMA_MARKS_INLINE / 64];
};

// The resources entered so far, innermost first.
struct schema_scope {
    const struct schema_scope *up;
    const struct schema_resource *resource;
};

// Where in the document a check is.
struct schema_at {
    const struct schema_at *up; // NULL: the whole
    struct slice name;          // of a member
    uint32_t index;             // of an element, if name.p is NULL
    const struct schema_scope *scope;
    struct schema_marks *marks; // NULL: nobody asks
};

struct schema_check {
    struct ctx *ctx;
    const struct schema *schema;
    int64_t steps; // left
    uint32_t depth;
    nacre_status status; // not NACRE_OK: given up
    bool explain;        // go on after a failure and record it
    uint32_t offenders;
    const uint8_t *top; // of a collection's document: its _id may go unnamed
};

// Each is false if v does not fit, or if the check was given up.
bool schema_check_node(struct schema_check *c, const struct schema_node *node, struct val v,
                       const struct schema_at *at);
bool schema_check_object(struct schema_check *c, const struct schema_object *o, struct val v,
                         const struct schema_at *at);
bool schema_check_array(struct schema_check *c, const struct schema_array *a, struct val v,
                        const struct schema_at *at);
bool schema_check_apply(struct schema_check *c, const struct schema_apply *a, struct val v,
                        const struct schema_at *at);
// As a question: no failure is recorded, and what was looked at counts only if it fits.
bool schema_check_branch(struct schema_check *c, const struct schema_node *node, struct val v,
                         const struct schema_at *at);
// node with unevaluatedProperties or unevaluatedItems, which come after all else has held.
bool schema_check_unevaluated(struct schema_check *c, const struct schema_node *node, struct val v,
                              const struct schema_at *at);
bool schema_check_pattern(struct schema_check *c, const void *code, struct slice text);
bool schema_check_step(struct schema_check *c, int64_t steps); // false: too much work
// Records that v at this place is not as expected. Always false.
bool schema_check_fail(struct schema_check *c, const struct schema_at *at, struct val v,
                       const char *fmt, ...) PRINTF_LIKE(4, 5);
// Gives up. Always false.
bool schema_check_give_up(struct schema_check *c, nacre_status status);
// After a failure: whether there is more to be found out.
static inline bool schema_check_goes_on(const struct schema_check *c) {
    return c->explain && c->status == NACRE_OK && c->offenders < ERR_ITEMS_MAX;
}
static inline struct schema_at schema_at_member(const struct schema_at *up, struct slice name) {
    return (struct schema_at){.up = up, .name = name, .scope = up->scope};
}
static inline struct schema_at schema_at_element(const struct schema_at *up, uint32_t index) {
    return (struct schema_at){.up = up, .index = index, .scope = up->scope};
}
bool schema_marks_init(struct schema_check *c, struct schema_marks *marks, struct val v);
static inline void schema_marks_set(struct schema_marks *marks, uint32_t i) {
    if (marks) marks->bits[i / 64] |= UINT64_C(1) << i % 64;
}
static inline bool schema_marks_has(const struct schema_marks *marks, uint32_t i) {
    return marks->bits[i / 64] >> i % 64 & 1;
}
static inline bool schema_check_skips(const struct schema_check *c, struct val object,
                                      struct slice name) {
    return object.p == c->top && name.n == 3 && memcmp(name.p, "_id", 3) == 0;
}

#endif
