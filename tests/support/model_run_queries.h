// Queries and counts of the model test, and comparisons of everything.
#ifndef TESTS_SUPPORT_MODEL_RUN_QUERIES_H
#define TESTS_SUPPORT_MODEL_RUN_QUERIES_H

#include "support/model_random.h"

void run_query(struct run *run, struct model_collection *c);
void run_count(struct run *run, struct model_collection *c);
void run_compare(struct run *run); // every document of every collection
void run_check(struct run *run);   // run_compare and engine_check

#endif
