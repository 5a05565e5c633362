// Threads. Signals are blocked in them: they belong to the program that Nacre is part of.
#ifndef BASE_OS_THREAD_H
#define BASE_OS_THREAD_H

#include <pthread.h>
#include <stdint.h>

#include "base/err/status.h"

struct ctx;

struct thread {
    pthread_t pthread;
};

// Runs run(arg) in a new thread. name: at most 15 characters, seen in debuggers and in top. arg
// must live until thread_join. NACRE_MEMORY_LIMIT if there can be no more threads.
MUST_USE nacre_status thread_start(struct ctx *ctx, const char *name, void (*run)(void *arg),
                                   void *arg, struct thread *out);
void thread_join(struct thread *thread); // once per thread_start
uint32_t thread_processors(void);        // that are online; at least 1
int thread_processor(void); // the one that runs the caller just now; negative: not known

#endif
