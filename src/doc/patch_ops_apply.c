// Update operators applied to a tree, in the order of their paths.
#include <stdio.h>

#include "doc/patch_impl.h"

// The place of a path: the open parent and the node in it, or NULL; no parent: the way there ends
// before.
struct ops_spot {
    struct tree *parent, *node;
    bool through_array;
};

static const struct path_part *ops_last(const struct path *path) {
    return &path->parts[path->count - 1];
}

static nacre_status ops_child(struct patch_job *job, struct tree *parent,
                              const struct path_part *part, struct tree **out) {
    *out = NULL;
    if (parent->val.type == VAL_OBJECT) return tree_lookup(job->ctx, parent, part->name, out);
    TRY(tree_open(job->ctx, parent));
    if (part->index == PATH_NO_INDEX) return NACRE_OK;
    return tree_seek(job->ctx, parent, part->index, out);
}

// Nulls up to index, so that the next append stands there.
static nacre_status ops_pad(struct patch_job *job, const struct patch_action *action,
                            struct tree *array, uint32_t index) {
    uint32_t missing = index - array->count;
    if (missing > PATCH_PAD_MAX - job->padded)
        return patch_refuse(job->ctx, &action->at, "an index near the end of the array",
                            "one far beyond it",
                            "the patch would fill an array with too many nulls");
    job->padded += missing;
    while (array->count < index) {
        struct tree *filler;
        TRY(tree_from_closed(job->ctx, val_null(), &filler));
        tree_append(array, filler);
    }
    return NACRE_OK;
}

// Puts child at a part of parent at which there is nothing.
static nacre_status ops_attach(struct patch_job *job, const struct patch_action *action,
                               struct tree *parent, const struct path_part *part,
                               struct tree *child) {
    if (parent->val.type == VAL_ARRAY) {
        if (part->index == PATH_NO_INDEX)
            return patch_refuse(job->ctx, &action->at, "an array index", "a field name",
                                "an array has elements, not fields");
        TRY(ops_pad(job, action, parent, part->index));
    }
    child->name = part->name;
    tree_append(parent, child);
    return NACRE_OK;
}

static nacre_status ops_make_object(struct patch_job *job, const struct patch_action *action,
                                    struct tree *parent, const struct path_part *part,
                                    struct tree **out) {
    static const uint8_t empty[] = {5, 0, 0, 0, 0};
    TRY(tree_from_closed(job->ctx, val_bytes(VAL_OBJECT, slice_of(empty, sizeof empty)), out));
    return ops_attach(job, action, parent, part, *out);
}

// With create, objects are made on the way, and a value that is no container in it is an error.
static nacre_status ops_locate(struct patch_job *job, const struct patch_action *action,
                               const struct path *path, bool create, struct ops_spot *out) {
    struct ops_spot spot = {.node = job->root};
    for (uint32_t i = 0; i < path->count; i++) {
        if (!spot.node && create)
            TRY(ops_make_object(job, action, spot.parent, &path->parts[i - 1], &spot.node));
        spot.parent = spot.node;
        bool fits = spot.parent &&
                    (spot.parent->val.type == VAL_OBJECT || spot.parent->val.type == VAL_ARRAY);
        if (!fits && create)
            return patch_refuse(job->ctx, &action->at, "objects and arrays along the path",
                                val_type_name(spot.parent->val.type),
                                "a value on the path has no fields");
        if (!fits) {
            *out = (struct ops_spot){0};
            return NACRE_OK;
        }
        if (spot.parent->val.type == VAL_ARRAY) spot.through_array = true;
        TRY(ops_child(job, spot.parent, &path->parts[i], &spot.node));
    }
    *out = spot;
    return NACRE_OK;
}

static nacre_status ops_put(struct patch_job *job, const struct patch_action *action,
                            const struct ops_spot *spot, struct val v) {
    struct tree *value;
    TRY(tree_from_closed(job->ctx, v, &value));
    TRY(patch_check_depth(job, value, action->path.count, &action->at));
    if (!spot->node) return ops_attach(job, action, spot->parent, ops_last(&action->path), value);
    tree_replace(spot->node, value);
    return NACRE_OK;
}

static nacre_status ops_unset(struct patch_job *job, const struct patch_action *action) {
    struct ops_spot spot;
    TRY(ops_locate(job, action, &action->path, false, &spot));
    if (!spot.node) return NACRE_OK;
    // The other elements of an array keep their indexes.
    if (spot.parent->val.type == VAL_ARRAY) return ops_put(job, action, &spot, val_null());
    tree_remove(spot.node);
    return NACRE_OK;
}

static nacre_status ops_calculate(struct patch_job *job, const struct patch_action *action,
                                  const struct ops_spot *spot) {
    struct val zero = action->operand.type == VAL_INT ? val_int(0) : val_double(0), result;
    if (!spot->node)
        return ops_put(job, action, spot, action->op == PATCH_INC ? action->operand : zero);
    TRY(patch_number(job->ctx, action, spot->node->val, &result));
    return ops_put(job, action, spot, result);
}

// Nothing lies within this path but what is stored, so a container here is still closed and its val
// is whole.
static nacre_status ops_bound(struct patch_job *job, const struct patch_action *action,
                              const struct ops_spot *spot) {
    if (spot->node) {
        int c = val_cmp(action->operand, spot->node->val);
        if (action->op == PATCH_MIN ? c >= 0 : c <= 0) return NACRE_OK;
    }
    return ops_put(job, action, spot, action->operand);
}

static nacre_status ops_array(struct patch_job *job, const struct patch_action *action,
                              const struct ops_spot *spot) {
    static const uint8_t empty[] = {5, 0, 0, 0, 0};
    struct tree *array = spot->node;
    if (!array) {
        TRY(tree_from_closed(job->ctx, val_bytes(VAL_ARRAY, slice_of(empty, sizeof empty)),
                             &array));
        TRY(patch_check_depth(job, array, action->path.count, &action->at));
        TRY(ops_attach(job, action, spot->parent, ops_last(&action->path), array));
    }
    if (array->val.type != VAL_ARRAY) {
        char detail[64];
        snprintf(detail, sizeof detail, "%s needs an array", patch_op_name(action->op));
        return patch_refuse(job->ctx, &action->at, "an array", val_type_name(array->val.type),
                            detail);
    }
    TRY(tree_open(job->ctx, array));
    if (action->op == PATCH_PULL) {
        patch_pull_apply(action->pull, array);
        return NACRE_OK;
    }
    if (action->op == PATCH_PUSH) return patch_array_push(job, action, array);
    return patch_array_add_to_set(job, action, array);
}

static nacre_status ops_pull(struct patch_job *job, const struct patch_action *action) {
    struct ops_spot spot;
    TRY(ops_locate(job, action, &action->path, false, &spot));
    return spot.node ? ops_array(job, action, &spot) : NACRE_OK;
}

static nacre_status ops_rename(struct patch_job *job, const struct patch_action *action) {
    struct ops_spot from, to;
    TRY(ops_locate(job, action, &action->path, false, &from));
    if (!from.node) return NACRE_OK;
    tree_remove(from.node);
    TRY(ops_locate(job, action, &action->target, true, &to));
    if (from.through_array || to.through_array)
        return patch_refuse(job->ctx, &action->at, "fields of objects", "an element of an array",
                            "$rename does not reach into arrays");
    TRY(patch_check_depth(job, from.node, action->target.count, &action->at));
    if (!to.node) return ops_attach(job, action, to.parent, ops_last(&action->target), from.node);
    tree_replace(to.node, from.node);
    return NACRE_OK;
}

static nacre_status ops_run(struct patch_job *job, const struct patch_action *action) {
    if (patch_path_is_id(&action->path)) return patch_check_id(job, action->operand, &action->at);
    switch (action->op) {
    case PATCH_UNSET:
        return ops_unset(job, action);
    case PATCH_PULL:
        return ops_pull(job, action);
    case PATCH_RENAME:
        return ops_rename(job, action);
    default:
        break;
    }
    struct ops_spot spot;
    TRY(ops_locate(job, action, &action->path, true, &spot));
    switch (action->op) {
    case PATCH_INC:
    case PATCH_MUL:
        return ops_calculate(job, action, &spot);
    case PATCH_MIN:
    case PATCH_MAX:
        return ops_bound(job, action, &spot);
    case PATCH_PUSH:
    case PATCH_ADD_TO_SET:
        return ops_array(job, action, &spot);
    case PATCH_CURRENT_DATE:
        return ops_put(job, action, &spot, val_date(job->now_ms));
    default:
        return ops_put(job, action, &spot, action->operand);
    }
}

nacre_status patch_ops_apply(struct patch_job *job, struct slice bson) {
    struct patch_action **actions;
    uint32_t count;
    TRY(patch_ops_parse(job->ctx, bson, &actions, &count));
    for (uint32_t i = 0; i < count; i++)
        TRY(ops_run(job, actions[i]));
    return NACRE_OK;
}
