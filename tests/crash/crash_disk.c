// A database on a disk that fails or loses power, by way of libfaultio.so (support/preload), which
// sees every file call of the log, of the engine and of RocksDB itself.
//   crash_disk [--cycles N] [--seed S] [--cuts N]
//   crash_disk again KEPT CUT MODE SEED     one cut of a run that failed and was kept
// A cycle of faults: a worker under load meets an I/O error, a full disk or SIGKILL at a random
// file call, once or from there on; it may end in any way. Then one opens the directory without
// faults and compares everything with the oracle. A cycle of power cuts: a worker's run, on a
// database that was closed or killed, is recorded from its opening to its close; from the trace,
// sampled states that a cut at some place may have left are built, opened and compared with what
// was acknowledged before that place. Needs NACRE_FAULTIO, the path of the library.
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/ds/rng.h"
#include "base/os/file.h"
#include "support/crash_worker.h"
#include "support/dir_image.h"
#include "support/faulty.h"
#include "support/powerloss.h"

enum {
    PATH_BYTES = 256,
    FAULT_CALLS = 900,
    CUTS_EACH = 20,
    PLAIN_MS = 25,
    RECORD_MS = 40,
    RECORD_SPAN_MS = 260
};

struct disk_run {
    char scratch[64], db[96], base[96], oracle[96], trace[96], out[96];
    struct oracle *o;
    struct rng rng;
    struct ctx ctx;
    uint64_t faults, ended_by_fault, ended_by_signal, cuts, fine;
};

static void name(const struct disk_run *r, const char *last, char out[96]) {
    (void)snprintf(out, 96, "%s/%s", r->scratch, last);
}

static void name_all(struct disk_run *r) {
    name(r, "db", r->db);
    name(r, "base", r->base);
    name(r, "oracle", r->oracle);
    name(r, "trace", r->trace);
    name(r, "out", r->out);
}

static bool begin(struct disk_run *r) {
    const char *tmp = getenv("TMPDIR");
    (void)snprintf(r->scratch, sizeof r->scratch, "%s/nacre-disk-XXXXXX",
                   tmp && strlen(tmp) < 40 ? tmp : "/tmp");
    if (!mkdtemp(r->scratch)) return false;
    name_all(r);
    r->o = crash_oracle(r->oracle);
    return r->o != NULL;
}

static bool end(struct disk_run *r) {
    bool failed = atomic_load(&r->o->failed);
    if (failed) printf("FAILED: %s\nkept: %s\n", r->o->failure, r->scratch);
    (void)munmap(r->o, sizeof *r->o);
    if (failed) return false;
    return dir_remove_all(&r->ctx, r->scratch) == NACRE_OK;
}

// A worker of this program; how: "plain", "faults" or "record".
static int work(struct disk_run *r, const struct faulty_run *faulty, const char *how) {
    char seed[24];
    (void)snprintf(seed, sizeof seed, "%" PRIu64, rng_next(&r->rng));
    const char *args[] = {"worker", r->db, r->oracle, seed, how, NULL};
    return faulty_run_self(faulty, args);
}

static int worker(char **args) {
    struct crash_work work = {.dir = args[0],
                              .oracle_path = args[1],
                              .seed = strtoull(args[2], NULL, 10),
                              .faults = strcmp(args[3], "faults") == 0,
                              .marks = strcmp(args[3], "record") == 0};
    work.run_ms = work.marks ? RECORD_MS + work.seed % RECORD_SPAN_MS : PLAIN_MS;
    return crash_worker(&work);
}

static void must_end_well(struct disk_run *r, int status) {
    if (status && !atomic_load(&r->o->failed))
        oracle_fail(r->o, "a worker on a disk without faults ended with status %d", status);
}

static void fault_cycle(struct disk_run *r) {
    static const char *const errors[] = {"EIO", "ENOSPC", "KILL"};
    static const char *const ops[] = {NULL, NULL, "write", "sync", "rename,open,mkdir,unlink"};
    char nth[24];
    const struct faulty_run none = {.prefix = r->scratch};
    (void)snprintf(nth, sizeof nth, "%" PRIu64,
                   1 + rng_below(&r->rng, 1 + rng_below(&r->rng, FAULT_CALLS)));
    struct faulty_run faulty = {.prefix = r->db,
                                .nth = nth,
                                .error = errors[rng_below(&r->rng, 3)],
                                .sticky = rng_below(&r->rng, 2) ? "1" : NULL,
                                .ops = ops[rng_below(&r->rng, 5)]};
    int status = work(r, &faulty, "faults");
    r->faults++;
    r->ended_by_fault += status == CRASH_EXIT_MACHINE;
    r->ended_by_signal += status > 256;
    if (status > 256 && status != 256 + 9)
        printf("(signal %d at %s %s of %s%s)\n", status - 256, faulty.error, nth,
               faulty.ops ? faulty.ops : "all", faulty.sticky ? ", sticky" : "");
    if (!atomic_load(&r->o->failed)) must_end_well(r, work(r, &none, "plain"));
}

// --- power cuts -------------------------------------------------------------------------

static int verify(struct disk_run *r, uint64_t mark) {
    char text[24];
    const struct faulty_run none = {.prefix = r->scratch};
    (void)snprintf(text, sizeof text, "%" PRIu64, mark);
    const char *args[] = {"verify", r->out, r->oracle, text, NULL};
    return faulty_run_self(&none, args);
}

static size_t choose_cut(struct disk_run *r, const struct powerloss *pl) {
    size_t cuts = powerloss_cuts(pl), cut = (size_t)rng_below(&r->rng, cuts + 1);
    if (rng_below(&r->rng, 2)) return cut;
    while (cut < cuts && !powerloss_is_sync(pl, cut))
        cut++; // the telling ones
    return cut && rng_below(&r->rng, 2) ? cut - 1 : cut;
}

static void one_cut(struct disk_run *r, const struct powerloss *pl) {
    static const enum powerloss_mode modes[] = {POWERLOSS_SAMPLE, POWERLOSS_SAMPLE,
                                                POWERLOSS_SAMPLE, POWERLOSS_DROP, POWERLOSS_KEEP};
    size_t cut = choose_cut(r, pl);
    uint64_t mark = powerloss_mark(pl, cut), seed = rng_next(&r->rng);
    enum powerloss_mode mode = modes[rng_below(&r->rng, 5)];
    if (!powerloss_build(pl, cut, mode, seed, r->out)) {
        oracle_fail(r->o, "the state at cut %zu cannot be built", cut);
        return;
    }
    r->cuts++;
    if (verify(r, mark) != 0) {
        oracle_fail(r->o,
                    "power cut %zu of %zu (mode %d, seed %" PRIu64 ", %" PRIu64
                    " acknowledged) loses something or cannot be opened",
                    cut, powerloss_cuts(pl), (int)mode, seed, mark);
        return;
    }
    if (dir_remove_all(&r->ctx, r->out) != NACRE_OK) oracle_fail(r->o, "cannot remove %s", r->out);
}

// Leaves a log for the recorded worker to replay.
static void kill_one(struct disk_run *r) {
    char nth[24];
    (void)snprintf(nth, sizeof nth, "%" PRIu64, 1 + rng_below(&r->rng, FAULT_CALLS));
    struct faulty_run faulty = {.prefix = r->db, .nth = nth, .error = "KILL"};
    int status = work(r, &faulty, "faults");
    if (status && status != 256 + 9)
        oracle_fail(r->o, "a worker that was to be killed ended with status %d", status);
}

static void power_cycle(struct disk_run *r, uint64_t cuts) {
    static struct dir_image image;
    const struct faulty_run none = {.prefix = r->scratch};
    struct faulty_run record = {.prefix = r->db, .trace = r->trace};
    must_end_well(r, work(r, &none, "plain"));
    if (rng_below(&r->rng, 2)) kill_one(r);
    if (atomic_load(&r->o->failed)) return;
    dir_image_read(&image, r->db);
    dir_image_write(&image, r->base);
    dir_image_free(&image);
    uint64_t before = atomic_load(&r->o->order);
    must_end_well(r, work(r, &record, "record"));
    struct powerloss *pl = powerloss_load(r->trace, r->base);
    if (!pl) oracle_fail(r->o, "the trace cannot be read");
    if (pl && atomic_load(&r->o->order) == before)
        oracle_fail(r->o, "nothing was acknowledged while it was recorded");
    for (uint64_t i = 0; i < cuts && !atomic_load(&r->o->failed); i++)
        one_cut(r, pl);
    powerloss_free(pl);
}

static int run(uint64_t cycles, uint64_t cuts, uint64_t seed) {
    static struct disk_run r;
    bool fine = true;
    uint64_t begun_ns = world_mono_ns(&world_system);
    ctx_init(&r.ctx, &world_system, NULL, SIZE_MAX);
    rng_seed(&r.rng, seed);
    printf("crash_disk: seed %" PRIu64 "\n", seed);
    for (uint64_t i = 0; i < cycles && fine; i += 15) {
        if (!begin(&r)) return CRASH_EXIT_HARNESS;
        for (uint64_t k = 0; k < 15 && i + k < cycles && !atomic_load(&r.o->failed); k++)
            fault_cycle(&r);
        fine = end(&r);
    }
    for (uint64_t left = cuts; left && fine;) {
        uint64_t n = left < CUTS_EACH ? left : CUTS_EACH;
        if (!begin(&r)) return CRASH_EXIT_HARNESS;
        power_cycle(&r, n);
        fine = end(&r);
        left -= n;
    }
    printf("crash_disk: %" PRIu64 " faults (%" PRIu64 " ended the worker with an error, %" PRIu64
           " with a signal), %" PRIu64 " power cuts, %s, %.0f s\n",
           r.faults, r.ended_by_fault, r.ended_by_signal, r.cuts, fine ? "0 losses" : "FAILED",
           (double)(world_mono_ns(&world_system) - begun_ns) / 1e9);
    ctx_free(&r.ctx);
    return fine ? 0 : 1;
}

static int again(char **args) {
    struct disk_run r = {0};
    ctx_init(&r.ctx, &world_system, NULL, SIZE_MAX);
    (void)snprintf(r.scratch, sizeof r.scratch, "%s", args[0]);
    name_all(&r);
    struct powerloss *pl = powerloss_load(r.trace, r.base);
    size_t cut = strtoull(args[1], NULL, 10);
    if (!pl || (file_exists(r.out) && dir_remove_all(&r.ctx, r.out) != NACRE_OK)) return 2;
    if (!powerloss_build(pl, cut, (enum powerloss_mode)strtoul(args[2], NULL, 10),
                         strtoull(args[3], NULL, 10), r.out))
        return 2;
    return verify(&r, powerloss_mark(pl, cut));
}

int main(int argc, char **argv) {
    uint64_t cycles = 60, cuts = 60, seed = 0;
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc == 6 && strcmp(argv[1], "worker") == 0) return worker(argv + 2);
    if (argc == 5 && strcmp(argv[1], "verify") == 0)
        return crash_verify(argv[2], argv[3], strtoull(argv[4], NULL, 10));
    if (argc == 6 && strcmp(argv[1], "again") == 0) return again(argv + 2);
    world_random(&world_system, &seed, sizeof seed);
    for (int i = 1; i + 1 < argc; i += 2) {
        uint64_t n = strtoull(argv[i + 1], NULL, 10);
        if (strcmp(argv[i], "--cycles") == 0)
            cycles = n;
        else if (strcmp(argv[i], "--seed") == 0)
            seed = n;
        else if (strcmp(argv[i], "--cuts") == 0)
            cuts = n;
        else
            return 2;
    }
    if (!faulty_available()) {
        printf("crash_disk: NACRE_FAULTIO does not name the library\n");
        return 2;
    }
    return run(cycles, cuts, seed);
}
