#include "base/os/thread.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/err/check.h"
#include "base/err/err.h"
#include "base/mem/mem.h"
#include "base/os/fault.h"

enum { THREAD_NAME_MAX = 15 };

struct thread_start {
    void (*run)(void *arg);
    void *arg;
};

static void *thread_main(void *p) {
    struct thread_start start = *(struct thread_start *)p;
    mem_free(p);
    start.run(start.arg);
    return NULL;
}

// A new thread inherits the mask of its maker.
static int create_without_signals(pthread_t *out, struct thread_start *start) {
    sigset_t all, before;
    sigfillset(&all);
    CHECK(pthread_sigmask(SIG_SETMASK, &all, &before) == 0);
    int result = fault_hit(FAULT_ALLOC) ? EAGAIN : pthread_create(out, NULL, thread_main, start);
    CHECK(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
    return result;
}

nacre_status thread_start(struct ctx *ctx, const char *name, void (*run)(void *arg), void *arg,
                          struct thread *out) {
    DCHECK(strlen(name) <= THREAD_NAME_MAX);
    struct thread_start *start = mem_alloc(sizeof *start);
    if (!start) return err_nomem(ctx);
    *start = (struct thread_start){.run = run, .arg = arg};
    struct thread thread;
    int result = create_without_signals(&thread.pthread, start);
    if (result) {
        mem_free(start);
        return err_set(ctx, NACRE_MEMORY_LIMIT, "cannot start thread %s: %s", name,
                       result == EAGAIN ? "too many threads or not enough memory" : "refused");
    }
    pthread_setname_np(thread.pthread, name); // a help for people; without it all works
    *out = thread;
    return NACRE_OK;
}

void thread_join(struct thread *thread) { CHECK(pthread_join(thread->pthread, NULL) == 0); }

uint32_t thread_processors(void) {
    long count = sysconf(_SC_NPROCESSORS_ONLN);
    return count > 1 ? (uint32_t)count : 1;
}

int thread_processor(void) { return sched_getcpu(); }
