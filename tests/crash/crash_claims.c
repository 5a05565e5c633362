// 64 claimers compete for the jobs of one collection, on a real directory.
//   crash_claims [--jobs N] [--threads T]
// Each thread claims, works and finishes with the token as a fence. Some die: they never come back,
// their leases run out, and the jobs return, with their fields restored or with on_expire applied
// (each counts it), and are won again by others. The dead ones' tokens, tried afterwards, must
// write nothing. Proves: each job is finished exactly once, by the holder of its last lease; every
// job that was given up came back; a stale token writes nothing. Prints the rate of durable claims.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits/bits.h"
#include "base/ds/rng.h"
#include "base/os/file.h"
#include "base/os/thread.h"
#include "doc/json.h"
#include "doc/key.h"
#include "engine/engine.h"

enum { THREADS_MAX = 256, LEASE_MS = 20000, SHORT_LEASE_MS = 300, TOKEN_TEXT = 23, BATCH = 1000 };

struct claims {
    struct engine *engine;
    uint64_t jobs;
    _Atomic uint64_t claimed, finished, given_up, with_patch, stale_refused, failures;
    uint64_t lost;         // as on_expire counted in the jobs
    _Atomic uint8_t *done; // finishes of each job
};

struct claimer {
    struct claims *all;
    struct ctx ctx;
    struct rng rng;
    struct thread thread;
};

static void failed(struct claims *all, struct ctx *ctx, const char *what) {
    if (atomic_fetch_add(&all->failures, 1) < 5)
        printf("%s: %s: %s\n", what, nacre_status_code(ctx->err.status), ctx->err.detail);
}

static struct slice parse(struct ctx *ctx, const char *json) {
    struct buf out BUF_CLEANUP = {0};
    struct json_options options = {.allow_dollar_names = true};
    buf_init(&out, NULL, SIZE_MAX);
    if (json_parse(ctx, slice_str(json), &options, &out) != NACRE_OK) abort();
    return slice_of(arena_copy(&ctx->arena, out.p, out.n), out.n);
}

struct won {
    int64_t id;
    char token[TOKEN_TEXT];
};

static bool take(struct claimer *c, const struct result *result, struct won *out) {
    struct val id;
    struct row row;
    struct slice key = result->ops[0].id_key;
    if (key_decode(&c->ctx, &key, false, KEY_TB_PLAIN, &id) != NACRE_OK ||
        row_decode(&c->ctx, key, result->ops[0].row, false, &row) != NACRE_OK)
        return false;
    out->id = id.i;
    out->token[base64url_encode(row.lease.token, ROW_LEASE_TOKEN_SIZE, out->token)] = 0;
    return true;
}

// *empty: there is nothing to claim now.
static bool claim(struct claimer *c, bool dies, struct won *out, bool *empty) {
    struct result result = {0};
    bool patches = dies && rng_below(&c->rng, 2);
    struct claim_request request = {.target.collection = SLICE_LIT("jobs"),
                                    .filter = SLICE_LIT("{\"s\":\"waiting\"}"),
                                    .set = parse(&c->ctx, "{\"s\":\"running\"}"),
                                    .lease_ms = dies ? SHORT_LEASE_MS : LEASE_MS,
                                    .max_examined = 100000};
    if (patches)
        request.on_expire = parse(&c->ctx, "{\"$inc\":{\"lost\":1},\"$set\":{\"s\":\"waiting\"}}");
    nacre_status status = engine_claim(&c->ctx, c->all->engine, &request, &result);
    *empty = status == NACRE_OK && !result.count;
    if (*empty) return false;
    if (status != NACRE_OK || !take(c, &result, out)) {
        failed(c->all, &c->ctx, "claim");
        return false;
    }
    atomic_fetch_add(&c->all->claimed, 1);
    atomic_fetch_add(&c->all->with_patch, patches);
    return true;
}

static nacre_status write_fenced(struct claimer *c, const struct won *job, const char *json) {
    struct result result = {0};
    struct write_item item = {.kind = WRITE_PATCH,
                              .id = val_int(job->id),
                              .token = slice_str(job->token),
                              .body = parse(&c->ctx, json)};
    struct write_request request = {
        .target.collection = SLICE_LIT("jobs"), .count = 1, .items = &item};
    return engine_write(&c->ctx, c->all->engine, &request, &result);
}

static nacre_status release(struct claimer *c, const struct won *job, const char *set) {
    struct result result = {0};
    struct lease_request request = {.target.collection = SLICE_LIT("jobs"),
                                    .id = val_int(job->id),
                                    .token = slice_str(job->token),
                                    .lease_ms = LEASE_MS,
                                    .set = parse(&c->ctx, set)};
    return engine_release(&c->ctx, c->all->engine, &request, &result);
}

static void finish(struct claimer *c, const struct won *job) {
    bool patch = rng_below(&c->rng, 4) == 0;
    if (patch && write_fenced(c, job, "{\"$set\":{\"note\":1}}") != NACRE_OK)
        failed(c->all, &c->ctx, "a write with the current token");
    if (release(c, job, "{\"s\":\"done\"}") != NACRE_OK) {
        failed(c->all, &c->ctx, "finishing");
        return;
    }
    if (atomic_fetch_add(&c->all->done[job->id], 1) != 0)
        failed(c->all, &c->ctx, "a job was finished twice");
    atomic_fetch_add(&c->all->finished, 1);
}

static void try_stale(struct claimer *c, const struct won *job) {
    ctx_reset(&c->ctx);
    if (write_fenced(c, job, "{\"$set\":{\"s\":\"stolen\"}}") != NACRE_LEASE_LOST ||
        release(c, job, "{\"s\":\"stolen\"}") != NACRE_LEASE_LOST)
        failed(c->all, &c->ctx, "a stale token was taken");
    else
        atomic_fetch_add(&c->all->stale_refused, 1);
}

static void sleep_ms(uint64_t ms) {
    struct timespec t = {(time_t)(ms / 1000), (long)(ms % 1000) * 1000000};
    (void)nanosleep(&t, NULL);
}

static void run(void *arg) {
    struct claimer *c = arg;
    struct won stale = {0}, job;
    bool has_stale = false, empty;
    uint64_t stale_at_ns = 0;
    while (atomic_load(&c->all->finished) < c->all->jobs && !atomic_load(&c->all->failures)) {
        ctx_reset(&c->ctx);
        if (has_stale && world_mono_ns(&world_system) > stale_at_ns) {
            try_stale(c, &stale);
            has_stale = false;
        }
        ctx_reset(&c->ctx);
        bool dies = !has_stale && rng_below(&c->rng, 200) == 0;
        if (!claim(c, dies, &job, &empty)) {
            if (empty) sleep_ms(20);
            continue;
        }
        if (!dies) {
            finish(c, &job);
            continue;
        }
        atomic_fetch_add(&c->all->given_up, 1);
        stale = job;
        has_stale = true;
        stale_at_ns = world_mono_ns(&world_system) + (SHORT_LEASE_MS + 50) * 1000000ull;
    }
}

static void make_jobs(struct ctx *ctx, struct claims *all) {
    static struct write_item items[BATCH];
    struct result result;
    for (uint64_t at = 0; at < all->jobs; at += BATCH) {
        uint32_t n = 0;
        ctx_reset(ctx);
        for (; n < BATCH && at + n < all->jobs; n++) {
            char json[96];
            (void)snprintf(json, sizeof json, "{\"_id\":%" PRIu64 ",\"s\":\"waiting\",\"lost\":0}",
                           at + n);
            items[n] = (struct write_item){.kind = WRITE_PUT, .body = parse(ctx, json)};
        }
        struct write_request request = {
            .target.collection = SLICE_LIT("jobs"), .count = n, .items = items};
        if (engine_write(ctx, all->engine, &request, &result) != NACRE_OK)
            failed(all, ctx, "making jobs");
    }
}

static void make_index(struct ctx *ctx, struct claims *all) {
    struct result result;
    struct catalog_request request = {.op = CATALOG_CREATE_INDEX,
                                      .target.collection = SLICE_LIT("jobs"),
                                      .index = SLICE_LIT("s"),
                                      .body = parse(ctx, "{\"fields\":[\"s\"]}")};
    if (engine_catalog(ctx, all->engine, &request, &result) != NACRE_OK ||
        engine_wait_index(ctx, all->engine, request.target, request.index) != NACRE_OK)
        failed(all, ctx, "the index of the jobs");
}

static void look(struct ctx *ctx, struct claims *all) {
    struct engine_collection handle = {.target.collection = SLICE_LIT("jobs")};
    for (uint64_t id = 0; id < all->jobs; id++) {
        struct engine_doc doc = {0};
        ctx_reset(ctx);
        if (engine_get(ctx, all->engine, &handle, val_int((int64_t)id), &doc) != NACRE_OK ||
            doc.row.flags & ROW_LEASE ||
            !slice_eq(val_slice(bson_find(doc.row.body, SLICE_LIT("s"))), SLICE_LIT("done")) ||
            atomic_load(&all->done[id]) != 1)
            failed(all, ctx, "a job did not end as it must");
        else
            all->lost += (uint64_t)bson_find(doc.row.body, SLICE_LIT("lost")).i;
        engine_release_doc(all->engine, &doc);
    }
    if (all->lost != atomic_load(&all->with_patch))
        failed(all, ctx, "on_expire was not applied once for each lease that ended");
}

static void print_problem(void *arg, const char *text) {
    (void)arg;
    printf("check: %s\n", text);
}

static void compete(struct claims *all, struct ctx *ctx, uint32_t threads) {
    static struct claimer claimers[THREADS_MAX];
    uint64_t begun_ns = world_mono_ns(&world_system);
    for (uint32_t i = 0; i < threads; i++) {
        struct claimer *c = &claimers[i];
        c->all = all;
        ctx_init(&c->ctx, &world_system, NULL, SIZE_MAX);
        rng_seed(&c->rng, i);
        if (thread_start(ctx, "claimer", run, c, &c->thread) != NACRE_OK) abort();
    }
    for (uint32_t i = 0; i < threads; i++) {
        thread_join(&claimers[i].thread);
        ctx_free(&claimers[i].ctx);
    }
    double seconds = (double)(world_mono_ns(&world_system) - begun_ns) / 1e9;
    uint64_t claimed = atomic_load(&all->claimed);
    printf("crash_claims: %u threads, %" PRIu64 " jobs in %.1f s: %.0f claims/s and as many "
           "releases, all synced\n",
           threads, all->jobs, seconds, (double)claimed / seconds);
    printf("%" PRIu64 " claims, %" PRIu64 " given up, %" PRIu64 " of them with on_expire, %" PRIu64
           " stale tokens refused, %" PRIu64 " failures\n",
           claimed, atomic_load(&all->given_up), atomic_load(&all->with_patch),
           atomic_load(&all->stale_refused), atomic_load(&all->failures));
}

static int all_of_it(uint64_t jobs, uint32_t threads) {
    struct claims all = {.jobs = jobs, .done = calloc(jobs, 1)};
    struct ctx ctx;
    char dir[] = "/tmp/nacre-claims-XXXXXX";
    uint64_t problems = 0;
    struct engine_options options = {
        .dir = dir, .create = true, .memory_bytes = 512u << 20, .disk_reserve_bytes = 1};
    if (!all.done || !mkdtemp(dir)) return 4;
    ctx_init(&ctx, &world_system, NULL, SIZE_MAX);
    if (engine_open(&ctx, &options, &all.engine) != NACRE_OK) return 4;
    make_jobs(&ctx, &all);
    make_index(&ctx, &all);
    compete(&all, &ctx, threads);
    look(&ctx, &all);
    if (engine_check(&ctx, all.engine, print_problem, NULL, &problems) != NACRE_OK || problems)
        failed(&all, &ctx, "the check");
    if (engine_close(&ctx, all.engine) != NACRE_OK) failed(&all, &ctx, "close");
    uint64_t failures = atomic_load(&all.failures);
    if (dir_remove_all(&ctx, dir) != NACRE_OK) printf("%s remains\n", dir);
    ctx_free(&ctx);
    free((void *)(uintptr_t)all.done);
    return failures ? 1 : 0;
}

int main(int argc, char **argv) {
    uint64_t jobs = 20000, threads = 64;
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    for (int i = 1; i + 1 < argc; i += 2) {
        uint64_t n = strtoull(argv[i + 1], NULL, 10);
        if (strcmp(argv[i], "--jobs") == 0)
            jobs = n ? n : 1;
        else if (strcmp(argv[i], "--threads") == 0)
            threads = n && n <= THREADS_MAX ? n : 64;
        else
            return 2;
    }
    return all_of_it(jobs, (uint32_t)threads);
}
