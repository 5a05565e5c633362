// A word that one thread sleeps on until another posts a value: one futex, no mutex. Posting makes
// no system call when nobody sleeps. One sleeper at a time.
#ifndef BASE_OS_POST_H
#define BASE_OS_POST_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { POST_NOTHING = 0 };

struct post {
    _Atomic uint32_t word;
};

// Before anybody else knows it.
void post_init(struct post *post);
// Whether there is a value; only for who waits on it.
bool post_there(const struct post *post);
// Sleeps until there is a value, takes it and returns it.
uint32_t post_wait(struct post *post);
// value: 1..2^31 - 1. What the poster wrote before is seen by the one that waits. The post may be
// gone when this returns: the sleeper owns it again. Of several values that were not taken yet the
// last one counts.
void post_put(struct post *post, uint32_t value);
// The same in two steps, so that the system call can be made outside of a lock: true asks for
// post_wake. By then the address may belong to somebody else: the wake-up finds nobody, or one that
// sleeps on a futex there and looks again.
bool post_leave(struct post *post, uint32_t value);
void post_wake(struct post *post);

#endif
