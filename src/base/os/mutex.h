// A mutex. Errors of the platform's are misuse (unlocking another's, destroying a held one): CHECK.
#ifndef BASE_OS_MUTEX_H
#define BASE_OS_MUTEX_H

#include <pthread.h>

struct mutex {
    pthread_mutex_t pthread;
};
#define MUTEX_INIT {PTHREAD_MUTEX_INITIALIZER}

void mutex_init(struct mutex *mutex);
void mutex_destroy(struct mutex *mutex);
void mutex_lock(struct mutex *mutex); // not recursive
void mutex_unlock(struct mutex *mutex);

#endif
