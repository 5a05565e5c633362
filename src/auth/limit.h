// Token buckets: so many a second for each of many names, in a table that does not grow. Where more
// names come than it holds, those that asked longest ago begin anew. Thread-safe.
#ifndef AUTH_LIMIT_H
#define AUTH_LIMIT_H

#include "base/err/ctx.h"
#include "base/os/mutex.h"

struct limit;

// What a bucket tells of itself.
struct limit_state {
    uint32_t a_second; // 0: there is no limit
    uint32_t left;     // that may be taken now
    uint32_t wait_s;   // until there is one; 0 where there is
};

// a_second: at least 1; a bucket holds burst. NULL: no memory.
struct limit *limit_open(uint32_t a_second, uint32_t burst);
void limit_close(struct limit *limit); // NULL is fine
// Takes one from the bucket of that name. False: it is empty.
bool limit_take(struct limit *limit, struct slice name, uint64_t now_ns, struct limit_state *out);
// The same without taking.
bool limit_look(struct limit *limit, struct slice name, uint64_t now_ns, struct limit_state *out);

#endif
