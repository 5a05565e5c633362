// JSON (RFC 8259) to BSON in one pass, and back. Extended values: {"$date"} {"$binary"} {"$int64"}
// {"$f32"} {"$f16"} {"$i8"} {"$bit"}. A number without fraction and exponent is an int64, any other
// a double; what fits neither is refused.
#ifndef DOC_JSON_H
#define DOC_JSON_H

#include "doc/bson.h"

struct json_options {
    bool allow_dollar_names; // patches and filters: names that start with '$' are kept as they are
                             // ({"$date"} etc. still are values)
    bool allow_trailing;     // stop after the value; *out_consumed tells where
    uint32_t depth_max;      // 0 = DOC_DEPTH_MAX
};

// Parses one JSON object into BSON appended to out. Of equal names the last counts (at the place of
// the first). Cost: linear; about 0.6 ns a byte of text plus 20 ns a field.
// Errors, at the first place of any; out is as it was, and usable:
// - NACRE_INVALID_JSON with span, and line and column in the detail; also for what is not Unicode;
// - NACRE_INVALID_ARGUMENT with span and pointer for what is JSON but not a document (top level no
//   object, '$' names, U+0000 in a name, number out of range, depth, an extended value of
//   the wrong shape);
// - NACRE_DOCUMENT_TOO_LARGE beyond out->max; NACRE_MEMORY_LIMIT.
MUST_USE nacre_status json_parse(struct ctx *ctx, struct slice text,
                                 const struct json_options *options, struct buf *out);
// Any JSON value: the result is appended as a one-field object {"": value}; val_out (if not NULL)
// views the value in out, valid while out is not changed.
MUST_USE nacre_status json_parse_value(struct ctx *ctx, struct slice text,
                                       const struct json_options *options, struct buf *out,
                                       size_t *out_consumed, struct val *val_out);

enum json_int64 { JSON_INT64_NUMBER, JSON_INT64_STRING }; // STRING: {"$int64":"…"} beyond ±(2^53−1)

// Compact JSON of a value or a document, shortest doubles, extended forms. Appended to out.
void json_write_val(struct buf *out, struct val v, enum json_int64 mode);
void json_write_doc(struct buf *out, struct slice bson, enum json_int64 mode);
// A JSON string literal with its quotes.
void json_write_str(struct buf *out, struct slice text);

#endif
