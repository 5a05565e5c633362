#include "base/os/post.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/err/check.h"

enum { POST_SLEEPS = 1u << 31 };

void post_init(struct post *post) { atomic_init(&post->word, POST_NOTHING); }

bool post_there(const struct post *post) {
    return atomic_load_explicit(&post->word, memory_order_relaxed) != POST_NOTHING;
}

uint32_t post_wait(struct post *post) {
    uint32_t seen = POST_NOTHING;
    (void)atomic_compare_exchange_strong_explicit(&post->word, &seen, (uint32_t)POST_SLEEPS,
                                                  memory_order_acquire, memory_order_acquire);
    if (seen == POST_NOTHING) seen = POST_SLEEPS;
    // The kernel looks again at the word; a wake-up without a reason only looks here.
    while (seen == POST_SLEEPS) {
        (void)syscall(SYS_futex, &post->word, FUTEX_WAIT_PRIVATE, POST_SLEEPS, NULL, NULL, 0);
        seen = atomic_load_explicit(&post->word, memory_order_acquire);
    }
    return atomic_exchange_explicit(&post->word, POST_NOTHING, memory_order_acquire);
}

bool post_leave(struct post *post, uint32_t value) {
    DCHECK(value != POST_NOTHING && value < POST_SLEEPS);
    return atomic_exchange_explicit(&post->word, value, memory_order_acq_rel) == POST_SLEEPS;
}

void post_wake(struct post *post) {
    (void)syscall(SYS_futex, &post->word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

void post_put(struct post *post, uint32_t value) {
    if (post_leave(post, value)) post_wake(post);
}
