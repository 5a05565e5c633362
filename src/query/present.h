// Documents as answers: JSON with their system fields, or with the fields asked for.
#ifndef QUERY_PRESENT_H
#define QUERY_PRESENT_H

#include "doc/json.h"
#include "doc/row.h"

// The `fields` of a request: a tree of names. Immutable; lives in the ctx's arena it was parsed
// with.
struct projection;
enum { PROJECTION_PATHS_MAX = 1000 };

// fields: an array of paths, or one text of paths with commas between. VAL_MISSING: *out is NULL
// (everything). NACRE_INVALID_ARGUMENT with pointer /fields/i.
MUST_USE nacre_status project_parse(struct ctx *ctx, struct val fields, struct projection **out);

struct present_options {
    const struct projection *fields; // NULL: everything
    bool no_system;                  // exports: without fields, no system fields but _id
    bool with_token;                 // the claimer's answer: _lease has its token
    enum json_int64 int64;
    int64_t now_ms; // an ended lease is not shown
};

// Appends the JSON object: _id first, user fields in stored order, then _version, _created,
// _updated, _expires (if any), _lease {until, holder?} (if it lives; with the token always). With
// fields only those paths and _id: objects on the way are kept with what is asked of them, arrays
// with their objects; an index in a path picks that element. Errors stick in json.
void present_doc(struct buf *json, const struct row *row, const struct present_options *options);

#endif
