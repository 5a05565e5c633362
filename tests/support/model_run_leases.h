// Claims, leases and time of the model test.
#ifndef TESTS_SUPPORT_MODEL_RUN_LEASES_H
#define TESTS_SUPPORT_MODEL_RUN_LEASES_H

#include "support/model_random.h"

void run_claim(struct run *run);
void run_lease(struct run *run); // release or extend
void run_time(struct run *run);  // the clock goes on, mostly with a round of background work
void run_tick(struct run *run);
void run_ticked(struct run *run); // in the model: the engine has done such a round by itself

#endif
