// Writes, batches and point reads of the model test.
#ifndef TESTS_SUPPORT_MODEL_RUN_WRITES_H
#define TESTS_SUPPORT_MODEL_RUN_WRITES_H

#include "support/model_random.h"

void run_write(struct run *run);
void run_batch(struct run *run);
void run_get(struct run *run, struct model_collection *c);
// Compares what the engine has of a document with the model's.
void run_compare_row(struct run *run, const struct row *row, const struct model_doc *doc);

#endif
