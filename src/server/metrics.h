// What the server counts, and how it tells it: Prometheus' text format. Thread-safe.
#ifndef SERVER_METRICS_H
#define SERVER_METRICS_H

#include <stdatomic.h>

#include "base/mem/buf.h"
#include "nacre/nacre.h"
#include "ops/op.h"

enum { METRICS_BUCKETS = 14, METRICS_OPS_MAX = 128 };

// Of one operation. The last of buckets counts what took longer than all bounds.
struct metrics_op {
    _Atomic uint64_t results[NACRE_STATUS_COUNT];
    _Atomic uint64_t buckets[METRICS_BUCKETS + 1];
    _Atomic uint64_t sum_us;
};
struct metrics {
    struct metrics_op ops[METRICS_OPS_MAX];
    uint64_t start_ms;           // Unix time
    _Atomic uint64_t lines_lost; // of the log for people
};

void metrics_count(struct metrics *metrics, const struct op *op, nacre_status status, uint64_t us);
// Appends all; what the engine knows is asked by session.
MUST_USE nacre_status metrics_print(struct ctx *ctx, const struct metrics *metrics, nacre_db *db,
                                    nacre_session *session, struct buf *out);

#endif
