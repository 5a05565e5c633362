// Random commands and queries against a naive model of the database, on the store in memory and on
// RocksDB. Every answer is compared: statuses, versions, times, bodies, rows and their order, with
// indexes and without. The seed of a run is printed; a run is the same whenever it is repeated.
//   model_engine [--ops N] [--seed S] [--minutes M] [--store mem|rocks] [--from N]
// --minutes goes on with further seeds until the time is over. --from prints what is done from
// operation N on. Exit status 1 at a difference, with what led to it.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/model_run_catalog.h"
#include "support/model_run_feed.h"
#include "support/model_run_leases.h"
#include "support/model_run_past.h"
#include "support/model_run_queries.h"
#include "support/model_run_schema.h"
#include "support/model_run_where.h"
#include "support/model_run_writes.h"

struct options {
    uint64_t ops, seed, verbose_from;
    double minutes;
    bool rocks;
};

// Single clients do not conflict: what the transaction does is done at once in the model, and its
// commit must go well. The clock stands still, so the commit gives the times that were told.
static void run_transaction(struct run *run) {
    struct engine_tx_options options = {.serializable = run_chance(run, 50),
                                        .durability = DURABILITY_MEMORY};
    struct engine_tx *tx;
    struct result result;
    nacre_status status = engine_tx_new(&run->ctx, run->engine, &tx);
    if (status == NACRE_OK) status = engine_tx_begin(&run->ctx, tx, &options);
    run_expect(run, "begin", status, NACRE_OK);
    run_note(run, "begin, serializable %d", options.serializable);
    run->tx = tx;
    for (uint32_t i = 1 + run_below(run, 12); i; i--) {
        uint32_t roll = run_below(run, 100);
        if (roll < 50)
            run_write(run);
        else if (roll < 57)
            run_batch(run);
        else if (roll < 60)
            run_where(run);
        else if (roll < 64)
            run_claim(run);
        else if (roll < 69)
            run_lease(run);
        else if (roll < 75)
            run_get(run, run_collection(run));
        else if (roll < 90)
            run_query(run, run_collection(run));
        else
            run_count(run, run_collection(run));
    }
    run->tx = NULL;
    run_note(run, "commit");
    run_expect(run, "commit", engine_tx_commit(&run->ctx, tx, &result), NACRE_OK);
    engine_tx_free(tx);
    run->counts.transactions++;
}

static void step(struct run *run) {
    uint32_t roll = run_below(run, 1000);
    ctx_reset(&run->ctx);
    model_begin(&run->model, run->world.wall_ms);
    if (roll < 380)
        run_write(run);
    else if (roll < 430)
        run_transaction(run);
    else if (roll < 460)
        run_batch(run);
    else if (roll < 470)
        run_where(run);
    else if (roll < 570)
        run_get(run, run_collection(run));
    else if (roll < 740)
        run_query(run, run_collection(run));
    else if (roll < 770)
        run_count(run, run_collection(run));
    else if (roll < 790)
        run_past(run);
    else if (roll < 800)
        run_versions(run);
    else if (roll < 815)
        run_feed(run);
    else if (roll < 816)
        run_trim_changes(run);
    else if (roll < 840)
        run_claim(run);
    else if (roll < 880)
        run_lease(run);
    else if (roll < 925)
        run_time(run);
    else if (roll < 940)
        run_tick(run);
    else if (roll < 985)
        run_index(run);
    else if (roll < 990)
        run_schema(run);
    else if (roll < 998)
        run_ddl(run);
    else if (roll < 999)
        run_reopen(run);
    else
        run_check(run);
}

static void report(const struct run *run, double seconds) {
    const struct run_counts *n = &run->counts;
    printf(
        "model %s: %llu operations, seed %llu, %.1f s: %llu transactions, %llu wheres, %llu "
        "writes, %llu "
        "batches, %llu refused, %llu replays, %llu gets, %llu queries (%llu pages, %llu by index, "
        "%llu by joins, %llu by an index of the past, %llu rows), %llu counts, %llu reads of the "
        "past (%llu refused, %llu trims, %llu times shortened by bytes), %llu "
        "versions, %llu changes (%llu images), %llu claims (%llu taken), %llu leases, %llu ended "
        "by time, %llu catalog, %llu schemas (%llu refused, %llu misfits), %llu builds (%llu "
        "failed), %llu "
        "reopens, %llu checks\n",
        run->rocks ? "rocks" : "mem", (unsigned long long)run->ops, (unsigned long long)run->seed,
        seconds, (unsigned long long)n->transactions, (unsigned long long)n->wheres,
        (unsigned long long)n->writes, (unsigned long long)n->batches,
        (unsigned long long)n->refused, (unsigned long long)n->replays, (unsigned long long)n->gets,
        (unsigned long long)n->queries, (unsigned long long)n->pages,
        (unsigned long long)n->by_index, (unsigned long long)n->by_join,
        (unsigned long long)n->past_by_index, (unsigned long long)n->rows,
        (unsigned long long)n->counts, (unsigned long long)n->pasts, (unsigned long long)n->expired,
        (unsigned long long)n->trims, (unsigned long long)n->bounded,
        (unsigned long long)n->versions, (unsigned long long)n->changes,
        (unsigned long long)n->images, (unsigned long long)n->claims, (unsigned long long)n->taken,
        (unsigned long long)n->leases, (unsigned long long)n->ended, (unsigned long long)n->catalog,
        (unsigned long long)n->schemas, (unsigned long long)n->refused_schemas,
        (unsigned long long)n->misfits, (unsigned long long)n->builds,
        (unsigned long long)n->failed_builds, (unsigned long long)n->reopens,
        (unsigned long long)n->checks);
    fflush(stdout);
}

static double now_s(void) { return (double)world_mono_ns(&world_system) / 1e9; }

static void run_seed(const struct options *o, uint64_t seed) {
    static struct run run;
    double start = now_s();
    run_open(&run, seed, o->rocks);
    for (run.ops = 1; run.ops <= o->ops; run.ops++) {
        run.verbose = o->verbose_from && run.ops >= o->verbose_from;
        step(&run);
    }
    run.ops--;
    ctx_reset(&run.ctx);
    model_begin(&run.model, run.world.wall_ms);
    run_check(&run);
    run_close(&run);
    report(&run, now_s() - start);
}

static bool read_options(int argc, char **argv, struct options *o) {
    for (int i = 1; i + 1 < argc; i += 2) {
        const char *name = argv[i], *value = argv[i + 1];
        if (strcmp(name, "--ops") == 0)
            o->ops = strtoull(value, NULL, 0);
        else if (strcmp(name, "--seed") == 0)
            o->seed = strtoull(value, NULL, 0);
        else if (strcmp(name, "--from") == 0)
            o->verbose_from = strtoull(value, NULL, 0);
        else if (strcmp(name, "--minutes") == 0)
            o->minutes = strtod(value, NULL);
        else if (strcmp(name, "--store") == 0 && (!strcmp(value, "mem") || !strcmp(value, "rocks")))
            o->rocks = strcmp(value, "rocks") == 0;
        else
            return false;
    }
    return argc % 2 == 1 && o->ops > 0;
}

int main(int argc, char **argv) {
    struct options o = {.ops = 20000, .seed = 1};
    if (!read_options(argc, argv, &o)) {
        fprintf(stderr, "usage: model_engine [--ops N] [--seed S] [--minutes M] "
                        "[--store mem|rocks] [--from N]\n");
        return 2;
    }
    double end = now_s() + o.minutes * 60;
    do
        run_seed(&o, o.seed++);
    while (now_s() < end);
    return 0;
}
