// JSON Schema, draft 2020-12: a schema compiled once, documents checked against it as they are
// stored. Pure; the regular expressions of pattern and patternProperties are reached through a
// struct that the caller fills in. What of the draft holds, and what Nacre adds: docs/schema.md.
#ifndef DOC_SCHEMA_SCHEMA_H
#define DOC_SCHEMA_SCHEMA_H

#include "base/err/ctx.h"
#include "base/mem/buf.h"
#include "doc/val.h"

enum {
    SCHEMA_BYTES_MAX = 1024 * 1024,  // of the schema as BSON
    SCHEMA_NODES_MAX = 10000,        // subschemas, those of the metaschema counted when it is used
    SCHEMA_PATTERNS_MAX = 1000,      // regular expressions
    SCHEMA_PATTERN_BYTES_MAX = 4096, // of one of them
    SCHEMA_IN_PLACE_MAX = 100,       // $ref, allOf … one in the other, at one value
    SCHEMA_DEPTH_MAX = 1000,         // subschemas one in the other while a document is checked
    SCHEMA_STEPS_MAX = 10 * 1000 * 1000, // of work on one document
};

// The regular expression engine: ECMA-262 patterns over UTF-8, not anchored. What it needs lives in
// the arena of the ctx it is given.
struct schema_regex {
    // NACRE_INVALID_ARGUMENT with the place in the pattern in the detail; NACRE_MEMORY_LIMIT.
    nacre_status (*compile)(struct ctx *ctx, struct slice pattern, const void **out_code);
    // A limit hit is NACRE_SCHEMA_VIOLATION, never "no match". Any number of threads at once.
    nacre_status (*match)(struct ctx *ctx, const void *code, struct slice text, bool *out);
};

// Other documents that a schema may refer to. The draft's own metaschema is always there.
struct schema_registry {
    // The schema at an absolute URI without fragment; it stays where it is while compiling.
    bool (*find)(void *arg, struct slice uri, struct val *out);
    void *arg;
};

struct schema_options {
    const struct schema_regex *regex;       // NULL: patterns are refused
    const struct schema_registry *registry; // NULL: references stay inside the schema
    // The schema is for whole documents of a collection: _id need not be named in it (at the top
    // level only properties, required and dependent… look at it), defaults must be fit to be
    // stored, and keywords of earlier drafts that would do nothing are refused.
    bool collection;
};

struct schema; // immutable once compiled: any number of threads, each with its own ctx

// schema is an object or a boolean and is copied. Errors: NACRE_INVALID_ARGUMENT with a pointer
// into the schema, what was expected and what was found, also beyond a limit; NACRE_MEMORY_LIMIT.
// Cost: O(bytes · log keywords) and the regular expressions.
MUST_USE nacre_status schema_compile(struct ctx *ctx, struct val schema,
                                     const struct schema_options *options, struct schema **out);
void schema_free(struct schema *schema);

// NACRE_OK, or NACRE_SCHEMA_VIOLATION with the first offenders as items {pointer into the value,
// expected, got}; the same where the value cannot be checked within the limits above. Also
// NACRE_TIMEOUT, NACRE_CANCELLED, NACRE_MEMORY_LIMIT. Allocates nothing where the value fits, but
// for unique or unevaluated items by the hundreds, and regular expressions; given back at once.
MUST_USE nacre_status schema_validate(struct ctx *ctx, const struct schema *schema, struct val v);

// No patterns: checking it needs nothing but this room, and gives the same answer on every machine.
bool schema_is_pure(const struct schema *schema);
// Appends body to out with the defaults that are absent from it: where a property is absent and its
// schema, reached through properties and $ref only, has a default, it is added after the others.
// *out_changed false: nothing was absent, out is as it was. Inside an added value nothing is added.
// NACRE_SCHEMA_VIOLATION if a document would get too deep; NACRE_DOCUMENT_TOO_LARGE beyond
// out->max.
MUST_USE nacre_status schema_fill(struct ctx *ctx, const struct schema *schema, struct slice body,
                                  struct buf *out, bool *out_changed);

#endif
