// Calls that took long: the last of them, in memory. Never what documents or requests hold.
// Thread-safe.
#ifndef OPS_SLOWLOG_H
#define OPS_SLOWLOG_H

#include "ops/op.h"

struct op_slowlog;

// Notes what takes threshold_ms or longer; 0: everything. NULL where there is no memory.
struct op_slowlog *op_slowlog_open(uint64_t threshold_ms, const struct world *world);
void op_slowlog_close(struct op_slowlog *slowlog); // NULL is fine
// The time at which a call begins.
uint64_t op_slowlog_begin(const struct op_call *call);
// At the end of a call: what its session tells of its cost is taken, and it is noted if it was
// slow.
void op_slowlog_end(const struct op_call *call, uint64_t begin_ns, nacre_status status);

#endif
