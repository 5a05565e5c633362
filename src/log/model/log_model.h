// The model log: in memory, for simulation and tests. Loses what was not synced, answers "unknown",
// delays, duplicates.
#ifndef LOG_MODEL_LOG_MODEL_H
#define LOG_MODEL_LOG_MODEL_H

#include "base/ds/rng.h"
#include "log/replog.h"

struct log_model_options {
    uint64_t seed;
    uint32_t unknown_per_mille; // append answers NACRE_OUTCOME_UNKNOWN (half of them are in the log
                                // all the same)
    uint32_t fail_sync_per_mille; // sync fails and poisons
    uint32_t
        duplicate_per_mille; // a cursor gives a record twice (readers must drop index ≤ applied)
};

MUST_USE nacre_status log_model_new(struct ctx *ctx, const struct log_model_options *options,
                                    struct replog **out);
// Power loss: keeps all synced records and a random prefix of the unsynced ones. The handle can be
// opened again with log_model_reopen.
void log_model_crash(struct replog *log);
void log_model_reopen(struct replog *log);

#endif
