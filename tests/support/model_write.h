// What writes do, by the naive model: one operation, or a batch of them.
#ifndef TESTS_SUPPORT_MODEL_WRITE_H
#define TESTS_SUPPORT_MODEL_WRITE_H

#include "support/model_index.h"

enum model_times { MODEL_TIMES_NONE, MODEL_TIMES_RIGHT, MODEL_TIMES_WRONG };

struct model_op {
    enum write_kind kind;
    struct model_id id;
    bool id_unknown;    // the engine makes it: filled in from its answer
    bool id_from_field; // by the collection's primary key
    const char *fields; // put, insert: members of the JSON object but _id, may be ""
    enum patch_kind patch_kind;
    const char *patch; // JSON; of PATCH_JSON {"ops":[…]}
    bool if_absent, if_present, want_document;
    uint32_t version_count;
    uint64_t versions[3];
    uint64_t body_version;  // _version in the body; 0: none
    enum model_times times; // _created and _updated in the body
    const struct naive_cond *cond;
    bool cond_has_regex; // then it is evaluated before everything else
    bool has_ttl;
    uint64_t ttl_seconds;
    bool fenced;
    uint8_t token[ROW_LEASE_TOKEN_SIZE];
    // What the engine answered: used only where the model cannot know (model_index.h's maybe).
    nacre_status answered;
    // Out:
    nacre_status status;
    bool created;
    uint64_t version;
};

void model_write_one(struct model *m, struct model_collection *c, struct model_op *op);
// All or nothing: the failing operation's status, and *failed_op. Items: NACRE_OK.
nacre_status model_write_batch(struct model *m, struct model_collection *c, struct model_op *ops,
                               uint32_t count, bool atomic, uint32_t *failed_op);

// Puts fresh in the place of what has its id: versions, times, indexes, quota. Frees fresh when it
// is refused, and the version before it otherwise. may_collide: the caller knows that the engine
// met a collision that depends on how far a build has come.
nacre_status model_store(struct model *m, struct model_collection *c, struct model_doc *fresh,
                         bool may_collide);

#endif
