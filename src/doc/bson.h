// BSON (bsonspec.org) restricted to the types of val.h: reading validated bytes, validating foreign
// ones, writing.
#ifndef DOC_BSON_H
#define DOC_BSON_H

#include "base/err/status.h"
#include "base/mem/buf.h"
#include "doc/val.h"

struct ctx;

enum { DOC_DEPTH_MAX = 100, DOC_BYTES_MAX = 16 * 1024 * 1024 };

// Checks untrusted bytes: lengths, types, UTF-8, array names, depth, no duplicate names, no name
// with U+0000 or leading '$'. Error: NACRE_CORRUPT with the offset. Everything below expects bytes
// that passed this (or were written by the writer).
MUST_USE nacre_status bson_validate(struct ctx *ctx, struct slice bytes);
// The same for patches and filters in logged commands, whose names may start with '$'.
MUST_USE nacre_status bson_validate_operators(struct ctx *ctx, struct slice bytes);

struct bson_iter {
    const uint8_t *p, *end;
};
// doc is a whole BSON document (object or array).
struct bson_iter bson_iter_of(struct slice doc);
struct bson_iter bson_iter_of_val(struct val v); // object or array
// false at the end. name and out borrow from the document.
bool bson_next(struct bson_iter *it, struct slice *name, struct val *out);
// Linear search among the names of one level; VAL_MISSING if absent.
struct val bson_find(struct slice doc, struct slice name);
uint32_t bson_count(struct slice doc); // fields of the top level

// Writes into out, whose sticky status carries failures. Depth is bounded by DOC_DEPTH_MAX
// (CHECKed: callers bound it).
struct bson_writer {
    struct buf *out;
    uint32_t depth;
    uint32_t start[DOC_DEPTH_MAX + 2];    // offset of each open document
    uint32_t elements[DOC_DEPTH_MAX + 2]; // elements so far: next index of arrays
    bool is_array[DOC_DEPTH_MAX + 2];
};
void bson_begin(struct bson_writer *w, struct buf *out); // opens the top-level object
void bson_end(struct bson_writer *w);                    // closes it
// In an array the name is ignored and the index written. Missing values are not written.
void bson_put(struct bson_writer *w, struct slice name, struct val v);
void bson_open_object(struct bson_writer *w, struct slice name);
void bson_open_array(struct bson_writer *w, struct slice name);
void bson_close(struct bson_writer *w); // the innermost open object or array

#endif
