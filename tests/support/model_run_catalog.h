// Indexes, collections and databases of the model test.
#ifndef TESTS_SUPPORT_MODEL_RUN_CATALOG_H
#define TESTS_SUPPORT_MODEL_RUN_CATALOG_H

#include "support/model_random.h"

void run_index(struct run *run); // creates, drops or goes on building one
void run_ddl(struct run *run);   // collections and databases
// Which builds are done: compares with what the documents allow.
void run_sync_indexes(struct run *run);

#endif
