// JSON Merge Patch (RFC 7396) on trees. Of the RFC's algorithm the outermost step is missing: a
// document is an object, and so is a patch of one.
#include "doc/patch_impl.h"

nacre_status patch_merge_check(struct ctx *ctx, struct slice bson) {
    struct patch_at at = patch_at_root();
    return patch_check_object(ctx, bson, &at);
}

static nacre_status merge_object(struct patch_job *job, struct tree *target, struct val patch,
                                 uint32_t level, const struct patch_at *at);

// Puts value in the place of old, or at the end of target.
static void merge_put(struct tree *target, struct tree *old, struct slice name,
                      struct tree *value) {
    if (old) {
        tree_replace(old, value);
        return;
    }
    value->name = name;
    tree_append(target, value);
}

// level: containers around the value, target counted.
static nacre_status merge_field(struct patch_job *job, struct tree *target, struct slice name,
                                struct val v, uint32_t level, const struct patch_at *at) {
    static const uint8_t empty[] = {5, 0, 0, 0, 0};
    struct tree *old, *value;
    TRY(tree_lookup(job->ctx, target, name, &old));
    if (v.type == VAL_NULL) {
        if (old) tree_remove(old);
        return NACRE_OK;
    }
    if (v.type == VAL_OBJECT && old && old->val.type == VAL_OBJECT)
        return merge_object(job, old, v, level + 1, at);
    // Nulls within a new object stand for "not there" too, so it is not taken as it is but merged
    // into an empty one.
    struct val start =
        v.type == VAL_OBJECT ? val_bytes(VAL_OBJECT, slice_of(empty, sizeof empty)) : v;
    TRY(tree_from_closed(job->ctx, start, &value));
    TRY(patch_check_depth(job, value, level, at));
    merge_put(target, old, name, value);
    return v.type == VAL_OBJECT ? merge_object(job, value, v, level + 1, at) : NACRE_OK;
}

static nacre_status merge_object(struct patch_job *job, struct tree *target, struct val patch,
                                 uint32_t level, const struct patch_at *at) {
    struct bson_iter it = bson_iter_of_val(patch);
    struct slice name;
    struct val v;
    while (bson_next(&it, &name, &v)) {
        struct patch_at below = patch_at_name(at, name);
        if (level == 1 && slice_eq_str(name, "_id"))
            TRY(patch_check_id(job, v, &below));
        else
            TRY(merge_field(job, target, name, v, level, &below));
    }
    return NACRE_OK;
}

nacre_status patch_merge_apply(struct patch_job *job, struct slice bson) {
    struct patch_at at = patch_at_root();
    TRY(patch_merge_check(job->ctx, bson));
    return merge_object(job, job->root, val_bytes(VAL_OBJECT, bson), 1, &at);
}
