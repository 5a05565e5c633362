// Threads, mutexes, condition variables.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <string.h>

#include "base/err/ctx.h"
#include "base/os/cond.h"
#include "base/os/fault.h"
#include "base/os/mutex.h"
#include "base/os/post.h"
#include "base/os/thread.h"

enum { THREADS = 4, TURNS = 2000 };

static struct ctx ctx;
static struct mutex mutex = MUTEX_INIT;
static struct cond changed;
static size_t turns;

static int setup(void **state) {
    (void)state;
    ctx_init(&ctx, &world_system, NULL, 1 << 20);
    cond_init(&changed);
    turns = 0;
    return 0;
}

static int teardown(void **state) {
    (void)state;
    cond_destroy(&changed);
    ctx_free(&ctx);
    return 0;
}

// Each waits for its own turn, so that every wake-up is needed.
static void take_turns(void *arg) {
    size_t me = *(size_t *)arg;
    for (int i = 0; i < TURNS; i++) {
        mutex_lock(&mutex);
        while (turns % THREADS != me)
            cond_wait(&changed, &mutex);
        turns++;
        cond_broadcast(&changed);
        mutex_unlock(&mutex);
    }
}

static void test_turns(void **state) {
    (void)state;
    struct thread threads[THREADS];
    size_t numbers[THREADS];
    for (size_t i = 0; i < THREADS; i++) {
        numbers[i] = i;
        assert_int_equal(thread_start(&ctx, "turns", take_turns, &numbers[i], &threads[i]),
                         NACRE_OK);
    }
    for (size_t i = 0; i < THREADS; i++)
        thread_join(&threads[i]);
    assert_int_equal(turns, THREADS * TURNS);
}

static void test_wait_ends(void **state) {
    (void)state;
    uint64_t before = world_mono_ns(&world_system);
    mutex_lock(&mutex);
    while (cond_wait_ms(&changed, &mutex, 20)) {
    }
    mutex_unlock(&mutex);
    assert_true(world_mono_ns(&world_system) >= before + 20000000);
}

static void signal_once(void *arg) {
    mutex_lock(&mutex);
    *(bool *)arg = true;
    cond_signal(&changed);
    mutex_unlock(&mutex);
}

static void test_wait_without_end_is_woken(void **state) {
    (void)state;
    bool done = false;
    struct thread thread;
    mutex_lock(&mutex);
    assert_int_equal(thread_start(&ctx, "once", signal_once, &done, &thread), NACRE_OK);
    while (!done)
        assert_true(cond_wait_ms(&changed, &mutex, UINT64_MAX));
    mutex_unlock(&mutex);
    thread_join(&thread);
}

struct ping {
    struct post there, back;
};

static void answer_pings(void *arg) {
    struct ping *ping = arg;
    for (uint32_t expected = 1; expected <= 2000; expected++) {
        if (post_wait(&ping->there) != expected) return;
        post_put(&ping->back, expected);
    }
}

// Before and after the other one sleeps, nothing is lost, and values come once.
static void test_posts(void **state) {
    (void)state;
    struct ping ping;
    struct thread thread;
    post_init(&ping.there);
    post_init(&ping.back);
    assert_false(post_there(&ping.back));
    post_put(&ping.back, 7);
    assert_true(post_there(&ping.back));
    assert_int_equal(post_wait(&ping.back), 7);
    assert_int_equal(thread_start(&ctx, "pings", answer_pings, &ping, &thread), NACRE_OK);
    for (uint32_t i = 1; i <= 2000; i++) {
        post_put(&ping.there, i);
        assert_int_equal(post_wait(&ping.back), i);
    }
    thread_join(&thread);
}

static void test_last_post_counts(void **state) {
    (void)state;
    struct post post;
    post_init(&post);
    assert_false(post_leave(&post, 3)); // nobody sleeps
    assert_false(post_leave(&post, 5));
    post_wake(&post);
    assert_int_equal(post_wait(&post), 5);
    assert_false(post_there(&post));
}

static void look_around(void *arg) {
    sigset_t mask;
    pthread_sigmask(SIG_BLOCK, NULL, &mask);
    *(bool *)arg = sigismember(&mask, SIGTERM) == 1;
}

static void test_signals_are_blocked_there_only(void **state) {
    (void)state;
    bool blocked = false;
    struct thread thread;
    assert_int_equal(thread_start(&ctx, "look", look_around, &blocked, &thread), NACRE_OK);
    thread_join(&thread);
    assert_true(blocked);
    sigset_t mask;
    pthread_sigmask(SIG_BLOCK, NULL, &mask);
    assert_int_equal(sigismember(&mask, SIGTERM), 0);
}

static void test_no_more_threads(void **state) {
    (void)state;
    struct thread thread;
    for (int n = 1; n <= 2; n++) {
        fault_arm(FAULT_ALLOC, n, false);
        nacre_status status = thread_start(&ctx, "none", look_around, NULL, &thread);
        fault_disarm(FAULT_ALLOC);
        assert_int_equal(status, NACRE_MEMORY_LIMIT);
    }
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        T(test_turns),           T(test_wait_ends),        T(test_wait_without_end_is_woken),
        T(test_posts),           T(test_last_post_counts), T(test_signals_are_blocked_there_only),
        T(test_no_more_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
