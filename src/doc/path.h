// Paths into documents: dotted ("a.b", "a.0") or, when it starts with '/', a JSON Pointer (RFC
// 6901).
#ifndef DOC_PATH_H
#define DOC_PATH_H

#include "base/err/ctx.h"
#include "doc/bson.h"

enum { PATH_PARTS_MAX = DOC_DEPTH_MAX };

struct path_part {
    struct slice name;
    uint32_t index; // array index if the name is one (no leading zeros), else PATH_NO_INDEX
    uint64_t hash;  // of the name, as in the footer
};
#define PATH_NO_INDEX UINT32_MAX

struct path {
    struct slice text; // as given
    uint32_t count;
    struct path_part *parts;
    uint64_t hash; // of the first min(count, 2) names joined, as in the footer
};

// Into arena memory of ctx. NACRE_INVALID_ARGUMENT: empty text, empty dotted part, U+0000, too
// deep, bad escape.
MUST_USE nacre_status path_parse(struct ctx *ctx, struct slice text, struct path *out);

// System fields of a document on read, which live in the row header and not in the body.
struct doc_sys {
    uint64_t version;
    int64_t created_ms, updated_ms;
    int64_t expires_ms;        // 0 = never
    int64_t lease_until_ms;    // 0 = no lease (an ended one counts as none: the caller clears it)
    struct slice lease_holder; // n = 0: none
};

// A document as evaluated: body with optional footer and system fields. Views borrow from it.
struct doc {
    struct slice body;         // BSON; first field is _id
    struct slice footer;       // doc/footer.h; n = 0: linear search
    const struct doc_sys *sys; // NULL: system fields are missing
};

// One value at the path without fan-out over arrays: names step into objects, indexes into arrays.
// _version is an int; _created, _updated, _expires are RFC 3339 strings (in scratch, ≥ 64 bytes);
// _lease is an object whose parts (_lease.until, _lease.holder) can be named. Cost with footer:
// O(log fields) for the first two levels.
struct val doc_get(const struct doc *doc, const struct path *path, uint8_t scratch[64]);

// Every value the path reaches by MongoDB's rule: a name applied to an array is applied to each of
// its object elements too (an index part also to the element). Calls each(arg, value) until it
// returns false; *missing is set if some branch (or the whole) reaches nothing. The array at the
// end itself is given as one value; expanding it is the caller's choice.
typedef bool doc_each(void *arg, struct val v);
void doc_reach(const struct doc *doc, const struct path *path, doc_each *each, void *arg,
               bool *missing);

#endif
