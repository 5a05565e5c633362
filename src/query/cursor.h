// Inside the room: the tokens of pages. Bytes: docs/format/cursor.md.
//   format u8 · filter hash u64 · sort hash u64 · collection id u32 · sort key of the last row ·
//   crc32c u32, all of it as base64url
#ifndef QUERY_CURSOR_H
#define QUERY_CURSOR_H

#include "base/err/ctx.h"
#include "index/sort_key.h"

// What a token belongs to.
struct cursor_scope {
    uint64_t filter_hash; // 0: every document
    uint64_t sort_hash;
    uint32_t collection_id;
};

// Directions and names of the terms, however their paths are spelt.
uint64_t cursor_sort_hash(const struct sort_spec *sort);
// Appends the token. key: what sort_key gives.
void cursor_write(struct buf *out, const struct cursor_scope *scope, struct slice key);
// Foreign text: NACRE_INVALID_ARGUMENT (pointer /cursor). *out lives in ctx's arena; it is one
// component per term and a typed id.
MUST_USE nacre_status cursor_read(struct ctx *ctx, struct slice token,
                                  const struct cursor_scope *scope, const struct sort_spec *sort,
                                  struct slice *out);

#endif
