#include "base/os/fork.h"

#include <pthread.h>

atomic_uint fork_count;

static void note(void) { atomic_fetch_add(&fork_count, 1); }

static void watch(void) { (void)pthread_atfork(NULL, NULL, note); }

uint32_t fork_watch(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, watch);
    return atomic_load(&fork_count);
}
