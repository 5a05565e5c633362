// A log in front of another one (the model's), whose n-th call fails: as a disk that dies. A failed
// append or sync may have happened all the same, and everything after it fails, too.
#ifndef TESTS_SUPPORT_FAILING_LOG_H
#define TESTS_SUPPORT_FAILING_LOG_H

#include "log/replog.h"

struct failing_log {
    struct replog base; // for the engine
    struct replog *inner;
    uint64_t countdown; // 0 = off
    bool happens;       // a failing append or sync is done before it fails
    bool failing;
};

void failing_log_init(struct failing_log *log, struct replog *inner);
void failing_log_arm(struct failing_log *log, uint64_t nth, bool happens); // 0 = off

#endif
