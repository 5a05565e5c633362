// The worker that crash programs run again and again on one directory: opens the database, compares
// it with the oracle, lets actors loose, closes. The oracle lies in a file that every process maps.
#ifndef TESTS_SUPPORT_CRASH_WORKER_H
#define TESTS_SUPPORT_CRASH_WORKER_H

#include "support/oracle.h"

enum crash_phase { PHASE_START, PHASE_CHECK, PHASE_RUN, PHASE_CLOSE, PHASE_END };
enum { CRASH_EXIT_ORACLE = 3, CRASH_EXIT_HARNESS = 4, CRASH_EXIT_MACHINE = 5 };

struct crash_work {
    const char *dir, *oracle_path;
    uint64_t seed, run_ms;
    bool drain;  // afterwards waits for what is due to end, and checks again
    bool faults; // the disk fails at some time: then it ends, with CRASH_EXIT_MACHINE
    bool marks;  // each acknowledgement marks the trace of libfaultio.so
};

struct oracle *crash_oracle(const char *path);   // shared; NULL: it cannot be mapped
int crash_worker(const struct crash_work *work); // exit status
// Opens a directory as a power cut left it, with the acknowledgements up to mark made: exit status.
int crash_verify(const char *dir, const char *oracle_path, uint64_t mark);

#endif
