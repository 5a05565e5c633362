// Isolation. First the checker: histories with a planted fault each, and good ones that look like
// them. Then concurrent clients: serializable transactions show nothing, snapshot ones nothing but
// write skew; also when the process of the clients is killed again and again. NACRE_SEED repeats
// the choices (not the interleaving); NACRE_OPS, NACRE_KILLED_OPS and NACRE_CLIENTS set the size of
// runs.
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/os/world.h"
#include "support/isolation_run.h"
#include "support/lib_fixture.h"

// --- planted faults -------------------------------------------------------------------------

// One step of a planted history; the steps of a transaction stand together.
struct step {
    char what; // [ begins, ] commits, ! aborts, ? asks and is killed; a append, r read, + add, -
               // remove, s scan
    uint32_t object, value; // of [ ] !: the time
    const uint32_t saw[4];
};

struct planted {
    const char *name;
    struct step steps[24];
    bool found[ISO_ANOMALIES];
};

static void play(const struct step *steps, struct iso_history *h) {
    static const char kinds[] = "ar+-s";
    for (; steps->what; steps++) {
        switch (steps->what) {
        case '[':
            iso_begin(h, steps->value, true);
            break;
        case '?':
            iso_ask(h);
            break;
        case ']':
        case '!':
            iso_end(h, steps->value, steps->what == ']');
            break;
        default:
            for (int i = 0; kinds[i]; i++)
                if (steps->what == kinds[i])
                    iso_op(h, (enum iso_kind)i, steps->object, steps->value);
            for (int i = 0; i < 4 && steps->saw[i]; i++)
                iso_saw(h, steps->saw[i]);
        }
    }
}

static const struct planted planted[] = {
    {"one after the other",
     {{'[', 0, 1, {0}},
      {'r', 1, 0, {0}},
      {'a', 1, 1, {0}},
      {']', 0, 2, {0}},
      {'[', 0, 3, {0}},
      {'r', 1, 0, {1}},
      {'a', 1, 2, {0}},
      {'r', 1, 0, {1, 2}},
      {']', 0, 4, {0}},
      {'[', 0, 9, {0}},
      {'r', 1, 0, {1, 2}},
      {']', 0, 10, {0}}},
     {0}},
    {"lost update: both read nothing and write back their own",
     {{'[', 0, 1, {0}},
      {'r', 1, 0, {0}},
      {'a', 1, 1, {0}},
      {']', 0, 4, {0}},
      {'[', 0, 2, {0}},
      {'r', 1, 0, {0}},
      {'a', 1, 2, {0}},
      {']', 0, 5, {0}},
      {'[', 0, 9, {0}},
      {'r', 1, 0, {2}},
      {']', 0, 10, {0}}},
     {[ISO_LOST_WRITE] = true}},
    {"lost update in lists that keep both: the second read what the first had overwritten",
     {{'[', 0, 1, {0}},
      {'r', 1, 0, {0}},
      {'a', 1, 1, {0}},
      {']', 0, 4, {0}},
      {'[', 0, 2, {0}},
      {'r', 1, 0, {0}},
      {'a', 1, 2, {0}},
      {']', 0, 5, {0}},
      {'[', 0, 9, {0}},
      {'r', 1, 0, {1, 2}},
      {']', 0, 10, {0}}},
     {[ISO_CYCLE] = true, [ISO_STALE] = true, [ISO_SNAPSHOT_CYCLE] = true}},
    {"write skew: allowed to snapshots",
     {{'[', 0, 1, {0}},
      {'r', 1, 0, {0}},
      {'a', 2, 1, {0}},
      {']', 0, 4, {0}},
      {'[', 0, 2, {0}},
      {'r', 2, 0, {0}},
      {'a', 1, 2, {0}},
      {']', 0, 5, {0}},
      {'[', 0, 9, {0}},
      {'r', 1, 0, {2}},
      {'r', 2, 0, {1}},
      {']', 0, 10, {0}}},
     {[ISO_CYCLE] = true, [ISO_STALE] = true}},
    {"phantoms: each adds to the group that the other saw without it",
     {{'[', 0, 1, {0}},
      {'s', 1, 0, {0}},
      {'+', 2, 1, {0}},
      {']', 0, 4, {0}},
      {'[', 0, 2, {0}},
      {'s', 2, 0, {0}},
      {'+', 1, 2, {0}},
      {']', 0, 5, {0}},
      {'[', 0, 9, {0}},
      {'s', 1, 0, {2}},
      {'s', 2, 0, {1}},
      {']', 0, 10, {0}}},
     {[ISO_CYCLE] = true, [ISO_STALE] = true}},
    {"a member that left is seen by who does not see the leaver's other write",
     {{'[', 0, 0, {0}},
      {'+', 1, 1, {0}},
      {']', 0, 1, {0}},
      {'[', 0, 2, {0}},
      {'-', 1, 1, {0}},
      {'a', 3, 2, {0}},
      {']', 0, 5, {0}},
      {'[', 0, 3, {0}},
      {'s', 1, 0, {1}},
      {'r', 3, 0, {2}},
      {']', 0, 6, {0}},
      {'[', 0, 9, {0}},
      {'s', 1, 0, {0}},
      {'r', 3, 0, {2}},
      {']', 0, 10, {0}}},
     {[ISO_CYCLE] = true, [ISO_STALE] = true, [ISO_SNAPSHOT_CYCLE] = true}},
    {"fractured read: one half of a transaction",
     {{'[', 0, 1, {0}},
      {'a', 1, 1, {0}},
      {'a', 2, 2, {0}},
      {']', 0, 4, {0}},
      {'[', 0, 2, {0}},
      {'r', 1, 0, {1}},
      {'r', 2, 0, {0}},
      {']', 0, 5, {0}},
      {'[', 0, 9, {0}},
      {'r', 1, 0, {1}},
      {'r', 2, 0, {2}},
      {']', 0, 10, {0}}},
     {[ISO_CYCLE] = true, [ISO_STALE] = true, [ISO_SNAPSHOT_CYCLE] = true}},
    {"intermediate read: between two appends of one transaction",
     {{'[', 0, 1, {0}},
      {'a', 1, 1, {0}},
      {'a', 1, 2, {0}},
      {']', 0, 4, {0}},
      {'[', 0, 2, {0}},
      {'r', 1, 0, {1}},
      {']', 0, 5, {0}},
      {'[', 0, 9, {0}},
      {'r', 1, 0, {1, 2}},
      {']', 0, 10, {0}}},
     {[ISO_CYCLE] = true, [ISO_STALE] = true, [ISO_SNAPSHOT_CYCLE] = true}},
    {"stale read: begun after the answer, and did not see it",
     {{'[', 0, 1, {0}},
      {'a', 1, 1, {0}},
      {']', 0, 2, {0}},
      {'[', 0, 3, {0}},
      {'r', 1, 0, {0}},
      {']', 0, 4, {0}},
      {'[', 0, 9, {0}},
      {'r', 1, 0, {1}},
      {']', 0, 10, {0}}},
     {[ISO_STALE] = true, [ISO_SNAPSHOT_CYCLE] = true}},
    {"the same, begun before the answer: allowed",
     {{'[', 0, 1, {0}},
      {'a', 1, 1, {0}},
      {']', 0, 3, {0}},
      {'[', 0, 2, {0}},
      {'r', 1, 0, {0}},
      {']', 0, 4, {0}},
      {'[', 0, 9, {0}},
      {'r', 1, 0, {1}},
      {']', 0, 10, {0}}},
     {0}},
    {"aborted read",
     {{'[', 0, 1, {0}},
      {'a', 1, 1, {0}},
      {'!', 0, 4, {0}},
      {'[', 0, 2, {0}},
      {'r', 1, 0, {1}},
      {']', 0, 5, {0}},
      {'[', 0, 9, {0}},
      {'r', 1, 0, {0}},
      {']', 0, 10, {0}}},
     {[ISO_ABORTED_READ] = true}},
    {"aborted member",
     {{'[', 0, 1, {0}},
      {'+', 1, 1, {0}},
      {'!', 0, 4, {0}},
      {'[', 0, 2, {0}},
      {'s', 1, 0, {1}},
      {']', 0, 5, {0}},
      {'[', 0, 9, {0}},
      {'s', 1, 0, {0}},
      {']', 0, 10, {0}}},
     {[ISO_ABORTED_READ] = true}},
    {"lost write",
     {{'[', 0, 1, {0}},
      {'+', 1, 1, {0}},
      {']', 0, 4, {0}},
      {'[', 0, 9, {0}},
      {'s', 1, 0, {0}},
      {']', 0, 10, {0}}},
     {[ISO_LOST_WRITE] = true, [ISO_STALE] = true, [ISO_SNAPSHOT_CYCLE] = true}},
    {"forked order",
     {{'[', 0, 1, {0}},
      {'a', 1, 1, {0}},
      {']', 0, 5, {0}},
      {'[', 0, 1, {0}},
      {'a', 1, 2, {0}},
      {']', 0, 5, {0}},
      {'[', 0, 1, {0}},
      {'r', 1, 0, {2}},
      {']', 0, 5, {0}},
      {'[', 0, 9, {0}},
      {'r', 1, 0, {1, 2}},
      {']', 0, 10, {0}}},
     {[ISO_FORKED_ORDER] = true}},
    {"its own append unread",
     {{'[', 0, 1, {0}},
      {'a', 1, 1, {0}},
      {'r', 1, 0, {0}},
      {']', 0, 5, {0}},
      {'[', 0, 9, {0}},
      {'r', 1, 0, {1}},
      {']', 0, 10, {0}}},
     {[ISO_OWN_WRITE] = true}},
    {"its own member unseen",
     {{'[', 0, 1, {0}},
      {'+', 1, 1, {0}},
      {'s', 1, 0, {0}},
      {']', 0, 5, {0}},
      {'[', 0, 9, {0}},
      {'s', 1, 0, {1}},
      {']', 0, 10, {0}}},
     {[ISO_OWN_WRITE] = true}},
};

static void the_checker_finds_what_was_planted(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof planted / sizeof *planted; i++) {
        struct iso_history h = {0};
        struct iso_report report;
        play(planted[i].steps, &h);
        iso_check(&h, &report);
        for (int a = 0; a < ISO_ANOMALIES; a++)
            if ((report.found[a] != 0) != planted[i].found[a])
                fail_msg("%s: %s %s", planted[i].name, iso_anomaly_name((enum iso_anomaly)a),
                         report.found[a] ? "found" : "not found");
        iso_history_free(&h);
    }
}

// --- the database ---------------------------------------------------------------------------

static uint64_t number(const char *name, uint64_t otherwise) {
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 10) : otherwise;
}

static void judge(const struct iso_history *h, bool serializable) {
    struct iso_report report;
    iso_check(h, &report);
    printf("isolation %s: %" PRIu64 " operations, %" PRIu64 " transactions committed, %" PRIu64
           " not, %" PRIu64 " dependencies; in cycles: %" PRIu64 "; found first: %s\n",
           serializable ? "serializable" : "snapshot", report.operations, report.committed,
           report.aborted, report.dependencies, report.found[ISO_CYCLE],
           report.first[0] ? report.first : "nothing");
    for (int a = 0; a < ISO_ANOMALIES; a++) {
        bool allowed = !serializable && (a == ISO_CYCLE || a == ISO_STALE);
        if (report.found[a] && !allowed)
            fail_msg("%s: %" PRIu64 "; %s", iso_anomaly_name((enum iso_anomaly)a), report.found[a],
                     report.first);
    }
}

static void must_be_sound(struct lib_fixture *f) {
    uint64_t problems = 1;
    LIB_OK(f, nacre_check(f->s, NULL, NULL, &problems));
    assert_int_equal(problems, 0);
}

// Clients that are killed again and again.
static void run_killed(nacre_isolation isolation) {
    struct lib_fixture f;
    struct iso_history h = {0};
    char text[512];
    uint64_t seed;
    bool serializable = isolation == NACRE_ISOLATION_SERIALIZABLE;
    world_random(&world_system, &seed, sizeof seed);
    seed = number("NACRE_SEED", seed);
    lib_fixture_open(&f);
    nacre_session_close(f.s);
    assert_int_equal(nacre_close(f.db, NULL), NACRE_OK);
    f.options.error = NULL;
    struct iso_kills kills = {.dir = f.dir, .memory_bytes = f.options.memory_bytes};
    struct iso_run how = {.seed = seed,
                          .operations = number("NACRE_KILLED_OPS", 6000),
                          .clients = (uint32_t)number("NACRE_CLIENTS", 8),
                          .isolation = isolation};
    printf("NACRE_SEED=%" PRIu64 "\n", seed);
    if (!iso_run_killed(&how, &kills, &h, text)) fail_msg("%s", text);
    printf("%u kills; %u transactions were not answered, %u of them are committed\n", kills.kills,
           kills.unknown, kills.unknown_committed);
    judge(&h, serializable);
    iso_history_free(&h);
    assert_int_equal(nacre_open(f.dir, &f.options, &f.db), NACRE_OK);
    assert_int_equal(nacre_session_open(f.db, &f.s), NACRE_OK);
    must_be_sound(&f);
    lib_fixture_close(&f);
}

static void run(nacre_isolation isolation) {
    struct lib_fixture f;
    struct iso_history h = {0};
    char text[512];
    uint64_t seed;
    bool serializable = isolation == NACRE_ISOLATION_SERIALIZABLE;
    world_random(&world_system, &seed, sizeof seed);
    seed = number("NACRE_SEED", seed);
    lib_fixture_open(&f);
    struct iso_run how = {.db = f.db,
                          .seed = seed,
                          .operations = number("NACRE_OPS", 12000),
                          .clients = (uint32_t)number("NACRE_CLIENTS", 8),
                          .isolation = isolation};
    printf("NACRE_SEED=%" PRIu64 "\n", seed);
    if (!iso_run(&how, &h, text)) fail_msg("%s", text);
    judge(&h, serializable);
    iso_history_free(&h);
    must_be_sound(&f);
    lib_fixture_close(&f);
}

static void serializable_transactions(void **state) {
    (void)state;
    run(NACRE_ISOLATION_SERIALIZABLE);
}

static void snapshot_transactions(void **state) {
    (void)state;
    run(NACRE_ISOLATION_SNAPSHOT);
}

static void killed_transactions(void **state) {
    (void)state;
    run_killed(NACRE_ISOLATION_SERIALIZABLE);
    run_killed(NACRE_ISOLATION_SNAPSHOT);
}

// What nobody answered counts as committed if its writes show.
static void unknown_outcomes_are_settled(void **state) {
    static const struct step steps[] = {
        {'[', 0, 1, {0}}, {'a', 1, 1, {0}}, {'?', 0, 0, {0}}, // seen by the last
        {'[', 0, 1, {0}}, {'a', 1, 2, {0}}, {'?', 0, 0, {0}}, // never seen
        {'[', 0, 1, {0}}, {'+', 2, 3, {0}}, {']', 0, 2, {0}}, //
        {'[', 0, 3, {0}}, {'s', 2, 0, {3}}, {'-', 2, 3, {0}}, //
        {'?', 0, 0, {0}},                                     // it must have been
        {'[', 0, 3, {0}}, {'r', 1, 0, {1}}, {'?', 0, 0, {0}}, // read only
        {'[', 0, 1, {0}}, {'+', 2, 4, {0}}, {']', 0, 2, {0}}, //
        {'[', 0, 3, {0}}, {'s', 2, 0, {4}}, {'-', 2, 4, {0}}, //
        {'+', 2, 5, {0}}, {'-', 2, 5, {0}}, {'?', 0, 0, {0}}, // must: what it added shows nowhere
        {'[', 0, 3, {0}}, {'+', 2, 6, {0}}, {'-', 2, 6, {0}}, //
        {'?', 0, 0, {0}},                                     // it shows in no way
        {'[', 0, 9, {0}}, {'r', 1, 0, {1}}, {'s', 2, 0, {0}}, {']', 0, 10, {0}}, {0}};
    struct iso_history h = {0};
    struct iso_report report;
    uint32_t committed;
    (void)state;
    play(steps, &h);
    assert_int_equal(iso_settle(&h, &committed), 6);
    assert_int_equal(committed, 3);
    assert_true(h.txns[0].committed && !h.txns[1].committed && h.txns[3].committed);
    assert_true(h.txns[6].committed && !h.txns[7].committed);
    iso_check(&h, &report);
    assert_string_equal(report.first, "");
    iso_history_free(&h);
}

int main(int argc, char **argv) {
    if (argc == 3 && strcmp(argv[1], "worker") == 0) return iso_worker(argv[2]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_checker_finds_what_was_planted),
        cmocka_unit_test(unknown_outcomes_are_settled),
        cmocka_unit_test(serializable_transactions),
        cmocka_unit_test(snapshot_transactions),
        cmocka_unit_test(killed_transactions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
