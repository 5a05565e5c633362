// Import of NDJSON through the library, documents of about 1 KB, two indexes, against raw RocksDB.
// In turn, medians; each round in a new database. The peer is given the same texts and writes the
// same four keys for each: document, two index entries, change record. It parses nothing, writes
// batches of 1,000 documents with its WAL, and syncs the last one; Nacre syncs its log about once a
// second and at the end. Both make their input in the thread that calls.
//   bench_import [--documents N] [--rounds N] [--memory MIB] [--dir DIR]
// Goals: 0.8 times raw RocksDB, 60,000 documents a second, memory that does not grow with the
// input.
#include <stdio.h>

#include "kit/kit.h"
#include "kit/orders.h"
#include "kit/raw.h"

enum { BATCH = 1000 };

struct setup {
    uint64_t documents, memory_bytes;
    const char *dir;
};

struct figures {
    double per_s, cpu_us, peak_mib;
};

static struct figures nacre_round(const struct setup *o) {
    const char *dir = kit_dir(o->dir, "import", 0);
    nacre_db *db = orders_open(dir, o->memory_bytes);
    nacre_session *session = orders_session(db);
    orders_create(session, 2);
    double wall = kit_now_s(), cpu = kit_cpu_s();
    orders_import(session, 0, o->documents);
    wall = kit_now_s() - wall;
    cpu = kit_cpu_s() - cpu - orders_input_cpu_s(o->documents);
    orders_close(db, session);
    kit_remove(dir);
    return (struct figures){(double)o->documents / wall, cpu / (double)o->documents * 1e6,
                            kit_peak_mib()};
}

static struct figures rocks_round(const struct setup *o) {
    const char *dir = kit_dir(o->dir, "import-rocksdb", 1);
    rocksdb_t *db = raw_rocks_open(dir, 64u << 20);
    double wall = kit_now_s(), cpu = kit_cpu_s();
    for (uint64_t i = 0; i < o->documents; i += BATCH) {
        uint64_t n = o->documents - i < BATCH ? o->documents - i : BATCH;
        raw_rocks_put_orders(db, i, n, i + n == o->documents, 1);
    }
    wall = kit_now_s() - wall;
    cpu = kit_cpu_s() - cpu - orders_input_cpu_s(o->documents);
    raw_rocks_close(db);
    kit_remove(dir);
    return (struct figures){(double)o->documents / wall, cpu / (double)o->documents * 1e6, 0};
}

int main(int argc, char **argv) {
    struct setup o = {.documents = kit_number(argc, argv, "--documents", 100000),
                      .memory_bytes = kit_number(argc, argv, "--memory", 512) << 20,
                      .dir = kit_text(argc, argv, "--dir", "/tmp")};
    int rounds = (int)kit_number(argc, argv, "--rounds", 3);
    double nacre[KIT_ROUNDS_MAX], rocks[KIT_ROUNDS_MAX], ratio[KIT_ROUNDS_MAX];
    if (rounds < 1 || rounds > KIT_ROUNDS_MAX) rounds = 3;
    // Twice the input must not take more memory; measured before RocksDB has taken any.
    struct setup half = o;
    half.documents /= 2;
    double small_mib = nacre_round(&half).peak_mib, large_mib = nacre_round(&o).peak_mib;
    for (int i = 0; i < rounds; i++) {
        struct figures a = nacre_round(&o), b = rocks_round(&o);
        fprintf(stderr, "nacre %.0f/s %.1f us CPU, rocksdb %.0f/s %.1f us CPU\n", a.per_s, a.cpu_us,
                b.per_s, b.cpu_us);
        nacre[i] = a.per_s;
        rocks[i] = b.per_s;
        ratio[i] = a.per_s / b.per_s;
    }
    double mine = kit_median(nacre, rounds), theirs = kit_median(rocks, rounds);
    double times = kit_median(ratio, rounds);
    kit_row("import, 1 KB, two indexes, against raw RocksDB", "≥ 0.8×", times >= 0.8,
            "%.2f× (%.0f against %.0f documents/s)", times, mine, theirs);
    kit_row("import, documents/s", "≥ 60,000", mine >= 60000, "%.0f", mine);
    double budget_mib = (double)(o.memory_bytes >> 20);
    kit_row("import, peak memory", "flat: the budget", large_mib <= budget_mib * 1.1 + 32,
            "%.0f MiB for %llu documents, %.0f MiB for %llu, budget %.0f MiB", small_mib,
            (unsigned long long)half.documents, large_mib, (unsigned long long)o.documents,
            budget_mib);
    return 0;
}
