// The fault point that every system call of base/os passes. Internal to base/os.
#ifndef BASE_OS_IO_FAULT_H
#define BASE_OS_IO_FAULT_H

#include <errno.h>

#include "base/os/fault.h"

// True, with errno set, when this call is to fail.
static inline bool io_fault(void) {
    if (!fault_hit(FAULT_IO)) return false;
    errno = EIO;
    return true;
}

// Runs call, a system call that returns -1 and errno, until it was not interrupted by a signal.
#define IO_RETRY(call)                                                                             \
    ({                                                                                             \
        __typeof__(call) io_result_ = -1;                                                          \
        if (!io_fault()) do                                                                        \
                io_result_ = (call);                                                               \
            while (io_result_ == -1 && errno == EINTR);                                            \
        io_result_;                                                                                \
    })

#endif
