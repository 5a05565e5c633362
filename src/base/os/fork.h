// Notices that the process is a forked child of the one that began to watch, without a system call
// each time.
#ifndef BASE_OS_FORK_H
#define BASE_OS_FORK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

// How many forks lie between the process that first called fork_watch and this one.
extern atomic_uint fork_count;

// The count now, for fork_passed.
uint32_t fork_watch(void);

static inline bool fork_passed(uint32_t watched) {
    return atomic_load_explicit(&fork_count, memory_order_relaxed) != watched;
}

#endif
