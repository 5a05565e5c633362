// For programs whose thread may not wait: a read that is answered from memory or not at all.
#ifndef LIB_LIB_CACHED_H
#define LIB_LIB_CACHED_H

#include <stdbool.h>

#include "nacre/nacre.h"

// As nacre_get outside of a transaction, from the document cache alone. *would_wait: the cache
// does not know this id, and nothing was done; the status is NACRE_UNAVAILABLE, without a record.
NACRE_MUST_USE nacre_status lib_get_cached(nacre_session *session, nacre_collection *collection,
                                           nacre_id id, nacre_doc *out, bool *would_wait);

#endif
