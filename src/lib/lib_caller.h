// For programs that serve a database to many: who a session works for, which is told by what runs
// and part of every idempotency key.
#ifndef LIB_LIB_CALLER_H
#define LIB_LIB_CALLER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err/err.h"
#include "nacre/nacre.h"

struct engine;

// What stands behind a database: for rooms that keep documents of their own in it.
struct engine *lib_engine(nacre_db *db);

// name stays the caller's until the next call of this; NULL: the program itself. all: it sees and
// cancels what runs for others.
void lib_caller_set(nacre_session *session, const char *name, bool all);

// One request of the caller, which may be several calls of the library.
struct lib_request {
    const char *id;       // for problem objects, borrowed; NULL: none
    uint64_t deadline_ns; // of all its calls together, on the monotonic clock; 0: none
};
void lib_request_set(nacre_session *session, const struct lib_request *request);
// The record of the session's last call.
const struct err *lib_session_error(const nacre_session *session);
// The record of what went wrong with them last.
const struct err *lib_backups_error(const nacre_backups *backups);
// Waits until what the write of this token did can be seen: NACRE_TIMEOUT by the session's bound.
// NACRE_INVALID_ARGUMENT: no token, or of a write that this database does not have.
MUST_USE nacre_status lib_sequence_wait(nacre_session *session, const char *token);
// The durability of the commit of the session's transaction.
void lib_tx_durability(nacre_session *session, nacre_durability durability);
// What the queries and other long requests of a session took since it was last asked.
struct lib_cost {
    uint64_t examined; // documents
    char plan[80];     // of the last one; "" = none
};
struct lib_cost lib_cost_take(nacre_session *session);

#endif
