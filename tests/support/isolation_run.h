// Clients that run random transactions through nacre.h and record what they saw (isolation.h).
#ifndef SUPPORT_ISOLATION_RUN_H
#define SUPPORT_ISOLATION_RUN_H

#include "nacre/nacre.h"
#include "support/isolation.h"

struct iso_run {
    nacre_db *db;
    uint64_t seed, operations; // about as many, by all clients together
    uint32_t clients;
    nacre_isolation isolation;
};
// *out holds the history, with the last transaction that reads everything.
// The database must be new. false: a call failed as it must not; text
// says which.
bool iso_run(const struct iso_run *run, struct iso_history *out, char text[512]);

struct iso_kills {
    const char *dir; // of the database, which is not open
    uint64_t memory_bytes;
    uint32_t kills, unknown, unknown_committed; // told: of transactions whose outcome was not
};
// The same by clients in a process that is killed at random moments and started again; run->db is
// not looked at. What was under way at a kill is settled in the history (iso_settle). The database
// is left closed.
bool iso_run_killed(const struct iso_run *run, struct iso_kills *kills, struct iso_history *out,
                    char text[512]);
// That process: main of the program calls it when its arguments are "worker" and path.
int iso_worker(const char *path);

#endif
