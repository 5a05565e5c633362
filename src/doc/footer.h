// The footer: an index of the top level and one nested level of a BSON body, so that a field costs
// the same anywhere. Bytes: docs/format/document.md.
#ifndef DOC_FOOTER_H
#define DOC_FOOTER_H

#include "base/bits/bits.h"
#include "base/mem/buf.h"
#include "doc/val.h"

struct ctx;

// The hashes of the footer, part of the stored format: of a top-level name, and of a name below it
// (parent: the hash of the top-level name). path_part.hash is footer_hash_name of its name;
// path.hash is footer_hash_name of the only part, or footer_hash_nested(parts[0].hash,
// parts[1].name).
static inline uint64_t footer_hash_name(struct slice name) {
    return hash_bytes(name.p, name.n);
}
static inline uint64_t footer_hash_nested(uint64_t parent, struct slice name) {
    return hash_bytes_seed(name.p, name.n, parent);
}

// Appends the footer of a validated body. A body with few fields (small enough that linear search
// is as fast) gets an empty one (0 bytes).
void footer_build(struct buf *out, struct slice body);
// Untrusted bytes: NACRE_CORRUPT unless every entry points at an element of body with the right
// hash, sorted and complete.
MUST_USE nacre_status footer_validate(struct ctx *ctx, struct slice body, struct slice footer);

struct path;
// Looks up the first one or two parts of path in a footer that is not empty. true: *out is the
// value of the first *depth_done parts (1 or 2; 1 for a path of several parts if that value is no
// object). false: no such field, the path is missing (*depth_done 0, *out VAL_MISSING). Trusted
// bytes only. Uses path->hash.
bool footer_find(struct slice body, struct slice footer, const struct path *path, struct val *out,
                 uint32_t *depth_done);

#endif
