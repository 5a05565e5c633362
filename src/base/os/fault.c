#include "base/os/fault.h"

// A countdown of FAULT_ALWAYS: every call fails.
enum { FAULT_ALWAYS = -1 };

atomic_llong fault_countdown[FAULT_KINDS];
static atomic_bool fault_sticky[FAULT_KINDS], fault_has_fired[FAULT_KINDS];

void fault_arm(enum fault_kind kind, int64_t nth, bool sticky) {
    atomic_store(&fault_countdown[kind], 0);
    atomic_store(&fault_has_fired[kind], false);
    atomic_store(&fault_sticky[kind], sticky);
    atomic_store(&fault_countdown[kind], nth > 0 ? nth : 0);
}

void fault_disarm(enum fault_kind kind) { atomic_store(&fault_countdown[kind], 0); }

bool fault_fired(enum fault_kind kind) { return atomic_load(&fault_has_fired[kind]); }

bool fault_hit_slow(enum fault_kind kind) {
    long long left = atomic_load(&fault_countdown[kind]);
    for (;;) {
        if (left <= 0) return left == FAULT_ALWAYS; // 0: another thread was here
        long long after = left > 1 ? left - 1 : atomic_load(&fault_sticky[kind]) ? FAULT_ALWAYS : 0;
        if (!atomic_compare_exchange_weak(&fault_countdown[kind], &left, after)) continue;
        if (left > 1) return false;
        atomic_store(&fault_has_fired[kind], true);
        return true;
    }
}
