// Threads of the demo. The room may not use base, whose threads the library has.
#include <pthread.h>

#include "cli/demo.h"

enum { THREADS_MAX = 64 };

bool demo_threads_run(void *(*work)(void *), void *arguments, size_t size, unsigned count) {
    pthread_t threads[THREADS_MAX];
    unsigned started = 0;
    while (started < count && started < THREADS_MAX &&
           pthread_create(&threads[started], NULL, work, (char *)arguments + started * size) == 0)
        started++;
    for (unsigned i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    return started == count;
}
