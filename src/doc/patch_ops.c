// Update operators: the shape of a patch, judged apart from the stored document.
//
// All actions are sorted by path before they are judged and applied, so that neither the order of
// the operators nor that of the paths within one tells in the result (as in MongoDB, where new
// fields come in the order of their paths too).
#include <stdio.h>

#include "doc/patch_impl.h"

static const char *const op_names[PATCH_OP_COUNT] = {
    [PATCH_SET] = "$set",
    [PATCH_UNSET] = "$unset",
    [PATCH_INC] = "$inc",
    [PATCH_MUL] = "$mul",
    [PATCH_MIN] = "$min",
    [PATCH_MAX] = "$max",
    [PATCH_PUSH] = "$push",
    [PATCH_PULL] = "$pull",
    [PATCH_ADD_TO_SET] = "$addToSet",
    [PATCH_RENAME] = "$rename",
    [PATCH_CURRENT_DATE] = "$currentDate",
};

const char *patch_op_name(enum patch_op op) {
    return op_names[op];
}

static nacre_status ops_kind(struct ctx *ctx, struct slice name, const struct patch_at *at,
                             enum patch_op *out) {
    for (int i = 0; i < PATCH_OP_COUNT; i++) {
        if (!slice_eq_str(name, op_names[i])) continue;
        *out = (enum patch_op)i;
        return NACRE_OK;
    }
    char got[48], detail[80];
    snprintf(got, sizeof got, "%.*s", (int)(name.n < 40 ? name.n : 40), (const char *)name.p);
    snprintf(detail, sizeof detail, "unknown update operator %s", got);
    nacre_status status = patch_refuse(ctx, at, "an update operator", got, detail);
    err_hint(ctx, "operators: $set $unset $inc $mul $min $max $push $pull $addToSet $rename "
                  "$currentDate");
    patch_suggest(ctx, name, op_names, PATCH_OP_COUNT);
    return status;
}

static nacre_status ops_path(struct ctx *ctx, struct slice text, const struct patch_at *at,
                             struct path *out) {
    nacre_status status = path_parse(ctx, text, out);
    if (status == NACRE_INVALID_ARGUMENT)
        err_expected(ctx, at->pointer, "a path", "an invalid one");
    TRY(status);
    return patch_check_path(ctx, out, at);
}

// {"$each": […]} or a value.
static nacre_status ops_each(struct ctx *ctx, struct patch_action *action) {
    if (action->operand.type != VAL_OBJECT) return NACRE_OK;
    struct bson_iter it = bson_iter_of_val(action->operand);
    struct slice name;
    struct val v;
    if (!bson_next(&it, &name, &v) || name.n == 0 || name.p[0] != '$') return NACRE_OK;
    static const char *const modifiers[] = {"$each"};
    struct patch_at at = patch_at_name(&action->at, name);
    if (!slice_eq_str(name, "$each")) {
        nacre_status status =
            patch_refuse(ctx, &at, "$each", "another name", "the only modifier here is $each");
        patch_suggest(ctx, name, modifiers, 1);
        return status;
    }
    if (v.type != VAL_ARRAY)
        return patch_refuse(ctx, &at, "an array", val_type_name(v.type),
                            "$each takes an array of values");
    action->operand = v;
    action->each = true;
    if (!bson_next(&it, &name, &v)) return NACRE_OK;
    at = patch_at_name(&action->at, name);
    return patch_refuse(ctx, &at, "$each alone", "another name", "the only modifier here is $each");
}

static nacre_status ops_rename(struct ctx *ctx, struct patch_action *action) {
    if (action->operand.type != VAL_STRING)
        return patch_refuse(ctx, &action->at, "a path", val_type_name(action->operand.type),
                            "$rename takes the new path as a string");
    TRY(ops_path(ctx, val_slice(action->operand), &action->at, &action->target));
    if (!patch_path_is_id(&action->target)) return NACRE_OK;
    return patch_refuse(ctx, &action->at, "another path", "_id", "a patch cannot change _id");
}

static nacre_status ops_current_date(struct ctx *ctx, const struct patch_action *action) {
    struct val v = action->operand;
    if (v.type == VAL_BOOL && v.b) return NACRE_OK;
    if (v.type == VAL_OBJECT && bson_count(val_slice(v)) == 1) {
        struct val type = bson_find(val_slice(v), SLICE_LIT("$type"));
        if (type.type == VAL_STRING && slice_eq_str(val_slice(type), "date")) return NACRE_OK;
    }
    char got[ERR_TEXT_MAX];
    return patch_refuse(ctx, &action->at, "true or {\"$type\":\"date\"}", patch_show(v, got),
                        "$currentDate does not take this value");
}

static bool ops_is_finite(struct val v) {
    return v.type == VAL_INT || (v.type == VAL_DOUBLE && v.d - v.d == 0);
}

static nacre_status ops_operand(struct ctx *ctx, struct patch_action *action) {
    switch (action->op) {
    case PATCH_UNSET:
        return NACRE_OK;
    case PATCH_RENAME:
        return ops_rename(ctx, action);
    case PATCH_CURRENT_DATE:
        return ops_current_date(ctx, action);
    case PATCH_PULL:
        return patch_pull_parse(ctx, action->operand, &action->at, &action->pull);
    case PATCH_PUSH:
    case PATCH_ADD_TO_SET:
        TRY(ops_each(ctx, action));
        break;
    case PATCH_INC:
    case PATCH_MUL:
        if (!ops_is_finite(action->operand)) {
            char got[ERR_TEXT_MAX];
            return patch_refuse(ctx, &action->at, "a number", patch_show(action->operand, got),
                                action->op == PATCH_INC ? "$inc takes a number"
                                                        : "$mul takes a number");
        }
        return NACRE_OK;
    default:
        break;
    }
    return patch_check_names(ctx, action->operand, &action->at);
}

static nacre_status ops_action(struct ctx *ctx, struct slice name, struct patch_action *action) {
    TRY(ops_path(ctx, name, &action->at, &action->path));
    if (patch_path_is_id(&action->path) && (action->op != PATCH_SET || action->path.count > 1))
        return patch_refuse(ctx, &action->at, "another path", "_id", "a patch cannot change _id");
    return ops_operand(ctx, action);
}

// By parts, so that a path stands right before those within it.
static int ops_path_cmp(const struct path *a, const struct path *b) {
    for (uint32_t i = 0; i < a->count && i < b->count; i++) {
        int c = slice_cmp(a->parts[i].name, b->parts[i].name);
        if (c) return c;
    }
    return (a->count > b->count) - (a->count < b->count);
}

// A path of the patch and the action it belongs to; $rename has two.
struct ops_place {
    const struct path *path;
    struct patch_action *action;
};

// Merge sort, bottom up: items into spare and back. Own code, since the library's may allocate.
static struct ops_place *ops_sort(struct ops_place *items, struct ops_place *spare, size_t count) {
    for (size_t width = 1; width < count; width *= 2) {
        for (size_t left = 0; left < count; left += 2 * width) {
            size_t mid = left + width < count ? left + width : count;
            size_t end = mid + width < count ? mid + width : count;
            size_t i = left, j = mid;
            for (size_t k = left; k < end; k++) {
                bool take_left =
                    j == end || (i < mid && ops_path_cmp(items[i].path, items[j].path) <= 0);
                spare[k] = take_left ? items[i++] : items[j++];
            }
        }
        struct ops_place *swap = items;
        items = spare;
        spare = swap;
    }
    return items;
}

static nacre_status ops_refuse_conflict(struct ctx *ctx, const struct ops_place *a,
                                        const struct ops_place *b) {
    nacre_status status =
        patch_refuse(ctx, &b->action->at, "paths apart from one another",
                     "a path equal to or within another", "two paths of the patch conflict");
    err_expected(ctx, a->action->at.pointer, "paths apart from one another", "the other one");
    return status;
}

static nacre_status ops_check_conflicts(struct ctx *ctx, const struct ops_place *places,
                                        size_t count) {
    for (size_t i = 1; i < count; i++) {
        const struct path *a = places[i - 1].path, *b = places[i].path;
        uint32_t same = 0;
        while (same < a->count && same < b->count &&
               slice_eq(a->parts[same].name, b->parts[same].name))
            same++;
        if (same == a->count) return ops_refuse_conflict(ctx, &places[i - 1], &places[i]);
    }
    return NACRE_OK;
}

// Sorted actions without conflicts; actions with two places are named by their first path.
static nacre_status ops_order(struct ctx *ctx, struct patch_action *actions, uint32_t count,
                              struct patch_action **out) {
    struct ops_place *places = ARENA_ARRAY(&ctx->arena, struct ops_place, (size_t)count * 4 + 1);
    if (!places) return err_nomem(ctx);
    size_t n = 0;
    for (uint32_t i = 0; i < count; i++) {
        places[n++] = (struct ops_place){&actions[i].path, &actions[i]};
        if (actions[i].op == PATCH_RENAME)
            places[n++] = (struct ops_place){&actions[i].target, &actions[i]};
    }
    struct ops_place *sorted = ops_sort(places, places + (size_t)count * 2, n);
    TRY(ops_check_conflicts(ctx, sorted, n));
    uint32_t k = 0;
    for (size_t i = 0; i < n; i++)
        if (sorted[i].path == &sorted[i].action->path) out[k++] = sorted[i].action;
    return NACRE_OK;
}

static nacre_status ops_count(struct ctx *ctx, struct slice bson, uint32_t *out) {
    struct patch_at root = patch_at_root();
    struct bson_iter it = bson_iter_of(bson);
    struct slice name;
    struct val v;
    *out = 0;
    while (bson_next(&it, &name, &v)) {
        struct patch_at at = patch_at_name(&root, name);
        enum patch_op op;
        TRY(ops_kind(ctx, name, &at, &op));
        if (v.type != VAL_OBJECT)
            return patch_refuse(ctx, &at, "an object of paths", val_type_name(v.type),
                                "an update operator takes an object of paths");
        *out += bson_count(val_slice(v));
        if (*out > PATCH_STEPS_MAX)
            return patch_refuse(ctx, &at, "at most 10000 paths", "more",
                                "the patch names too many paths");
    }
    return NACRE_OK;
}

static nacre_status ops_read_operator(struct ctx *ctx, enum patch_op op, struct val paths,
                                      const struct patch_at *at, struct patch_action **next) {
    struct bson_iter it = bson_iter_of_val(paths);
    struct slice name;
    struct val v;
    while (bson_next(&it, &name, &v)) {
        struct patch_action *action = (*next)++;
        *action = (struct patch_action){.op = op, .operand = v, .at = patch_at_name(at, name)};
        TRY(ops_action(ctx, name, action));
    }
    return NACRE_OK;
}

nacre_status patch_ops_parse(struct ctx *ctx, struct slice bson, struct patch_action ***out,
                             uint32_t *count) {
    TRY(ops_count(ctx, bson, count));
    struct patch_action *actions =
        ARENA_ARRAY(&ctx->arena, struct patch_action, (size_t)*count + 1);
    struct patch_action **order =
        ARENA_ARRAY(&ctx->arena, struct patch_action *, (size_t)*count + 1);
    if (!actions || !order) return err_nomem(ctx);
    struct patch_at root = patch_at_root();
    struct patch_action *next = actions;
    struct bson_iter it = bson_iter_of(bson);
    struct slice name;
    struct val v;
    while (bson_next(&it, &name, &v)) {
        struct patch_at at = patch_at_name(&root, name);
        enum patch_op op;
        TRY(ops_kind(ctx, name, &at, &op));
        TRY(ops_read_operator(ctx, op, v, &at, &next));
    }
    TRY(ops_order(ctx, actions, *count, order));
    *out = order;
    return NACRE_OK;
}
