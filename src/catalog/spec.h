// Reading what users ask for, member by member, with errors that point at the member.
#ifndef CATALOG_SPEC_H
#define CATALOG_SPEC_H

#include "catalog/catalog.h"

enum {
    CATALOG_SECONDS_MAX = 10 * 365 * 86400, // ten years
    HISTORY_BYTES_MIN = 4096,
    CHANGES_SECONDS_MIN = 60,
    CHANGES_SECONDS_MAX = 365 * 86400,
};

// One member of an object that a user gave.
struct catalog_member {
    const char *name;
    nacre_status (*take)(struct ctx *ctx, struct val v, void *arg);
};
// Gives each member of bson to its function; members end with a NULL name. n = 0 is an empty
// object. An unknown one is NACRE_INVALID_ARGUMENT with pointer and suggestion. what: "collection"
// … for the error text.
MUST_USE nacre_status catalog_members(struct ctx *ctx, struct slice bson, const char *what,
                                      const struct catalog_member *members, void *arg);
// NACRE_INVALID_ARGUMENT for the value at pointer.
MUST_USE nacre_status catalog_member_bad(struct ctx *ctx, const char *pointer, const char *expected,
                                         struct val got);
// An integer in [low, high].
MUST_USE nacre_status catalog_member_int(struct ctx *ctx, const char *pointer, struct val v,
                                         int64_t low, int64_t high, uint64_t *out);
// A path that is no system field.
MUST_USE nacre_status catalog_member_path(struct ctx *ctx, const char *pointer, struct val v,
                                          struct path *out);
// Moves written BSON into ctx's arena.
MUST_USE nacre_status catalog_member_keep(struct ctx *ctx, const struct buf *bson,
                                          struct slice *out);

#endif
