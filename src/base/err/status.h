// Status values and the rules around them. The values come from the error table (api/errors.json).
#ifndef BASE_ERR_STATUS_H
#define BASE_ERR_STATUS_H

#include "nacre/errors.h"

// On every function that returns nacre_status: the caller must look at it.
#define MUST_USE __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))

// Returns from the enclosing function with the status of expr unless it is NACRE_OK.
#define TRY(expr)                                                                                  \
    do {                                                                                           \
        nacre_status try_status_ = (expr);                                                         \
        if (__builtin_expect(try_status_ != NACRE_OK, 0)) return try_status_;                      \
    } while (0)

#endif
