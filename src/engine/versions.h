// The kept versions of one document, newest first: what a read as of some time that is still kept
// would give, deletions included.
#ifndef ENGINE_VERSIONS_H
#define ENGINE_VERSIONS_H

#include "engine/engine.h"
#include "txn/feed.h"

struct engine_version {
    uint64_t version, begin_ts;
    enum change_op op;
    const struct row *document; // until the next call; NULL: deleted
};

struct engine_versions;

// Of a collection without history the current one alone. NACRE_DOCUMENT_NOT_FOUND: none is kept.
// collection as for engine_get. Another ctx may be used in each call.
MUST_USE nacre_status engine_versions_open(struct ctx *ctx, struct engine *engine,
                                           struct engine_collection *collection, struct val id,
                                           struct engine_versions **out);
MUST_USE nacre_status engine_versions_next(struct ctx *ctx, struct engine_versions *versions,
                                           struct engine_version *out, bool *found);
void engine_versions_close(struct engine_versions *versions); // accepts NULL

#endif
