// Runs this executable again with libfaultio.so before it (support/preload/faultio.c).
#ifndef SUPPORT_FAULTY_H
#define SUPPORT_FAULTY_H

#include <stdbool.h>

struct faulty_run {
    const char *prefix;                     // the directory: absolute, without symbolic links
    const char *trace;                      // record into this file
    const char *nth, *error, *sticky, *ops; // as NACRE_FAULTIO_…; NULL = unset
    const char *count;                      // file that gets the number of calls
};

// NACRE_FAULTIO names the library; the build's tests set it.
bool faulty_available(void);
// The exit status, or 256 + the signal that ended it. args ends with NULL.
int faulty_run_self(const struct faulty_run *run, const char *const *args);

#endif
