// Where credentials, roles and users are kept: documents of a hidden database, so that they are
// logged, backed up and copied like all others. Bytes: docs/format/auth.md.
#ifndef AUTH_ROWS_H
#define AUTH_ROWS_H

#include "engine/engine.h"

enum rows_kind { ROWS_KEYS, ROWS_ROLES, ROWS_USERS, ROWS_KINDS };

// Gives each document of that kind, valid during the call.
typedef nacre_status rows_each(void *arg, struct ctx *ctx, struct slice bson);
MUST_USE nacre_status rows_load(struct ctx *ctx, struct engine *engine, enum rows_kind kind,
                                rows_each *each, void *arg);
// Durable when it returns. insert: NACRE_ALREADY_EXISTS where the id is there.
MUST_USE nacre_status rows_put(struct ctx *ctx, struct engine *engine, enum rows_kind kind,
                               struct slice id, struct slice bson, bool insert);
// Sets one date of a document that is there; may be lost with the end of the log.
MUST_USE nacre_status rows_note(struct ctx *ctx, struct engine *engine, enum rows_kind kind,
                                struct slice id, const char *member, int64_t ms);
// NACRE_DOCUMENT_NOT_FOUND.
MUST_USE nacre_status rows_delete(struct ctx *ctx, struct engine *engine, enum rows_kind kind,
                                  struct slice id);

#endif
