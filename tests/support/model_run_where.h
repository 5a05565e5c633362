// Changes by filter in the model test.
#ifndef TESTS_SUPPORT_MODEL_RUN_WHERE_H
#define TESTS_SUPPORT_MODEL_RUN_WHERE_H

#include "support/model_random.h"

void run_where(struct run *run);

#endif
