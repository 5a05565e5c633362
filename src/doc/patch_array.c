// Arithmetic and growing arrays: $inc, $mul, $push, $addToSet.
#include <stdio.h>

#include "base/ds/map.h"
#include "base/err/check.h"
#include "doc/key.h"
#include "doc/patch_impl.h"

static nacre_status number_out_of_range(struct ctx *ctx, const struct patch_action *action,
                                        struct val stored) {
    char detail[128], got[ERR_TEXT_MAX];
    snprintf(detail, sizeof detail, "the result of %s is out of range", patch_op_name(action->op));
    return patch_refuse(ctx, &action->at, "a result that is a 64-bit integer or a finite double",
                        patch_show(stored, got), detail);
}

nacre_status patch_number(struct ctx *ctx, const struct patch_action *action, struct val stored,
                          struct val *out) {
    struct val operand = action->operand;
    bool is_mul = action->op == PATCH_MUL;
    if (!val_is_number(stored)) {
        char detail[64];
        snprintf(detail, sizeof detail, "%s needs a number", patch_op_name(action->op));
        return patch_refuse(ctx, &action->at, "a number", val_type_name(stored.type), detail);
    }
    if (stored.type == VAL_INT && operand.type == VAL_INT) {
        int64_t i;
        bool over = is_mul ? __builtin_mul_overflow(stored.i, operand.i, &i)
                           : __builtin_add_overflow(stored.i, operand.i, &i);
        if (over) return number_out_of_range(ctx, action, stored);
        *out = val_int(i);
        return NACRE_OK;
    }
    double a = stored.type == VAL_INT ? (double)stored.i : stored.d;
    double b = operand.type == VAL_INT ? (double)operand.i : operand.d;
    double d = is_mul ? a * b : a + b;
    if (d - d != 0) return number_out_of_range(ctx, action, stored);
    *out = val_double(d);
    return NACRE_OK;
}

static nacre_status array_append(struct patch_job *job, const struct patch_action *action,
                                 struct tree *array, struct val v) {
    struct tree *value;
    TRY(tree_from_closed(job->ctx, v, &value));
    TRY(patch_check_depth(job, value, action->path.count + 1, &action->at));
    tree_append(array, value);
    return NACRE_OK;
}

// The values to append: those of $each, or the operand alone.
struct array_source {
    struct bson_iter it;
    struct val single; // VAL_MISSING: from it
};

static struct array_source array_source_of(const struct patch_action *action) {
    struct array_source source = {.single = action->operand};
    if (action->each) source = (struct array_source){.it = bson_iter_of_val(action->operand)};
    return source;
}

static bool array_source_next(struct array_source *source, struct val *out) {
    struct slice name;
    if (source->single.type == VAL_MISSING) return bson_next(&source->it, &name, out);
    *out = source->single;
    source->single = val_missing();
    return true;
}

nacre_status patch_array_push(struct patch_job *job, const struct patch_action *action,
                              struct tree *array) {
    struct array_source source = array_source_of(action);
    struct val v;
    while (array_source_next(&source, &v))
        TRY(array_append(job, action, array, v));
    return NACRE_OK;
}

static bool array_holds(const struct tree *array, struct val v) {
    for (const struct tree *child = array->first; child; child = child->next)
        if (val_class(child->val.type) == val_class(v.type) && tree_equal(child, v)) return true;
    return false;
}

// Many values: equal ones encode equally, so a set of encodings tells in O(1) what comparing would
// tell in O(elements).
struct array_set {
    struct map map;
    struct buf key;
};

// *is_new: v was not in the set. It is now.
static nacre_status array_set_add(struct ctx *ctx, struct array_set *set, struct val v,
                                  bool *is_new) {
    buf_reset(&set->key);
    key_put(&set->key, v, false);
    if (buf_status(&set->key) != NACRE_OK) return err_nomem(ctx);
    *is_new = !map_get(&set->map, buf_slice(&set->key));
    if (*is_new && !map_put(&set->map, buf_slice(&set->key), set)) return err_nomem(ctx);
    return NACRE_OK;
}

static nacre_status array_add_many(struct patch_job *job, const struct patch_action *action,
                                   struct tree *array, struct array_set *set) {
    bool is_new;
    // Elements are as stored: another action within this array would be a conflict of paths, so
    // none of them is open.
    for (const struct tree *child = array->first; child; child = child->next)
        TRY(array_set_add(job->ctx, set, child->val, &is_new));
    struct array_source source = array_source_of(action);
    struct val v;
    while (array_source_next(&source, &v)) {
        TRY(array_set_add(job->ctx, set, v, &is_new));
        if (is_new) TRY(array_append(job, action, array, v));
    }
    return NACRE_OK;
}

nacre_status patch_array_add_to_set(struct patch_job *job, const struct patch_action *action,
                                    struct tree *array) {
    enum { FEW = 8 };
    if (action->each && bson_count(val_slice(action->operand)) > FEW) {
        struct array_set set;
        map_init(&set.map);
        buf_init(&set.key, NULL, (size_t)4 * DOC_BYTES_MAX); // escapes double at most
        nacre_status status = array_add_many(job, action, array, &set);
        map_free(&set.map);
        buf_free(&set.key);
        return status;
    }
    struct array_source source = array_source_of(action);
    struct val v;
    while (array_source_next(&source, &v))
        if (!array_holds(array, v)) TRY(array_append(job, action, array, v));
    return NACRE_OK;
}
