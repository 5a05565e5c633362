// The error record as text, for rooms that answer errors of their own beside the library's.
#ifndef LIB_PROBLEM_H
#define LIB_PROBLEM_H

#include "base/err/err.h"
#include "base/mem/buf.h"

// Appends the problem object of err (RFC 9457). request_id: of the request it answers; NULL: none.
void lib_problem_write(struct buf *out, const struct err *err, const char *request_id);

#endif
