// How long a database takes to open: closed cleanly; and after a kill with a full log.
//   bench_open [--documents N] [--rounds N] [--dir DIR]
// 1,000,000 documents are 1 GB of input. Goals: 300 ms clean, 4 s after a kill with 64 MiB of log.
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err/check.h"
#include "kit/kit.h"
#include "kit/orders.h"

enum { LOG_DOCUMENTS = 52000 }; // of 1 KB and its envelope: close to 64 MiB, below a flush

// In a process of its own: writes what is only in the log, and dies.
static int fill_log(const char *dir, uint64_t from, uint64_t count) {
    nacre_db *db = orders_open(dir, 1u << 30);
    nacre_session *session = orders_session(db);
    nacre_collection c = nacre_collection_of(NULL, "orders");
    nacre_write memory = {.durability = NACRE_MEMORY}, synced = {.durability = NACRE_SYNCED};
    char json[1400];
    for (uint64_t i = from; i < from + count; i++) {
        size_t n = kit_order(json, i);
        orders_must(session, nacre_put(session, &c, NULL, json, n,
                                       i + 1 == from + count ? &synced : &memory, NULL));
    }
    return raise(SIGKILL);
}

static void kill_after_writes(const char *program, const char *dir, uint64_t from, uint64_t count) {
    char first[24], many[24];
    snprintf(first, sizeof first, "%llu", (unsigned long long)from);
    snprintf(many, sizeof many, "%llu", (unsigned long long)count);
    pid_t child = fork();
    int status;
    CHECK(child >= 0);
    if (child == 0) {
        execl(program, program, "--fill", dir, "--from", first, "--count", many, (char *)NULL);
        _exit(127);
    }
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static double open_ms(const char *dir) {
    double start = kit_now_s();
    nacre_db *db = orders_open(dir, 1u << 30);
    double spent = (kit_now_s() - start) * 1e3;
    orders_close(db, NULL);
    return spent;
}

int main(int argc, char **argv) {
    const char *fill = kit_text(argc, argv, "--fill", NULL);
    if (fill)
        return fill_log(fill, kit_number(argc, argv, "--from", 0),
                        kit_number(argc, argv, "--count", 0));
    uint64_t documents = kit_number(argc, argv, "--documents", 100000), from = documents;
    int rounds = (int)kit_number(argc, argv, "--rounds", 5);
    double clean[KIT_ROUNDS_MAX], killed[KIT_ROUNDS_MAX];
    if (rounds < 1 || rounds > KIT_ROUNDS_MAX) rounds = 5;
    const char *dir = kit_dir(kit_text(argc, argv, "--dir", "/tmp"), "open", 0);
    nacre_db *db = orders_open(dir, 1u << 30);
    nacre_session *session = orders_session(db);
    orders_create(session, 2);
    orders_import(session, 0, documents);
    orders_close(db, session);
    for (int i = 0; i < rounds; i++) {
        clean[i] = open_ms(dir);
        kill_after_writes("/proc/self/exe", dir, from, LOG_DOCUMENTS);
        from += LOG_DOCUMENTS;
        killed[i] = open_ms(dir);
        fprintf(stderr, "open: clean %.0f ms, after a kill %.0f ms\n", clean[i], killed[i]);
    }
    double calm = kit_median(clean, rounds), after = kit_median(killed, rounds);
    kit_row("open, closed cleanly", "≤ 300 ms", calm <= 300, "%.0f ms (%llu documents)", calm,
            (unsigned long long)documents);
    kit_row("open, after a kill with a full 64 MiB log", "≤ 4 s", after <= 4000,
            "%.2f s (%d commands)", after / 1e3, LOG_DOCUMENTS);
    kit_remove(dir);
    return 0;
}
