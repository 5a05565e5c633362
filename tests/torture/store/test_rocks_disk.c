// RocksDB under a disk that fails and under power cuts: each file call of RocksDB itself fails in
// turn, and what a cut may have left at any place is opened and compared with what was acknowledged
// as flushed. The store's own process is this file, run again with LD_PRELOAD.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/ds/rng.h"
#include "base/os/file.h"
#include "support/faulty.h"
#include "support/kv_stand.h"
#include "support/powerloss.h"

void faultio_mark(uint64_t value) __attribute__((weak));

enum { ROUNDS = 6, KEYS = 40, EXIT_ERROR = 1, EXIT_WRONG = 2, EXIT_NO_OPEN = 3 };

static struct kv_rocks_options options_of(void) {
    return (struct kv_rocks_options){
        .create = true, .cache_bytes = 1 << 20, .write_buffer_bytes = 1 << 20};
}

// Round r: every key of every family gets the value r, and the range of round r - 2 goes and comes.
static nacre_status write_round(struct kv *kv, struct ctx *ctx, uint64_t round) {
    struct kv_batch batch;
    kv_batch_init(&batch, NULL, 1 << 20);
    for (int i = 0; i < KEYS * KV_FAMILIES; i++) {
        uint8_t value[600];
        char key[16];
        memset(value, (int)round, sizeof value);
        (void)snprintf(key, sizeof key, "key%03d", i / KV_FAMILIES);
        enum kv_family family = (enum kv_family)(i % KV_FAMILIES);
        kv_batch_delete_range(&batch, family, slice_str(key), SLICE_LIT("key9"));
        kv_batch_put(&batch, family, slice_str(key), slice_of(value, sizeof value));
    }
    nacre_status status = kv->ops->write(kv, ctx, &batch);
    kv_batch_free(&batch);
    return status;
}

// The round whose values all keys have; 0 if there are none; EXIT_WRONG rounds mixed: -1; error:
// -2.
static int round_of(struct kv *kv, struct ctx *ctx) {
    int round = -3;
    for (int i = 0; i < KEYS * KV_FAMILIES; i++) {
        char key[16];
        struct kv_pin pin;
        bool found;
        (void)snprintf(key, sizeof key, "key%03d", i / KV_FAMILIES);
        if (kv->ops->get(kv, ctx, NULL, (enum kv_family)(i % KV_FAMILIES), slice_str(key), &pin,
                         &found) != NACRE_OK)
            return -2;
        int got = found && pin.value.n == 600 ? pin.value.p[599] : 0;
        if (found) kv->ops->unpin(kv, &pin);
        if (round == -3) round = got;
        if (round != got) return -1;
    }
    return round;
}

static void mark(uint64_t value) {
    if (faultio_mark) faultio_mark(value);
}

static int report(const struct ctx *ctx, const char *what) {
    if (getenv("NACRE_VERBOSE")) (void)fprintf(stderr, "%s: %s\n", what, ctx->err.detail);
    return EXIT_ERROR;
}

// ROUNDS rounds, each flushed but the last; the store is opened anew after every second. Writes the
// last round acknowledged as flushed into the file ack. Once an error was met, later writes must
// fail.
static int work(const char *db, const char *ack) {
    struct ctx ctx;
    ctx_init(&ctx, &world_system, NULL, 1 << 20);
    struct kv_rocks_options options = options_of();
    struct kv *kv = NULL;
    FILE *f = fopen(ack, "w");
    for (uint64_t round = 1; round <= ROUNDS; round++) {
        if (!kv && kv_rocks_open(&ctx, db, &options, &kv) != NACRE_OK) return report(&ctx, "open");
        nacre_status status = write_round(kv, &ctx, round);
        if (status == NACRE_OK) status = kv->ops->flush(kv, &ctx);
        if (status != NACRE_OK) {
            (void)report(&ctx, "flush");
            bool stopped = write_round(kv, &ctx, 99) != NACRE_OK;
            kv->ops->close(kv);
            return stopped ? EXIT_ERROR : EXIT_WRONG;
        }
        mark(round);
        rewind(f);
        (void)fprintf(f, "%d\n", (int)round);
        (void)fflush(f);
        if (round % 2) continue;
        kv->ops->close(kv);
        kv = NULL;
    }
    if (kv_rocks_open(&ctx, db, &options, &kv) != NACRE_OK) return report(&ctx, "open");
    (void)write_round(kv, &ctx, ROUNDS + 1); // never flushed
    kv->ops->close(kv);
    return 0;
}

// In a child: opens the store as it is, and exits with 10 + the round that it holds.
static int look(const char *db) {
    (void)fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        struct ctx ctx;
        struct kv *kv = NULL;
        struct kv_rocks_options options = options_of();
        (void)alarm(30);
        ctx_init(&ctx, &world_system, NULL, 1 << 20);
        if (kv_rocks_open(&ctx, db, &options, &kv) != NACRE_OK) {
            (void)fprintf(stderr, "open: %s\n", ctx.err.detail);
            _exit(EXIT_NO_OPEN);
        }
        int round = round_of(kv, &ctx);
        if (round < 0) (void)fprintf(stderr, "round %d: %s\n", round, ctx.err.detail);
        kv->ops->close(kv);
        _exit(round < 0 ? EXIT_WRONG : 10 + round);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
}

struct scene {
    struct ctx ctx;
    char dir[256], work[300], db[320], ack[300], count[300], trace[300], out[300];
};

static int set_up(void **state) {
    static struct scene s;
    *state = &s;
    ctx_init(&s.ctx, &world_system, NULL, 1 << 20);
    kv_stand_scratch(s.dir);
    (void)snprintf(s.work, sizeof s.work, "%s/work", s.dir);
    (void)snprintf(s.db, sizeof s.db, "%s/db", s.work);
    (void)snprintf(s.ack, sizeof s.ack, "%s/ack", s.dir);
    (void)snprintf(s.count, sizeof s.count, "%s/count", s.dir);
    (void)snprintf(s.trace, sizeof s.trace, "%s/trace", s.dir);
    (void)snprintf(s.out, sizeof s.out, "%s/out", s.dir);
    return mkdir(s.work, 0700);
}

static int tear_down(void **state) {
    struct scene *s = *state;
    assert_int_equal(dir_remove_all(&s->ctx, s->dir), NACRE_OK);
    ctx_free(&s->ctx);
    return 0;
}

static long number_in(const char *path) {
    long n = 0;
    FILE *f = fopen(path, "r");
    if (!f) return 0;
    if (fscanf(f, "%ld", &n) != 1) n = 0;
    (void)fclose(f);
    return n;
}

static void clear(struct scene *s) {
    assert_int_equal(dir_remove_all(&s->ctx, s->work), NACRE_OK);
    assert_int_equal(dir_make(&s->ctx, s->work), NACRE_OK);
    (void)unlink(s->ack);
}

static int run_work(struct scene *s, const char *nth, const char *error, const char *sticky) {
    clear(s);
    struct faulty_run run = {
        .prefix = s->work, .nth = nth, .error = error, .sticky = sticky, .count = s->count};
    const char *const args[] = {s->db, s->ack, NULL};
    return faulty_run_self(&run, args);
}

static long trials(long all, long wanted) {
    const char *mode = getenv("NACRE_TORTURE");
    return (mode && strcmp(mode, "full") == 0) || all <= wanted ? 1 : all / wanted;
}

// After the failure the store is opened without faults: it has the last acknowledged round or a
// later one, whole. A process that ends by itself is allowed where abort_allowed says so, loss
// never.
static void fail_each(struct scene *s, const char *error, const char *sticky, bool abort_allowed) {
    if (!faulty_available()) skip();
    assert_int_equal(run_work(s, NULL, error, NULL), 0);
    long calls = number_in(s->count), errors = 0, hidden = 0, aborts = 0;
    assert_true(calls > 100);
    for (long n = 1; n <= calls; n += trials(calls, 9)) {
        char nth[24];
        (void)snprintf(nth, sizeof nth, "%ld", n);
        int exit = run_work(s, nth, error, sticky);
        errors += exit == EXIT_ERROR;
        hidden += exit == 0;
        aborts += exit > 256;
        if (exit != EXIT_ERROR && exit != 0 && !(abort_allowed && exit > 256))
            fail_msg("%s at call %ld: exit %d", error, n, exit);
        int round = look(s->db) - 10;
        if (round < (int)number_in(s->ack) || round > ROUNDS)
            fail_msg("%s at call %ld: acknowledged %ld, found %d", error, n, number_in(s->ack),
                     round);
    }
    print_message(
        "%s: %ld calls, of those tried %ld errors, %ld unnoticed, %ld ended the process\n", error,
        calls, errors, hidden, aborts);
}

static void test_eio(void **state) { fail_each(*state, "EIO", NULL, false); }
static void test_eio_for_good(void **state) { fail_each(*state, "EIO", "1", false); }
static void test_full_disk(void **state) { fail_each(*state, "ENOSPC", "1", true); }
static void test_killed(void **state) { fail_each(*state, "KILL", NULL, true); }

static void check_cut(struct scene *s, const struct powerloss *pl, size_t cut, uint64_t seed) {
    char db[320];
    enum powerloss_mode mode = seed == 0 ? POWERLOSS_KEEP : POWERLOSS_SAMPLE;
    if (seed == 1) mode = POWERLOSS_DROP;
    assert_true(powerloss_build(pl, cut, mode, seed, s->out));
    (void)snprintf(db, sizeof db, "%s/db", s->out);
    int round = look(db) - 10;
    int acknowledged = (int)powerloss_mark(pl, cut);
    if (round < acknowledged || round > ROUNDS)
        fail_msg("cut %zu, seed %llu: acknowledged %d, found %d", cut, (unsigned long long)seed,
                 acknowledged, round);
    assert_int_equal(dir_remove_all(&s->ctx, s->out), NACRE_OK);
}

static void test_power_cuts(void **state) {
    struct scene *s = *state;
    if (!faulty_available()) skip();
    struct faulty_run run = {.prefix = s->work, .trace = s->trace};
    const char *const args[] = {s->db, s->ack, NULL};
    assert_int_equal(faulty_run_self(&run, args), 0);
    struct powerloss *pl = powerloss_load(s->trace, NULL);
    assert_non_null(pl);
    size_t cuts = powerloss_cuts(pl), tried = 0;
    assert_int_equal(powerloss_mark(pl, cuts), ROUNDS);
    for (size_t cut = 0; cut <= cuts; cut += (size_t)trials((long)cuts, 40)) {
        for (uint64_t seed = 0; seed < 4; seed++, tried++) check_cut(s, pl, cut, seed);
    }
    print_message("%zu records, %zu states\n", cuts, tried);
    powerloss_free(pl);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(int argc, char **argv) {
    if (argc == 3) return work(argv[1], argv[2]);
    const struct CMUnitTest tests[] = {
        TEST(test_power_cuts), TEST(test_eio),    TEST(test_eio_for_good),
        TEST(test_full_disk),  TEST(test_killed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
