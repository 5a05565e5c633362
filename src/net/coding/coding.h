// Codings of a reply's content (RFC 9110, 8.4): which one a client wants, and bytes to coded bytes.
#ifndef NET_CODING_CODING_H
#define NET_CODING_CODING_H

#include "base/mem/buf.h"

enum coding { CODING_NONE, CODING_ZSTD, CODING_GZIP };

// By a header Accept-Encoding (p NULL: none); of equal weights zstd comes first.
enum coding coding_choose(struct slice accept);
const char *coding_name(enum coding coding);

struct coder;
enum coder_step { CODER_MORE, CODER_FLUSH, CODER_END };
struct coder *coding_open(enum coding coding); // NULL: there is no memory
void coding_close(struct coder *coder);        // NULL is fine
// Appends to out; flush: all that was put can be read from it; end: it is whole.
MUST_USE bool coding_put(struct coder *coder, struct slice bytes, enum coder_step step,
                        struct buf *out);

#endif
