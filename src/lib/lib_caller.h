// For programs that serve a database to many: who a session works for, which is told by what runs
// and part of every idempotency key.
#ifndef LIB_LIB_CALLER_H
#define LIB_LIB_CALLER_H

#include <stdbool.h>

#include "nacre/nacre.h"

struct engine;

// What stands behind a database: for rooms that keep documents of their own in it.
struct engine *lib_engine(nacre_db *db);

// name stays the caller's until the next call of this; NULL: the program itself. all: it sees and
// cancels what runs for others.
void lib_caller_set(nacre_session *session, const char *name, bool all);

#endif
