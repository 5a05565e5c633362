// Assertions in three prices. None may depend on bytes read from disk or from a client: corrupt or
// hostile input is a status, never an assertion.
#ifndef BASE_ERR_CHECK_H
#define BASE_ERR_CHECK_H

#include <stdbool.h>

_Noreturn void check_failed(const char *expr, const char *file, int line);

// CHECK: always on, for what would otherwise write wrong bytes. Cost: one predictable branch.
#define CHECK(expr) ((expr) ? (void)0 : check_failed(#expr, __FILE__, __LINE__))

// DCHECK: on in dev, sanitizer and fuzz builds (no NDEBUG).
#ifdef NDEBUG
#define DCHECK(expr) ((void)sizeof(!(expr)))
#else
#define DCHECK(expr) CHECK(expr)
#endif

// SLOW_CHECK: whole-structure checks, on only with NACRE_SLOW_CHECKS (model tests).
#ifdef NACRE_SLOW_CHECKS
#define SLOW_CHECK(expr) CHECK(expr)
#else
#define SLOW_CHECK(expr) ((void)sizeof(!(expr)))
#endif

#endif
