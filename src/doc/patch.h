// Patches: RFC 7396 merge patch, RFC 6902 JSON Patch, MongoDB's update operators. Pure and whole or
// nothing.
#ifndef DOC_PATCH_H
#define DOC_PATCH_H

#include "base/err/ctx.h"
#include "base/mem/buf.h"
#include "doc/bson.h"

enum patch_kind {
    PATCH_MERGE = 1,
    PATCH_JSON = 2,
    PATCH_OPERATORS = 3
}; // values are part of the logged format

struct patch {
    enum patch_kind kind;
    struct slice bson; // merge and operators: the object; JSON Patch: {"ops":[…]}
};

// Checks the shape of a patch that came as application/json: all names start with '$' = operators,
// none does = merge, mixed or unknown operator = NACRE_INVALID_ARGUMENT with suggestion. bson from
// json_parse with allow_dollar_names. $set $unset $inc $mul $min $max $push $pull $addToSet ($each)
// $rename $currentDate. Paths must not conflict with one another, and must not name _id or another
// system field (400).
MUST_USE nacre_status patch_of_object(struct ctx *ctx, struct slice bson, struct patch *out);
// Checks a JSON Patch: {"ops":[{op, path, …}]}.
MUST_USE nacre_status patch_of_ops(struct ctx *ctx, struct slice bson, struct patch *out);
// application/merge-patch+json: names that start with '$' are refused.
MUST_USE nacre_status patch_of_merge(struct ctx *ctx, struct slice bson, struct patch *out);

// Applies to body (BSON object, first field _id kept) and appends the new body to out. now_ms
// serves $currentDate. Errors: NACRE_INVALID_ARGUMENT (does not fit the stored value; integer
// overflow), NACRE_CONDITION_FAILED (JSON Patch test), NACRE_DOCUMENT_TOO_LARGE, depth.
// Deterministic: own code only, no clock, no libm.
MUST_USE nacre_status patch_apply(struct ctx *ctx, const struct patch *patch, struct slice body,
                                  int64_t now_ms, struct buf *out);

#endif
