// The filter language: parse (JSON form, string form), the normalised tree, evaluation over one
// document, canonical bytes. Pure: no storage, no clock. PCRE2 is reached only through the struct
// filter_regex_engine that a caller passes at parse.
#ifndef FILTER_FILTER_H
#define FILTER_FILTER_H

#include "base/err/ctx.h"
#include "base/mem/buf.h"
#include "doc/path.h"
#include "doc/schema/schema.h"
#include "doc/val.h"

enum {
    FILTER_DEPTH_MAX = 100,   // nesting of the canonical BSON, the filter's own object counted
    FILTER_NODES_MAX = 10000, // nodes of the tree
    FILTER_IN_MAX = 10000,    // operands of one $in, $nin or $all
    FILTER_REGEX_MAX = 10000, // bytes of one pattern
};

// The normalised core. Everything else is spelt with it: $ne $nin $not $nor and $exists:false are
// NOT over the positive form, $all is AND of EQ, $nor is NOT of OR, BETWEEN is AND of GTE and LTE.
// AND in AND and OR in OR are flattened, NOT of NOT is dropped. What can match nothing is IN
// without values ($in:[], $all:[]) or NOT of TRUE.
enum filter_op {
    FILTER_TRUE = 1, // {}: every document
    FILTER_AND,      // children, ≥ 2
    FILTER_OR,       // children, ≥ 2
    FILTER_NOT,      // children[0]; the exact complement
    // Leaves: path and what the comment names.
    FILTER_EQ,  // values[0]; null also fits what is missing
    FILTER_LT,  // values[0]: only values of its type class (val_class) fit
    FILTER_LTE, //   (null: as EQ null)
    FILTER_GT,
    FILTER_GTE,         //   (null: as EQ null)
    FILTER_IN,          // values[0..count), ascending by val_cmp, no two equal; may be none
    FILTER_EXISTS,      // -
    FILTER_TYPE,        // types
    FILTER_SIZE,        // size: the array itself, not its elements
    FILTER_REGEX,       // regex
    FILTER_STARTS_WITH, // values[0], a string
    FILTER_CONTAINS,    // values[0]: part of a string, or equal to an element of an array
    FILTER_ELEM_OBJECT, // children[0], a filter over one element (an object or array) as if it were
                        // a document
    FILTER_ELEM_VALUE,  // children[0], a tree whose leaves have path.count 0: they are about one
                        // element itself
};

enum filter_regex_option {
    FILTER_REGEX_I = 1,
    FILTER_REGEX_M = 2,
    FILTER_REGEX_S = 4,
    FILTER_REGEX_X = 8
};

struct filter_regex {
    struct slice pattern;
    uint32_t options;                         // enum filter_regex_option
    const struct filter_regex_engine *engine; // the one given at parse
    const void *code;                         // the engine's compiled form
};

struct filter_node {
    enum filter_op op;
    uint32_t count;   // children or values
    bool single;      // path has no index part: a value that doc_get finds is the only one the path
                      // reaches
    struct path path; // leaves; count 0 inside FILTER_ELEM_VALUE
    union {
        const struct filter_node **children;
        const struct val *values;
        const struct filter_regex *regex;
        uint32_t types; // 1u << enum val_type
        uint32_t size;
    };
};

// Lives in the arena of the ctx it was parsed with and borrows nothing from the input. Immutable:
// any number of threads may evaluate it, each with its own ctx.
struct filter {
    const struct filter_node *root;
    struct slice canonical; // BSON
    uint64_t hash;          // of canonical
    uint32_t nodes;
    bool pure; // no regex
};

// The regular expression engine. Compiled code lives in the arena of the ctx given to compile.
struct filter_regex_engine {
    // NACRE_INVALID_FILTER with the place in the pattern in the detail; NACRE_MEMORY_LIMIT.
    nacre_status (*compile)(struct ctx *ctx, struct slice pattern, uint32_t options,
                            const void **out_code);
    // A limit hit is NACRE_INVALID_FILTER, never "no match".
    nacre_status (*match)(struct ctx *ctx, const void *code, struct slice subject, bool *out);
};
// PCRE2 with UTF and limits on steps, memory and depth (filter_regex.c, the only user of pcre2.h).
// Not for apply.
extern const struct filter_regex_engine filter_regex_pcre2;
// The same engine for the patterns of schemas, which are those of ECMA-262. Not for apply.
extern const struct schema_regex filter_regex_schema;

// The parsers. regex: &filter_regex_pcre2, or NULL where no regular expression may run (apply):
// then $regex is refused. Errors: NACRE_INVALID_FILTER with pointer, expected, got (JSON form) or
// span (string form), and suggestions; NACRE_UNIMPLEMENTED for $geoWithin and $near;
// NACRE_MEMORY_LIMIT. Cost: O(size · log operands).

// The JSON form. bson is trusted as BSON: from json_parse with allow_dollar_names, or a
// canonical form, of which it gives an equal tree and the same bytes.
MUST_USE nacre_status filter_parse(struct ctx *ctx, struct slice bson,
                                   const struct filter_regex_engine *regex, struct filter **out);
// The string form: year > 2000 AND genres CONTAINS 'Drama'.
MUST_USE nacre_status filter_parse_text(struct ctx *ctx, struct slice text,
                                        const struct filter_regex_engine *regex,
                                        struct filter **out);
// Either: text that starts with '{' (after white space) is JSON, all other the string form. Also
// NACRE_INVALID_JSON.
MUST_USE nacre_status filter_parse_any(struct ctx *ctx, struct slice text,
                                       const struct filter_regex_engine *regex,
                                       struct filter **out);

// Adds the span to an error of the JSON form that has only a pointer. json: the text that the
// pointer points into. filter_parse_any does it itself; who cut the filter out of a request body
// may call it with the body, after err_prefix_pointers.
void filter_err_span(struct ctx *ctx, struct slice json);

// Whether the document matches. Allocates only for a regex (given back at once). Fails only for a
// regex that meets a limit or finds no memory. Cost: one lookup per leaf until the answer is known.
MUST_USE nacre_status filter_eval(struct ctx *ctx, const struct filter *filter,
                                  const struct doc *doc, bool *out);
// The same for one node of the tree (a planner's residual). node is no part of an $elemMatch in
// value form.
MUST_USE nacre_status filter_eval_node(struct ctx *ctx, const struct filter_node *node,
                                       const struct doc *doc, bool *out);

// No regex: may run inside apply.
static inline bool filter_is_pure(const struct filter *filter) { return filter->pure; }
// Of the canonical form: the same wherever it was parsed. Cursors carry it.
static inline uint64_t filter_hash(const struct filter *filter) { return filter->hash; }

#endif
