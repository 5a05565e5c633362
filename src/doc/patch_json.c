// JSON Patch (RFC 6902) on trees.
//
// The shape (patch_json_parse) is judged apart from the stored document, so that a bad patch is
// refused whatever is stored. Members that an operation does not define are ignored, as section 4
// demands.
#include "doc/patch_impl.h"

static const char *const json_ops[] = {"add", "remove", "replace", "move", "copy", "test"};
enum { JSON_OPS = sizeof json_ops / sizeof json_ops[0] };

static nacre_status json_take_op(struct ctx *ctx, struct val object, const struct patch_at *at,
                                 enum patch_json_op *out) {
    struct val v = bson_find(val_slice(object), SLICE_LIT("op"));
    struct patch_at below = patch_at_name(at, SLICE_LIT("op"));
    char got[ERR_TEXT_MAX];
    for (int i = 0; v.type == VAL_STRING && i < JSON_OPS; i++) {
        if (!slice_eq_str(val_slice(v), json_ops[i])) continue;
        *out = (enum patch_json_op)i;
        return NACRE_OK;
    }
    nacre_status status =
        patch_refuse(ctx, &below, "add, remove, replace, move, copy or test", patch_show(v, got),
                     "an operation of a JSON Patch has no valid op");
    if (v.type == VAL_STRING) patch_suggest(ctx, val_slice(v), json_ops, JSON_OPS);
    return status;
}

static nacre_status json_take_pointer(struct ctx *ctx, struct val object, const char *member,
                                      const struct patch_at *at, struct path *out) {
    struct val v = bson_find(val_slice(object), slice_str(member));
    struct patch_at below = patch_at_name(at, slice_str(member));
    if (v.type != VAL_STRING || (v.n && v.p[0] != '/')) {
        char got[ERR_TEXT_MAX];
        return patch_refuse(ctx, &below, "a JSON Pointer: empty, or it starts with '/'",
                            patch_show(v, got),
                            "an operation of a JSON Patch has no valid pointer");
    }
    *out = (struct path){.text = val_slice(v)};
    if (v.n == 0) return NACRE_OK;
    nacre_status status = path_parse(ctx, val_slice(v), out);
    if (status == NACRE_INVALID_ARGUMENT)
        err_expected(ctx, below.pointer, "a JSON Pointer", "an invalid one");
    TRY(status);
    return patch_check_path(ctx, out, &below);
}

static nacre_status json_take_value(struct ctx *ctx, struct val object, const struct patch_at *at,
                                    struct patch_step *step) {
    struct patch_at below = patch_at_name(at, SLICE_LIT("value"));
    step->value = bson_find(val_slice(object), SLICE_LIT("value"));
    if (step->value.type == VAL_MISSING)
        return patch_refuse(ctx, &below, "a value", "missing",
                            "an operation of a JSON Patch has no value");
    if (step->path.count || step->op == PATCH_TEST)
        return patch_check_names(ctx, step->value, &below);
    if (step->value.type != VAL_OBJECT)
        return patch_refuse(ctx, &below, "an object", val_type_name(step->value.type),
                            "a document is an object");
    return patch_check_object(ctx, val_slice(step->value), &below);
}

// Equal, or the first leads to a place around the second.
static bool json_leads_to(const struct path *outer, const struct path *inner) {
    if (outer->count > inner->count) return false;
    for (uint32_t i = 0; i < outer->count; i++)
        if (!slice_eq(outer->parts[i].name, inner->parts[i].name)) return false;
    return true;
}

static nacre_status json_check_places(struct ctx *ctx, const struct patch_step *step,
                                      const struct patch_at *at) {
    struct patch_at below = patch_at_name(at, SLICE_LIT("path"));
    if (step->op == PATCH_REMOVE && (step->path.count == 0 || patch_path_is_id(&step->path)))
        return patch_refuse(ctx, &below, "a field of the document",
                            step->path.count ? "_id" : "the whole document",
                            "a patch cannot remove _id or the document");
    if (step->op != PATCH_MOVE) return NACRE_OK;
    below = patch_at_name(at, SLICE_LIT("from"));
    if (patch_path_is_id(&step->from))
        return patch_refuse(ctx, &below, "a field of the document", "_id",
                            "a patch cannot move _id");
    if (step->from.count < step->path.count && json_leads_to(&step->from, &step->path))
        return patch_refuse(ctx, &below, "a place that path does not lie in", "one around it",
                            "a value cannot be moved into itself");
    return NACRE_OK;
}

static nacre_status json_take_step(struct ctx *ctx, struct val object, const struct patch_at *at,
                                   struct patch_step *out) {
    if (object.type != VAL_OBJECT)
        return patch_refuse(ctx, at, "an object {op, path, …}", val_type_name(object.type),
                            "an operation of a JSON Patch is an object");
    TRY(json_take_op(ctx, object, at, &out->op));
    TRY(json_take_pointer(ctx, object, "path", at, &out->path));
    if (out->op == PATCH_MOVE || out->op == PATCH_COPY)
        TRY(json_take_pointer(ctx, object, "from", at, &out->from));
    else if (out->op != PATCH_REMOVE)
        TRY(json_take_value(ctx, object, at, out));
    return json_check_places(ctx, out, at);
}

nacre_status patch_json_parse(struct ctx *ctx, struct slice bson, struct patch_step **out,
                              uint32_t *count) {
    struct patch_at root = patch_at_root();
    struct val ops = bson_find(bson, SLICE_LIT("ops"));
    if (ops.type != VAL_ARRAY)
        return patch_refuse(ctx, &root, "an array of operations", val_type_name(ops.type),
                            "a JSON Patch is an array of operations");
    uint32_t n = bson_count(val_slice(ops));
    if (n > PATCH_STEPS_MAX)
        return patch_refuse(ctx, &root, "at most 10000 operations", "more",
                            "the JSON Patch is too long");
    struct patch_step *steps = ARENA_ARRAY(&ctx->arena, struct patch_step, (size_t)n + 1);
    if (!steps) return err_nomem(ctx);
    struct bson_iter it = bson_iter_of_val(ops);
    struct slice name;
    struct val v;
    for (uint32_t i = 0; bson_next(&it, &name, &v); i++) {
        struct patch_at at = patch_at_index(&root, i);
        TRY(json_take_step(ctx, v, &at, &steps[i]));
    }
    *out = steps;
    *count = n;
    return NACRE_OK;
}

// What a pointer names: node, or NULL with the open parent in which it could be added, or neither.
struct json_spot {
    struct tree *parent, *node;
};

static nacre_status json_step_into(struct ctx *ctx, struct tree *parent,
                                   const struct path_part *part, struct tree **out) {
    *out = NULL;
    if (parent->val.type == VAL_OBJECT) return tree_lookup(ctx, parent, part->name, out);
    TRY(tree_open(ctx, parent));
    if (part->index == PATH_NO_INDEX) return NACRE_OK;
    return tree_seek(ctx, parent, part->index, out);
}

static nacre_status json_locate(struct patch_job *job, const struct path *path,
                                struct json_spot *out) {
    struct json_spot spot = {.node = job->root};
    for (uint32_t i = 0; i < path->count; i++) {
        spot.parent = spot.node;
        if (!spot.parent ||
            (spot.parent->val.type != VAL_OBJECT && spot.parent->val.type != VAL_ARRAY)) {
            spot = (struct json_spot){0};
            break;
        }
        TRY(json_step_into(job->ctx, spot.parent, &path->parts[i], &spot.node));
    }
    *out = spot;
    return NACRE_OK;
}

static nacre_status json_absent(struct patch_job *job, const struct patch_at *at,
                                const char *member, const char *expected) {
    struct patch_at below = patch_at_name(at, slice_str(member));
    return patch_refuse(job->ctx, &below, expected, "nothing there",
                        "the JSON Patch names a place that the document does not have");
}

// The whole document becomes value. Its _id is settled at the end.
static nacre_status json_put_root(struct patch_job *job, struct tree *value,
                                  const struct patch_at *at) {
    struct patch_at below = patch_at_name(at, SLICE_LIT("path"));
    if (value->val.type != VAL_OBJECT)
        return patch_refuse(job->ctx, &below, "an object", val_type_name(value->val.type),
                            "a document is an object");
    TRY(tree_open(job->ctx, value));
    for (struct tree *child = value->first; child; child = child->next) {
        if (patch_is_system(child->name))
            return patch_refuse(job->ctx, &below, "no system fields", "a system field",
                                "system fields cannot be set by a patch");
    }
    value->name = (struct slice){0};
    job->root = value;
    return NACRE_OK;
}

static nacre_status json_put_element(struct patch_job *job, struct tree *array,
                                     const struct path_part *part, struct tree *value,
                                     const struct patch_at *at) {
    TRY(tree_open(job->ctx, array));
    if (slice_eq_str(part->name, "-")) {
        tree_append(array, value);
        return NACRE_OK;
    }
    if (part->index == PATH_NO_INDEX || part->index > array->count)
        return json_absent(job, at, "path", "an index up to the length of the array, or -");
    struct tree *before;
    TRY(tree_seek(job->ctx, array, part->index, &before));
    tree_insert_before(array, before, value);
    return NACRE_OK;
}

// add (section 4.1); value is a node without parent.
static nacre_status json_add(struct patch_job *job, const struct path *path, struct tree *value,
                             const struct patch_at *at) {
    TRY(patch_check_depth(job, value, path->count, at));
    if (path->count == 0) return json_put_root(job, value, at);
    struct patch_at below = patch_at_name(at, SLICE_LIT("path"));
    if (path->count == 1 && patch_path_is_id(path)) return patch_check_id(job, value->val, &below);
    struct json_spot spot;
    TRY(json_locate(job, path, &spot));
    const struct path_part *part = &path->parts[path->count - 1];
    if (!spot.parent) return json_absent(job, at, "path", "an object or array to add to");
    if (spot.parent->val.type == VAL_ARRAY)
        return json_put_element(job, spot.parent, part, value, at);
    if (spot.node) {
        tree_replace(spot.node, value);
        return NACRE_OK;
    }
    value->name = part->name;
    tree_append(spot.parent, value);
    return NACRE_OK;
}

static nacre_status json_replace(struct patch_job *job, const struct patch_step *step,
                                 const struct patch_at *at) {
    struct json_spot spot;
    struct tree *value;
    TRY(tree_from_closed(job->ctx, step->value, &value));
    if (step->path.count == 0 || (step->path.count == 1 && patch_path_is_id(&step->path)))
        return json_add(job, &step->path, value, at);
    TRY(json_locate(job, &step->path, &spot));
    if (!spot.node) return json_absent(job, at, "path", "a value to replace");
    TRY(patch_check_depth(job, value, step->path.count, at));
    tree_replace(spot.node, value);
    return NACRE_OK;
}

static nacre_status json_remove(struct patch_job *job, const struct path *path,
                                const struct patch_at *at) {
    struct json_spot spot;
    TRY(json_locate(job, path, &spot));
    if (!spot.node) return json_absent(job, at, "path", "a value to remove");
    tree_remove(spot.node);
    return NACRE_OK;
}

static nacre_status json_move(struct patch_job *job, const struct patch_step *step,
                              const struct patch_at *at) {
    struct json_spot spot;
    TRY(json_locate(job, &step->from, &spot));
    if (!spot.node) return json_absent(job, at, "from", "a value to move");
    if (step->from.count == step->path.count && json_leads_to(&step->from, &step->path))
        return NACRE_OK;
    tree_remove(spot.node);
    return json_add(job, &step->path, spot.node, at);
}

static nacre_status json_copy(struct patch_job *job, const struct patch_step *step,
                              const struct patch_at *at) {
    struct json_spot spot;
    struct tree *value;
    TRY(json_locate(job, &step->from, &spot));
    if (!spot.node) return json_absent(job, at, "from", "a value to copy");
    job->copied_bytes += tree_bytes(spot.node);
    if (job->copied_bytes > PATCH_COPY_MAX_BYTES)
        return err_set(job->ctx, NACRE_DOCUMENT_TOO_LARGE,
                       "the copies of the JSON Patch add up to more than 16 MiB");
    TRY(tree_clone(job->ctx, spot.node, &value));
    return json_add(job, &step->path, value, at);
}

static nacre_status json_equal(struct patch_job *job, struct tree *node, struct val v, bool *out);

// Equality of section 4.6: objects as sets of members, whatever their order.
static nacre_status json_equal_object(struct patch_job *job, struct tree *object, struct val v,
                                      bool *out) {
    struct bson_iter it = bson_iter_of_val(v);
    struct slice name;
    struct val field;
    *out = object->count == bson_count(val_slice(v));
    while (*out && bson_next(&it, &name, &field)) {
        struct tree *child;
        TRY(tree_lookup(job->ctx, object, name, &child));
        if (!child)
            *out = false;
        else
            TRY(json_equal(job, child, field, out));
    }
    return NACRE_OK;
}

static nacre_status json_equal(struct patch_job *job, struct tree *node, struct val v, bool *out) {
    if (node->val.type != VAL_OBJECT && node->val.type != VAL_ARRAY) {
        *out = val_class(node->val.type) == val_class(v.type) && val_eq(node->val, v);
        return NACRE_OK;
    }
    *out = false;
    if (node->val.type != v.type) return NACRE_OK;
    TRY(tree_open(job->ctx, node));
    if (v.type == VAL_OBJECT) return json_equal_object(job, node, v, out);
    struct bson_iter it = bson_iter_of_val(v);
    struct slice name;
    struct val element;
    struct tree *child = node->first;
    *out = true;
    for (; *out && child && bson_next(&it, &name, &element); child = child->next)
        TRY(json_equal(job, child, element, out));
    *out = *out && !child && !bson_next(&it, &name, &element);
    return NACRE_OK;
}

static nacre_status json_test(struct patch_job *job, const struct patch_step *step,
                              const struct patch_at *at) {
    struct json_spot spot;
    bool equal = false;
    TRY(json_locate(job, &step->path, &spot));
    if (spot.node) TRY(json_equal(job, spot.node, step->value, &equal));
    if (equal) return NACRE_OK;
    char expected[ERR_TEXT_MAX], got[ERR_TEXT_MAX];
    nacre_status status =
        err_set(job->ctx, NACRE_CONDITION_FAILED, "a test of the JSON Patch failed");
    err_expected(job->ctx, at->pointer, patch_show(step->value, expected),
                 spot.node ? patch_show(spot.node->val, got) : "missing");
    return status;
}

static nacre_status json_apply_step(struct patch_job *job, const struct patch_step *step,
                                    const struct patch_at *at) {
    struct tree *value;
    switch (step->op) {
    case PATCH_ADD:
        TRY(tree_from_closed(job->ctx, step->value, &value));
        return json_add(job, &step->path, value, at);
    case PATCH_REMOVE:
        return json_remove(job, &step->path, at);
    case PATCH_REPLACE:
        return json_replace(job, step, at);
    case PATCH_MOVE:
        return json_move(job, step, at);
    case PATCH_COPY:
        return json_copy(job, step, at);
    case PATCH_TEST:
        return json_test(job, step, at);
    }
    return NACRE_OK;
}

nacre_status patch_json_apply(struct patch_job *job, struct slice bson) {
    struct patch_at root = patch_at_root();
    struct patch_step *steps;
    uint32_t count;
    TRY(patch_json_parse(job->ctx, bson, &steps, &count));
    for (uint32_t i = 0; i < count; i++) {
        struct patch_at at = patch_at_index(&root, i);
        TRY(json_apply_step(job, &steps[i], &at));
    }
    return NACRE_OK;
}
