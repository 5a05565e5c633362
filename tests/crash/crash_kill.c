// Kills a database under load at random moments and looks at what is left.
//   crash_kill [--cycles N] [--seed S] [--fresh N]
// Each cycle runs this program again as a worker on the same directory: it opens the database
// (recovery), compares everything with the oracle (support/oracle.h), which lives in a mapping that
// outlives it, runs the checker, and then lets several actors loose until SIGKILL; some workers
// close before. The kill comes while it opens, checks, runs or closes. Every --fresh cycles the
// last worker is left to end by itself, waits for what is due to end, and a new directory begins.
// Proves: a kill loses nothing acknowledged, at either durability; what was running is done or not;
// a repeated idempotent request has one effect; a job has one winner; no index entry, guard or
// counter is off; two followers of changes are told each once, a document's in order, and reads of
// the past agree with them, while history is trimmed.
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/ds/rng.h"
#include "base/os/file.h"
#include "support/crash_worker.h"
#include "support/oracle.h"

enum { STUCK_MS = 60000, CLOSING = 1, DRAINING = 2 };

static int work(char **args) {
    uint64_t seed = strtoull(args[2], NULL, 10);
    long how = strtol(args[3], NULL, 10);
    struct crash_work work = {.dir = args[0],
                              .oracle_path = args[1],
                              .seed = seed,
                              .run_ms = how ? 5 + seed % 60 : 60000,
                              .drain = how == DRAINING};
    return crash_worker(&work);
}

// --- the killer -------------------------------------------------------------------------

struct run {
    struct oracle *o;
    char scratch[64], db[96], oracle_path[96];
    struct rng rng;
    uint64_t kills[PHASE_END + 1], acknowledged, checks, changes;
};

static pid_t start_worker(const struct run *r, uint64_t seed, int how) {
    char self[] = "/proc/self/exe", name[] = "worker", seed_text[24], how_text[8], db[96], path[96];
    (void)snprintf(seed_text, sizeof seed_text, "%" PRIu64, seed);
    (void)snprintf(how_text, sizeof how_text, "%d", how);
    memcpy(db, r->db, sizeof db);
    memcpy(path, r->oracle_path, sizeof path);
    char *args[] = {self, name, db, path, seed_text, how_text, NULL};
    pid_t pid = fork();
    if (pid == 0) {
        (void)execv(self, args);
        _exit(127);
    }
    return pid;
}

// Waits for the phase, then for us more; true if the worker ended before. status as of waitpid.
static bool wait_moment(const struct run *r, pid_t pid, uint32_t phase, uint64_t us, int *status) {
    for (uint64_t waited = 0; atomic_load(&r->o->phase) < phase; waited += 200) {
        if (waitpid(pid, status, WNOHANG) == pid) return true;
        if (waited > STUCK_MS * 1000ull) {
            oracle_fail(r->o, "the worker is stuck in phase %u", atomic_load(&r->o->phase));
            return false;
        }
        (void)usleep(200);
    }
    if (us) (void)usleep((useconds_t)us);
    return waitpid(pid, status, WNOHANG) == pid;
}

static void wait_end(struct run *r, pid_t pid, int *status) {
    if (!wait_moment(r, pid, PHASE_END, 0, status)) {
        if (atomic_load(&r->o->failed)) (void)kill(pid, SIGKILL);
        while (waitpid(pid, status, 0) < 0 && errno == EINTR)
            continue;
    }
}

// One worker from start to kill. Some close by themselves, with the kill near.
static void cycle(struct run *r) {
    uint64_t dice = rng_below(&r->rng, 20), us = rng_below(&r->rng, 60000), seed;
    uint32_t phase = dice < 3 ? PHASE_START : dice < 5 ? PHASE_CHECK : PHASE_RUN;
    int status = 0, how = dice >= 17 ? CLOSING : 0;
    if (how == CLOSING) phase = rng_below(&r->rng, 4) ? PHASE_CLOSE : PHASE_END;
    if (phase == PHASE_START) us = rng_below(&r->rng, 40000);
    if (phase == PHASE_CHECK || phase == PHASE_CLOSE) us = rng_below(&r->rng, 12000);
    seed = rng_next(&r->rng);
    atomic_store(&r->o->phase, PHASE_START);
    pid_t pid = start_worker(r, seed, how);
    bool ended = wait_moment(r, pid, phase, phase == PHASE_END ? 0 : us, &status);
    uint32_t at = atomic_load(&r->o->phase);
    if (!ended) {
        if (phase != PHASE_END) (void)kill(pid, SIGKILL);
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
            continue;
    }
    r->kills[WIFSIGNALED(status) ? at : PHASE_END]++;
    if ((WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL) ||
        (WIFEXITED(status) && WEXITSTATUS(status) != 0))
        oracle_fail(r->o, "the worker ended with %s %d in phase %u",
                    WIFSIGNALED(status) ? "signal" : "status",
                    WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), at);
}

static void last_cycle(struct run *r) {
    int status = 0;
    atomic_store(&r->o->phase, PHASE_START);
    pid_t pid = start_worker(r, rng_next(&r->rng), DRAINING);
    wait_end(r, pid, &status);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        oracle_fail(r->o, "the last worker ended with status %x", (unsigned)status);
}

static bool begin(struct run *r) {
    const char *tmp = getenv("TMPDIR");
    (void)snprintf(r->scratch, sizeof r->scratch, "%s/nacre-crash-XXXXXX",
                   tmp && strlen(tmp) < 40 ? tmp : "/tmp");
    if (!mkdtemp(r->scratch)) return false;
    (void)snprintf(r->db, sizeof r->db, "%s/db", r->scratch);
    (void)snprintf(r->oracle_path, sizeof r->oracle_path, "%s/oracle", r->scratch);
    r->o = crash_oracle(r->oracle_path);
    return r->o != NULL;
}

static void count_acknowledged(struct run *r) {
    for (uint32_t a = 0; a < ORACLE_ACTORS; a++)
        r->acknowledged += r->o->actors[a].acknowledged;
    for (uint32_t i = 0; i < FOLLOWERS; i++)
        r->changes += r->o->followers[i].changes;
    r->checks += r->o->checks;
}

static bool end(struct run *r) {
    struct ctx ctx;
    bool failed = atomic_load(&r->o->failed);
    count_acknowledged(r);
    if (failed) printf("FAILED: %s\nkept: %s\n", r->o->failure, r->scratch);
    (void)munmap(r->o, sizeof *r->o);
    if (failed) return false;
    ctx_init(&ctx, &world_system, NULL, SIZE_MAX);
    if (dir_remove_all(&ctx, r->scratch) != NACRE_OK) printf("%s remains\n", r->scratch);
    ctx_free(&ctx);
    return true;
}

static int kill_loop(uint64_t cycles, uint64_t seed, uint64_t fresh) {
    static struct run r;
    bool fine = true;
    uint64_t done = 0, begun_ns = world_mono_ns(&world_system);
    rng_seed(&r.rng, seed);
    printf("crash_kill: seed %" PRIu64 ", %" PRIu64 " cycles\n", seed, cycles);
    while (fine && done < cycles) {
        if (!begin(&r)) return 4;
        for (uint64_t i = 0; i < fresh && done < cycles && !atomic_load(&r.o->failed); i++, done++)
            cycle(&r);
        if (!atomic_load(&r.o->failed)) last_cycle(&r);
        fine = end(&r);
    }
    double seconds = (double)(world_mono_ns(&world_system) - begun_ns) / 1e9;
    printf("crash_kill: %" PRIu64 " cycles in %.0f s, %s; %" PRIu64
           " operations acknowledged, %" PRIu64 " changes followed, %" PRIu64
           " whole checks; killed while opening %" PRIu64 ", checking %" PRIu64 ", running %" PRIu64
           ", closing %" PRIu64 "; ended by themselves %" PRIu64 "\n",
           done, seconds, fine ? "0 losses" : "FAILED", r.acknowledged, r.changes, r.checks,
           r.kills[PHASE_START], r.kills[PHASE_CHECK], r.kills[PHASE_RUN], r.kills[PHASE_CLOSE],
           r.kills[PHASE_END]);
    return fine ? 0 : 1;
}

int main(int argc, char **argv) {
    uint64_t cycles = 100, fresh = 50, seed = 0;
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc == 6 && strcmp(argv[1], "worker") == 0) return work(argv + 2);
    world_random(&world_system, &seed, sizeof seed);
    for (int i = 1; i + 1 < argc; i += 2) {
        uint64_t n = strtoull(argv[i + 1], NULL, 10);
        if (strcmp(argv[i], "--cycles") == 0)
            cycles = n;
        else if (strcmp(argv[i], "--seed") == 0)
            seed = n;
        else if (strcmp(argv[i], "--fresh") == 0)
            fresh = n ? n : 1;
        else
            return 2;
    }
    return kill_loop(cycles, seed, fresh);
}
