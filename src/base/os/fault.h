// Fault points for torture tests: the n-th allocation or the n-th I/O call fails. One relaxed load
// when off.
#ifndef BASE_OS_FAULT_H
#define BASE_OS_FAULT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum fault_kind { FAULT_ALLOC, FAULT_IO, FAULT_KINDS };

extern atomic_llong fault_countdown[FAULT_KINDS]; // 0 = off; n = the n-th call from now fails

// After the n-th call failed, all later ones fail too if sticky, else none.
void fault_arm(enum fault_kind kind, int64_t nth, bool sticky);
void fault_disarm(enum fault_kind kind);
// Whether a call failed since fault_arm (also after fault_disarm); tells a torture loop when n has
// passed the end of the scenario.
bool fault_fired(enum fault_kind kind);
bool fault_hit_slow(enum fault_kind kind);

static inline bool fault_hit(enum fault_kind kind) {
    long long left = atomic_load_explicit(&fault_countdown[kind], memory_order_relaxed);
    if (__builtin_expect(left == 0, 1)) return false;
    return fault_hit_slow(kind);
}

#endif
