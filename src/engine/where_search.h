// Inside the room: the documents of a change by filter, found chunk by chunk in the order of their
// ids.
#ifndef ENGINE_WHERE_SEARCH_H
#define ENGINE_WHERE_SEARCH_H

#include "engine/where.h"
#include "query/query.h"

struct where_chunk {
    uint32_t count, cap, max;
    struct slice *ids; // typed
    size_t bytes, max_bytes;
    bool last; // nothing matches after it
};

struct where_search {
    struct query_target target; // view NULL: closed
    struct query_request request;
    struct query *query;
    struct buf ahead; // id of a document that was found and is in no chunk yet
    size_t ahead_bytes;
    bool done;
};

// Of view (whose reference it takes), after the document with that typed id (n = 0: from the
// beginning). The filter must outlive it.
MUST_USE nacre_status where_search_open(struct ctx *ctx, struct where_search *search,
                                        const struct query_target *target,
                                        const struct filter *filter, struct slice after);
void where_search_close(struct where_search *search); // fine when it is closed
// The next chunk, in ctx's arena: up to max documents, or max_bytes of them but at least one.
MUST_USE nacre_status where_search_next(struct ctx *ctx, struct where_search *search,
                                        struct where_chunk *chunk);

#endif
