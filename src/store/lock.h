// A mutex in four bytes: 0 free, 1 held, 2 held with waiters (Drepper, "Futexes Are Tricky", mutex
// 2). Uncontended, it costs one atomic exchange each way. It is made of C11 atomics only, so that
// TSan sees what it orders. Internal to store.
#ifndef STORE_LOCK_H
#define STORE_LOCK_H

#include <linux/futex.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

typedef _Atomic uint32_t store_lock;

static inline void store_lock_wait(store_lock *lock) {
    while (atomic_exchange_explicit(lock, 2, memory_order_acquire) != 0)
        (void)syscall(SYS_futex, lock, FUTEX_WAIT_PRIVATE, 2, NULL, NULL, 0);
}

static inline void store_lock_take(store_lock *lock) {
    uint32_t expected = 0;
    if (__builtin_expect(!atomic_compare_exchange_strong_explicit(
                             lock, &expected, 1, memory_order_acquire, memory_order_relaxed),
                         0))
        store_lock_wait(lock);
}

static inline void store_lock_drop(store_lock *lock) {
    if (__builtin_expect(atomic_exchange_explicit(lock, 0, memory_order_release) == 2, 0))
        (void)syscall(SYS_futex, lock, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

#endif
