// Inside doc/: what the three kinds of patches share.
#ifndef DOC_PATCH_IMPL_H
#define DOC_PATCH_IMPL_H

#include "doc/patch.h"
#include "doc/path.h"
#include "doc/tree.h"

enum {
    PATCH_STEPS_MAX = 10000, // operations of a JSON Patch, paths of all operators together
    PATCH_PAD_MAX =
        200000, // nulls that one patch may put into arrays before an index beyond the end
    PATCH_COPY_MAX_BYTES = DOC_BYTES_MAX, // what the copies of one JSON Patch may add up to,
                                              // before anything is removed
};

// One application. The tree and all else lives in ctx's arena and is given back at the end.
struct patch_job {
    struct ctx *ctx;
    struct slice body;
    struct val id; // as stored, VAL_MISSING if the body has none
    struct tree *root;
    int64_t now_ms;
    uint32_t padded;
    uint64_t copied_bytes;
};

// A place in the patch, for error pointers. Too long a place is cut.
struct patch_at {
    char pointer[ERR_TEXT_MAX];
};
struct patch_at patch_at_root(void);
struct patch_at patch_at_name(const struct patch_at *at, struct slice name);
struct patch_at patch_at_index(const struct patch_at *at, uint32_t index);

// Records NACRE_INVALID_ARGUMENT with detail and one item.
MUST_USE nacre_status patch_refuse(struct ctx *ctx, const struct patch_at *at, const char *expected,
                                   const char *got, const char *detail);
// A short text of a value, for got and expected.
const char *patch_show(struct val v, char out[ERR_TEXT_MAX]);
// The word in a NUL-terminated buffer, and the candidate nearest to it as a suggestion.
void patch_suggest(struct ctx *ctx, struct slice word, const char *const *candidates, size_t count);

bool patch_is_system(struct slice name); // _version _created _updated _expires _lease; not _id
// NACRE_INVALID_ARGUMENT if a name within v starts with '$'.
MUST_USE nacre_status patch_check_names(struct ctx *ctx, struct val v, const struct patch_at *at);
MUST_USE nacre_status patch_check_object(struct ctx *ctx, struct slice bson,
                                         const struct patch_at *at);
// A path that a patch may name: no '$' names, no system field; _id is for the caller to judge.
MUST_USE nacre_status patch_check_path(struct ctx *ctx, const struct path *path,
                                       const struct patch_at *at);
bool patch_path_is_id(const struct path *path); // _id or below it
// A new value of _id must be the stored one.
MUST_USE nacre_status patch_check_id(struct patch_job *job, struct val v,
                                     const struct patch_at *at);
// value is to stand below levels containers: within DOC_DEPTH_MAX?
MUST_USE nacre_status patch_check_depth(struct patch_job *job, const struct tree *value,
                                        uint32_t levels, const struct patch_at *at);

// Merge patch (RFC 7396).
MUST_USE nacre_status patch_merge_check(struct ctx *ctx, struct slice bson);
MUST_USE nacre_status patch_merge_apply(struct patch_job *job, struct slice bson);

// JSON Patch (RFC 6902).
enum patch_json_op { PATCH_ADD, PATCH_REMOVE, PATCH_REPLACE, PATCH_MOVE, PATCH_COPY, PATCH_TEST };
struct patch_step {
    enum patch_json_op op;
    struct path path, from; // count 0: the whole document
    struct val value;
};
MUST_USE nacre_status patch_json_parse(struct ctx *ctx, struct slice bson, struct patch_step **out,
                                       uint32_t *count);
MUST_USE nacre_status patch_json_apply(struct patch_job *job, struct slice bson);

// Operators.
enum patch_op {
    PATCH_SET,
    PATCH_UNSET,
    PATCH_INC,
    PATCH_MUL,
    PATCH_MIN,
    PATCH_MAX,
    PATCH_PUSH,
    PATCH_PULL,
    PATCH_ADD_TO_SET,
    PATCH_RENAME,
    PATCH_CURRENT_DATE,
    PATCH_OP_COUNT
};
struct patch_pull;
struct patch_action {
    enum patch_op op;
    struct path path;
    struct path target; // $rename
    struct val operand; // $push and $addToSet with $each: the array
    bool each;
    const struct patch_pull *pull;
    struct patch_at at;
};
// Sorted by path, no path equal to or within another.
MUST_USE nacre_status patch_ops_parse(struct ctx *ctx, struct slice bson,
                                      struct patch_action ***out, uint32_t *count);
MUST_USE nacre_status patch_ops_apply(struct patch_job *job, struct slice bson);
const char *patch_op_name(enum patch_op op);

// $inc and $mul of two numbers. NACRE_INVALID_ARGUMENT beyond int64, or if the result is not
// finite.
MUST_USE nacre_status patch_number(struct ctx *ctx, const struct patch_action *action,
                                   struct val stored, struct val *out);
// $push and $addToSet onto an array.
MUST_USE nacre_status patch_array_push(struct patch_job *job, const struct patch_action *action,
                                       struct tree *array);
MUST_USE nacre_status patch_array_add_to_set(struct patch_job *job,
                                             const struct patch_action *action, struct tree *array);
// $pull: the condition, and taking the elements that fit it out of an array.
MUST_USE nacre_status patch_pull_parse(struct ctx *ctx, struct val operand,
                                       const struct patch_at *at, const struct patch_pull **out);
void patch_pull_apply(const struct patch_pull *pull, struct tree *array);

#endif
