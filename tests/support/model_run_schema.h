// Schemas of the model test: given, replaced, taken away, on empty and on filled collections.
#ifndef TESTS_SUPPORT_MODEL_RUN_SCHEMA_H
#define TESTS_SUPPORT_MODEL_RUN_SCHEMA_H

#include "support/model_random.h"

void run_schema(struct run *run);
// That each collection has the schemas, and is changing them, as the model says.
void run_sync_schemas(struct run *run);

#endif
