// The change feeds of the model test: every change of every collection, read on from where the last
// reading ended, gives each document's versions one by one and at the end what the model has.
#ifndef TESTS_SUPPORT_MODEL_RUN_FEED_H
#define TESTS_SUPPORT_MODEL_RUN_FEED_H

#include "support/model_run.h"

// What a follower knows of a document.
struct run_known {
    struct model_id id;
    uint64_t version, commit_ms;
    bool live;
};

// Reads the feed of some collection to its end.
void run_feed(struct run *run);
// The change records of commits before ts may go.
void run_trim_changes(struct run *run);
void run_followers_free(struct run *run);

#endif
