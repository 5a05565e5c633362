#include "base/os/cond.h"

#include <errno.h>
#include <time.h>

#include "base/err/check.h"

enum { COND_MS_MAX = 1000000000 }; // 11 days: as good as for ever, and its sums cannot overflow

// On the monotonic clock: setting the wall clock makes no wait longer.
void cond_init(struct cond *cond) {
    pthread_condattr_t attr;
    CHECK(pthread_condattr_init(&attr) == 0);
    CHECK(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0);
    CHECK(pthread_cond_init(&cond->pthread, &attr) == 0);
    pthread_condattr_destroy(&attr);
}

void cond_destroy(struct cond *cond) { CHECK(pthread_cond_destroy(&cond->pthread) == 0); }

void cond_wait(struct cond *cond, struct mutex *held) {
    CHECK(pthread_cond_wait(&cond->pthread, &held->pthread) == 0);
}

bool cond_wait_ms(struct cond *cond, struct mutex *held, uint64_t timeout_ms) {
    struct timespec until;
    if (timeout_ms > COND_MS_MAX) timeout_ms = COND_MS_MAX;
    CHECK(clock_gettime(CLOCK_MONOTONIC, &until) == 0);
    uint64_t ns = (uint64_t)until.tv_nsec + timeout_ms % 1000 * 1000000;
    until.tv_sec += (time_t)(timeout_ms / 1000 + ns / 1000000000);
    until.tv_nsec = (long)(ns % 1000000000);
    int result = pthread_cond_timedwait(&cond->pthread, &held->pthread, &until);
    CHECK(result == 0 || result == ETIMEDOUT);
    return result == 0;
}

void cond_signal(struct cond *cond) { CHECK(pthread_cond_signal(&cond->pthread) == 0); }

void cond_broadcast(struct cond *cond) { CHECK(pthread_cond_broadcast(&cond->pthread) == 0); }
