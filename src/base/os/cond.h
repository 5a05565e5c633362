// A condition variable, used with a mutex. Wake-ups without a reason happen: wait in a loop.
#ifndef BASE_OS_COND_H
#define BASE_OS_COND_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/os/mutex.h"

struct cond {
    pthread_cond_t pthread;
};

void cond_init(struct cond *cond);
void cond_destroy(struct cond *cond);
void cond_wait(struct cond *cond, struct mutex *held);
// False when timeout_ms have passed (real time, whatever the world's clock says).
bool cond_wait_ms(struct cond *cond, struct mutex *held, uint64_t timeout_ms);
void cond_signal(struct cond *cond);    // wakes one
void cond_broadcast(struct cond *cond); // wakes all

#endif
