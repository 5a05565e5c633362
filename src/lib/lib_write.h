// Inside the room: what the calls that write share.
#ifndef LIB_LIB_WRITE_H
#define LIB_LIB_WRITE_H

#include "lib/lib.h"

// NACRE_INVALID_ARGUMENT for what no write can be asked, and for conditions; o may be NULL.
MUST_USE nacre_status lib_write_check_plain(struct nacre_session *s, const nacre_write *o,
                                            const char *call);
MUST_USE nacre_status lib_write_bad_option(struct nacre_session *s, const char *name,
                                           const char *detail);
enum durability lib_write_durability(const nacre_write *o);
// seed tells operations apart that have one target.
struct idempotency lib_write_idempotency(const struct nacre_session *s, const nacre_write *o,
                                         struct slice body, uint64_t seed);

// A patch as the engine takes it, in the session's buffers.
MUST_USE nacre_status lib_write_patch(struct nacre_session *s, nacre_patch_kind kind,
                                      struct slice json, enum patch_format *format,
                                      struct slice *out);

// Whether an error is about the request as a whole, not about one of its operations.
bool lib_write_is_of_whole(nacre_status status);

// Room for the answer of a write without its document, taken before the write is done.
MUST_USE nacre_status lib_write_reserve(struct nacre_session *s);
// Fills *out (may be NULL) from an answer of one operation. A document that cannot be told for want
// of memory is NACRE_OUTCOME_UNKNOWN: the write was done.
MUST_USE nacre_status lib_write_answer(struct nacre_session *s, const struct result *result,
                                       const nacre_write *o, nacre_result *out);
// The document of an answer as JSON, appended to out.
MUST_USE nacre_status lib_write_document(struct nacre_session *s, const struct op_result *op,
                                         bool with_token, struct buf *out);
// The id of an answer.
MUST_USE nacre_status lib_write_id(struct nacre_session *s, const struct op_result *op,
                                   struct val *out);

#endif
