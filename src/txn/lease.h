// What leases do to bodies: pure functions, run by apply and, for schemas with patterns, before.
#ifndef TXN_LEASE_H
#define TXN_LEASE_H

#include "base/err/ctx.h"
#include "base/mem/buf.h"
#include "doc/row.h"

// What a claim with set changed, for lease_undo; set: operators patch {"$set":{…}}.
MUST_USE nacre_status lease_undo_record(struct ctx *ctx, struct slice before, struct slice after,
                                        struct slice set, struct buf *out);
// The body with set written, appended to out. *changed = false: n = 0, nothing is appended.
MUST_USE nacre_status lease_set_body(struct ctx *ctx, struct slice set, struct slice body,
                                     int64_t now_ms, struct buf *out, bool *changed);
// What a release leaves behind: set written, or without one what the claim had changed taken back,
// if all fields still hold what it wrote. *changed = false: body as it is, and nothing is appended.
MUST_USE nacre_status lease_release_body(struct ctx *ctx, const struct row *row, struct slice set,
                                         int64_t now_ms, struct buf *out, bool *changed);
// What a lease leaves behind whose time is up: on_expire applied, or what the claim had changed
// taken back. It ends all the same if that fails, as a patch does that no longer fits the document.
MUST_USE nacre_status lease_end_body(struct ctx *ctx, const struct row *row, int64_t now_ms,
                                     struct buf *out, bool *changed);

#endif
