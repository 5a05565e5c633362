// The world (clock, randomness, UUIDs) and fault points.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <string.h>
#include <time.h>

#include "base/os/fault.h"
#include "base/os/world.h"

static uint64_t real_ms(void) {
    struct timespec now;
    assert_int_equal(clock_gettime(CLOCK_REALTIME, &now), 0);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void test_system_clocks(void **state) {
    (void)state;
    uint64_t before = real_ms(), wall = world_wall_ms(&world_system), after = real_ms();
    uint64_t mono = world_mono_ns(&world_system);
    assert_true(before <= wall && wall <= after);
    struct timespec pause = {.tv_nsec = 3000000};
    nanosleep(&pause, NULL);
    assert_true(world_mono_ns(&world_system) >= mono + 3000000);
    assert_true(world_wall_ms(&world_system) >= wall + 2);
}

static void test_system_random(void **state) {
    (void)state;
    uint8_t a[1000] = {0}, b[1000] = {0};
    world_random(&world_system, a, sizeof a);
    world_random(&world_system, b, sizeof b);
    assert_memory_not_equal(a, b, sizeof a);
    assert_memory_not_equal(a + 900, b + 900, 100);
    world_random(&world_system, a, 0);
}

static void test_model(void **state) {
    (void)state;
    struct world_model m, same;
    world_model_init(&m, 5);
    world_model_init(&same, 5);
    uint64_t wall = world_wall_ms(&m.world), mono = world_mono_ns(&m.world);
    assert_true(world_wall_ms(&m.world) == wall);
    world_model_advance(&m, 1500);
    assert_true(world_wall_ms(&m.world) == wall + 1500);
    assert_true(world_mono_ns(&m.world) == mono + 1500000000);
    uint8_t a[21], b[21];
    world_random(&m.world, a, sizeof a);
    world_random(&same.world, b, sizeof b);
    assert_memory_equal(a, b, sizeof a);
    char u[37], v[37];
    world_model_init(&m, 6);
    world_model_init(&same, 6);
    world_uuid7(&m.world, u);
    world_uuid7(&same.world, v);
    assert_string_equal(u, v); // a simulation gives the same ids again, whatever ran before it
}

static void check_uuid(const char *u) {
    assert_int_equal(strlen(u), 36);
    for (size_t i = 0; i < 36; i++)
        if (i == 8 || i == 13 || i == 18 || i == 23)
            assert_int_equal(u[i], '-');
        else
            assert_non_null(strchr("0123456789abcdef", u[i]));
    assert_int_equal(u[14], '7');
    assert_non_null(strchr("89ab", u[19]));
}

static void test_uuid_time_and_order(void **state) {
    (void)state;
    struct world_model m;
    world_model_init(&m, 9);
    m.wall_ms = 0x017F22E279B0; // RFC 9562 appendix A.6
    char last[37], u[37];
    world_uuid7(&m.world, last);
    check_uuid(last);
    assert_memory_equal(last, "017f22e2-79b0-7", 15);
    // The clock stands still for longer than the counter lasts, then goes back.
    for (int i = 0; i < 20000; i++) {
        if (i == 10000) m.wall_ms -= 60000;
        world_uuid7(&m.world, u);
        check_uuid(u);
        assert_true(strcmp(last, u) < 0);
        memcpy(last, u, sizeof u);
    }
    world_model_advance(&m, 120000);
    world_uuid7(&m.world, u);
    assert_memory_equal(u, "017f22e3-6410-7", 15); // + 60 s
}

enum { THREADS = 4, UUIDS = 5000 };

static void *make_uuids(void *arg) {
    uint64_t *stamps = arg;
    char u[37];
    for (int i = 0; i < UUIDS; i++) {
        world_uuid7(&world_system, u);
        uint64_t stamp = 0;
        for (size_t at = 0; at < 18; at++) {
            if (u[at] == '-' || at == 14) continue;
            stamp = stamp << 4 | (uint64_t)(u[at] <= '9' ? u[at] - '0' : u[at] - 'a' + 10);
        }
        if (i && stamp <= stamps[i - 1]) return arg;
        stamps[i] = stamp;
    }
    return NULL;
}

static uint64_t stamps[THREADS][UUIDS];

static void test_uuid_threads(void **state) {
    (void)state;
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, make_uuids, stamps[i]), 0);
    for (size_t i = 0; i < THREADS; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    // Each thread's are in order, so a merge finds any that two threads were both given.
    size_t at[THREADS] = {0};
    for (uint64_t last = 0, i = 0; i < THREADS * UUIDS; i++) {
        size_t least = THREADS;
        for (size_t t = 0; t < THREADS; t++)
            if (at[t] < UUIDS && (least == THREADS || stamps[t][at[t]] < stamps[least][at[least]]))
                least = t;
        uint64_t stamp = stamps[least][at[least]++];
        assert_true(stamp > last);
        last = stamp;
    }
}

static void test_fault_once(void **state) {
    (void)state;
    assert_false(fault_hit(FAULT_IO));
    fault_arm(FAULT_IO, 3, false);
    assert_false(fault_hit(FAULT_IO));
    assert_false(fault_hit(FAULT_ALLOC)); // kinds are apart
    assert_false(fault_hit(FAULT_IO));
    assert_false(fault_fired(FAULT_IO));
    assert_true(fault_hit(FAULT_IO));
    assert_true(fault_fired(FAULT_IO));
    for (int i = 0; i < 10; i++)
        assert_false(fault_hit(FAULT_IO));
    fault_disarm(FAULT_IO);
    assert_true(fault_fired(FAULT_IO));
    fault_arm(FAULT_IO, 1, false);
    assert_false(fault_fired(FAULT_IO));
    fault_disarm(FAULT_IO);
    assert_false(fault_hit(FAULT_IO));
    assert_false(fault_fired(FAULT_IO));
}

static void test_fault_sticky(void **state) {
    (void)state;
    fault_arm(FAULT_IO, 2, true);
    assert_false(fault_hit(FAULT_IO));
    for (int i = 0; i < 10; i++)
        assert_true(fault_hit(FAULT_IO));
    fault_disarm(FAULT_IO);
    assert_false(fault_hit(FAULT_IO));
    fault_arm(FAULT_IO, 0, true); // off
    assert_false(fault_hit(FAULT_IO));
}

static void *count_hits(void *arg) {
    size_t *hits = arg;
    for (int i = 0; i < 10000; i++)
        *hits += fault_hit(FAULT_IO);
    return NULL;
}

static void test_fault_fails_one_call_of_all_threads(void **state) {
    (void)state;
    pthread_t threads[THREADS];
    size_t hits[THREADS] = {0}, all = 0;
    fault_arm(FAULT_IO, 25000, false);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count_hits, &hits[i]), 0);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (size_t i = 0; i < THREADS; i++)
        all += hits[i];
    assert_int_equal(all, 1);
    fault_disarm(FAULT_IO);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_system_clocks),
        cmocka_unit_test(test_system_random),
        cmocka_unit_test(test_model),
        cmocka_unit_test(test_uuid_time_and_order),
        cmocka_unit_test(test_uuid_threads),
        cmocka_unit_test(test_fault_once),
        cmocka_unit_test(test_fault_sticky),
        cmocka_unit_test(test_fault_fails_one_call_of_all_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
