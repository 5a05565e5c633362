// Inside the room: the rows of KV_META that the catalog owns. Bytes: docs/format/catalog.md.
#ifndef CATALOG_ROWS_H
#define CATALOG_ROWS_H

#include "catalog/catalog.h"

enum { CATALOG_ROW_FORMAT = 1, CATALOG_ROW_MAX = 64 * 1024 * 1024 };
enum { STORE_VERSION = 1, STORE_APPLY_VERSION = 1 }; // what this program writes and knows

// NACRE_CORRUPT, naming the row.
MUST_USE nacre_status catalog_row_bad(struct ctx *ctx, struct slice key, const char *what);
// Checks checksum and format byte. body is whatever lies between: valid BSON only after
// bson_validate.
MUST_USE nacre_status catalog_row_open(struct ctx *ctx, struct slice key, struct slice value,
                                       struct slice *out_body);
// Puts the row; body's sticky status, and what fails here, becomes the batch's.
void catalog_row_put(struct kv_batch *batch, struct slice key, const struct buf *body);

// The fields of a row's BSON: exactly these, in this order; optional ones may be absent
// (VAL_MISSING).
struct catalog_row_field {
    const char *name;
    enum val_type type;
    bool optional;
};
enum { CATALOG_ROW_FIELDS_MAX = 12 };
MUST_USE nacre_status catalog_row_fields(struct ctx *ctx, struct slice key, struct slice value,
                                         const struct catalog_row_field *fields, struct val *out);

// Decoders; everything they give is copied into ctx's arena.
MUST_USE nacre_status catalog_row_database(struct ctx *ctx, struct slice key, struct slice value,
                                           struct database *out);
MUST_USE nacre_status catalog_row_collection(struct ctx *ctx, struct slice key, struct slice value,
                                             struct collection *out);
MUST_USE nacre_status catalog_row_index(struct ctx *ctx, struct slice key, struct slice value,
                                        struct index_def *out);
MUST_USE nacre_status catalog_row_counters(struct ctx *ctx, struct slice key, struct slice value,
                                           struct catalog_counters *out);

// ASCII letters in any case are one.
int catalog_name_cmp(struct slice a, struct slice b);

#endif
