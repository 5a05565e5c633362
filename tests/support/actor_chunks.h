// Changes by filter in chunks, of an actor.
#ifndef TESTS_SUPPORT_ACTOR_CHUNKS_H
#define TESTS_SUPPORT_ACTOR_CHUNKS_H

#include "support/actor.h"

// All of its documents in an interval of ids, in chunks.
MUST_USE nacre_status actor_chunks(struct actor *a);
// The one that the intent is about, for the first time or again.
MUST_USE nacre_status actor_chunks_send(struct actor *a, bool again);

#endif
