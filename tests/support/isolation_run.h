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

#endif
