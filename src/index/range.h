// Access paths as data: key ranges of one index (or of the documents themselves) that a scan or a
// claim reads in order. Made by the planner, logged inside claims, executed by query/ and by apply.
#ifndef INDEX_RANGE_H
#define INDEX_RANGE_H

#include "base/err/ctx.h"
#include "base/mem/buf.h"

enum { ACCESS_RANGES_MAX = 20000 };

struct key_range {
    struct slice lower, upper; // full keys [lower, upper) in KV_DATA
};

struct access_path {
    uint32_t tablet;
    uint32_t index_id;    // 0 = documents by id
    bool reverse;         // read each range, and the ranges, from the end
    uint32_t range_count; // sorted ascending, disjoint
    struct key_range *ranges;
};

// In logged commands. Bytes: docs/format/index.md. NACRE_CORRUPT unless the ranges lie in the one
// index (or the documents) of the tablet, none is empty, and they are ascending and disjoint.
// Ranges live in ctx's arena, keys borrow from in, which is left behind the path.
void access_path_write(struct buf *out, const struct access_path *path);
MUST_USE nacre_status access_path_read(struct ctx *ctx, struct slice *in, struct access_path *out);

#endif
