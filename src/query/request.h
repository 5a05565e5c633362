// Inside the room: members that request bodies have in common.
#ifndef QUERY_REQUEST_H
#define QUERY_REQUEST_H

#include "query/query.h"

struct request_member {
    const char *name;
    nacre_status (*take)(struct ctx *ctx, struct val v, struct query_request *out);
};

MUST_USE nacre_status request_bad(struct ctx *ctx, const char *pointer, const char *expected,
                                  struct val got, const char *detail);
// An object or a text; name: of the member.
MUST_USE nacre_status request_filter(struct ctx *ctx, struct val v, const char *name,
                                     struct filter **out);
MUST_USE nacre_status request_take_filter(struct ctx *ctx, struct val v, struct query_request *out);
MUST_USE nacre_status request_take_as_of(struct ctx *ctx, struct val v, struct query_request *out);
MUST_USE nacre_status request_take_sort(struct ctx *ctx, struct val v, struct query_request *out);
MUST_USE nacre_status request_take_limit(struct ctx *ctx, struct val v, struct query_request *out);
MUST_USE nacre_status request_take_cursor(struct ctx *ctx, struct val v, struct query_request *out);
// "a WHAT has no member NAME", with the nearest of names (all: those as one text).
MUST_USE nacre_status request_unknown(struct ctx *ctx, struct slice name, const char *what,
                                      const char *all, const char *const *names, size_t count);

#endif
