// The past in the model test: what was, kept as photos of the model, against reads as of then,
// while writes and trimming go on; and the versions of documents.
#ifndef TESTS_SUPPORT_MODEL_RUN_PAST_H
#define TESTS_SUPPORT_MODEL_RUN_PAST_H

#include "support/model_run.h"

// Keeps what a collection is now: for the end of a millisecond.
void run_photo(struct run *run);
// A point, a query, a count or an aggregate as of a photo, or its refusal where it is not kept.
void run_past(struct run *run);
void run_versions(struct run *run);
// After a tick: no collection holds more history than its history_bytes.
void run_bounded(struct run *run);
// In between the pages of a read of the past: writes, trimming of what is read, a flush.
void run_meanwhile(struct run *run);

#endif
