#include "base/os/mutex.h"

#include "base/err/check.h"

void mutex_init(struct mutex *mutex) { CHECK(pthread_mutex_init(&mutex->pthread, NULL) == 0); }

void mutex_destroy(struct mutex *mutex) { CHECK(pthread_mutex_destroy(&mutex->pthread) == 0); }

void mutex_lock(struct mutex *mutex) { CHECK(pthread_mutex_lock(&mutex->pthread) == 0); }

void mutex_unlock(struct mutex *mutex) { CHECK(pthread_mutex_unlock(&mutex->pthread) == 0); }
