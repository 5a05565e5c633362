// Request bodies, read strictly: one object level at a time, so that every part of a body is parsed
// by who knows what it is (documents without '$' names, patches with them, filters as text), and
// errors point into the whole.
#ifndef LIB_LIB_BODY_H
#define LIB_LIB_BODY_H

#include "base/err/ctx.h"
#include "base/mem/buf.h"
#include "doc/val.h"
#include "filter/filter.h"

// What is being read: text is a part of whole, at pointer in it.
struct lib_body {
    struct ctx *ctx;
    struct buf *bson;   // where values go; may move, so slices are taken from the arena
    struct slice whole; // the request's text
    char pointer[48];   // of text in whole
    const char *what;   // "a batch", for error texts
    bool open;          // members that are not known are passed over
};

// One member that is known. Ends with a NULL name.
struct lib_member {
    const char *name;
    struct slice raw; // out: the member's text; n = 0: absent
};

// Reads the object in text. Of equal names the last counts. An unknown member is
// NACRE_INVALID_ARGUMENT with pointer and suggestion.
MUST_USE nacre_status lib_body_members(const struct lib_body *b, struct slice text,
                                       struct lib_member *members);
// The elements of the array in text, into ctx's arena. More than max: NACRE_INVALID_ARGUMENT.
MUST_USE nacre_status lib_body_elements(const struct lib_body *b, const char *name,
                                        struct slice text, size_t max, struct slice **out,
                                        size_t *out_count);

// The value of a member; it must be there (raw.n > 0). Errors carry its pointer.
MUST_USE nacre_status lib_body_value(const struct lib_body *b, const struct lib_member *m,
                                     struct val *out);
MUST_USE nacre_status lib_body_bool(const struct lib_body *b, const struct lib_member *m,
                                    bool *out);
MUST_USE nacre_status lib_body_integer(const struct lib_body *b, const struct lib_member *m,
                                       uint64_t low, uint64_t high, uint64_t *out);
MUST_USE nacre_status lib_body_string(const struct lib_body *b, const struct lib_member *m,
                                      struct slice *out);
// An object as BSON in the arena. dollar: names may start with '$'.
MUST_USE nacre_status lib_body_object(const struct lib_body *b, const struct lib_member *m,
                                      bool dollar, struct slice *out);
// A filter as text: an object as it stands, a string decoded.
MUST_USE nacre_status lib_body_filter(const struct lib_body *b, const struct lib_member *m,
                                      struct slice *out);
// An error about a filter that was read so: its span was counted from the filter's beginning. Of an
// object it is moved to where that stands in the body; of a string it stays a place in the string.
void lib_body_place_filter(const struct lib_body *b, struct slice filter);
// The filter of a member called "filter", parsed into keep's memory (b->ctx or another).
MUST_USE nacre_status lib_body_filter_tree(const struct lib_body *b, const struct lib_member *m,
                                           struct ctx *keep, const struct filter **out);
// NACRE_INVALID_ARGUMENT at the member's pointer.
MUST_USE nacre_status lib_body_bad(const struct lib_body *b, const char *name, const char *expected,
                                   struct val got);

#endif
