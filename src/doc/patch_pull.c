// $pull: which elements of an array go.
//
//   a value that is no object, or an empty object   the elements equal to it
//   {"$gte": 5, "$lt": 9}                           the elements that fit all of the comparisons
//   {"a": 1, "b.c": {"$gt": 2}}                     the objects whose fields fit, as a filter would
//   have it; they may have more
//
// $eq $ne $gt $gte $lt $lte $in $nin with the semantics of the filter language (a condition on an
// array holds if the array or one of its elements fits; null = missing; $gt and its kin match only
// their operand's type; $ne and $nin are complements). This is a small part of that language
// written once more, since filter/ is a room above this one.
#include "doc/patch_impl.h"

static const char *const pull_names[] = {"$eq", "$ne", "$gt", "$gte", "$lt", "$lte", "$in", "$nin"};
enum pull_op {
    PULL_EQ,
    PULL_NE,
    PULL_GT,
    PULL_GTE,
    PULL_LT,
    PULL_LTE,
    PULL_IN,
    PULL_NIN,
    PULL_OPS
};

enum { PULL_TESTS_MAX = 1000, PULL_IN_MAX = 10000 }; // in one $pull

// One comparison: of the value at path within the element, or of the element itself if path has no
// parts.
struct pull_test {
    struct path path;
    enum pull_op op;
    struct val operand;
    struct val *in; // $in and $nin: the operands, ascending
    uint32_t in_count;
};

struct patch_pull {
    bool whole;         // equal to operand as a whole, arrays not looked into
    bool of_objects;    // only objects can fit
    struct val operand; // if whole
    struct pull_test *tests;
    uint32_t count, cap;
};

static bool pull_is_dollar(struct slice name) {
    return name.n && name.p[0] == '$';
}

static nacre_status pull_add(struct ctx *ctx, struct patch_pull *pull, const struct pull_test *test,
                             const struct patch_at *at) {
    if (pull->count == PULL_TESTS_MAX)
        return patch_refuse(ctx, at, "at most 1000 comparisons", "more",
                            "the condition of $pull is too long");
    if (pull->count == pull->cap) {
        uint32_t cap = pull->cap ? pull->cap * 2 : 4;
        struct pull_test *tests = arena_alloc(&ctx->arena, cap * sizeof *tests);
        if (!tests) return err_nomem(ctx);
        if (pull->count) memcpy(tests, pull->tests, pull->count * sizeof *tests);
        pull->tests = tests;
        pull->cap = cap;
    }
    pull->tests[pull->count++] = *test;
    return NACRE_OK;
}

static nacre_status pull_op_of(struct ctx *ctx, struct slice name, const struct patch_at *at,
                               enum pull_op *out) {
    for (int i = 0; i < PULL_OPS; i++) {
        if (!slice_eq_str(name, pull_names[i])) continue;
        *out = (enum pull_op)i;
        return NACRE_OK;
    }
    nacre_status status = patch_refuse(ctx, at, "$eq $ne $gt $gte $lt $lte $in or $nin",
                                       "another operator", "$pull does not know this operator");
    patch_suggest(ctx, name, pull_names, PULL_OPS);
    return status;
}

// Moves the root of a heap of the first count items down to its place; greatest first.
static void pull_sift(struct val *items, uint32_t at, uint32_t count) {
    for (uint32_t child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && val_cmp(items[child], items[child + 1]) < 0) child++;
        if (val_cmp(items[at], items[child]) >= 0) return;
        struct val swap = items[at];
        items[at] = items[child];
        items[child] = swap;
    }
}

// Heap sort: in place, and its cost cannot be driven up by the order given.
static void pull_sort(struct val *items, uint32_t count) {
    for (uint32_t i = count / 2; i-- > 0;)
        pull_sift(items, i, count);
    for (uint32_t n = count; n > 1; n--) {
        struct val swap = items[0];
        items[0] = items[n - 1];
        items[n - 1] = swap;
        pull_sift(items, 0, n - 1);
    }
}

static nacre_status pull_parse_in(struct ctx *ctx, struct pull_test *test,
                                  const struct patch_at *at) {
    if (test->operand.type != VAL_ARRAY)
        return patch_refuse(ctx, at, "an array", val_type_name(test->operand.type),
                            "$in and $nin take an array");
    uint32_t count = bson_count(val_slice(test->operand));
    if (count > PULL_IN_MAX)
        return patch_refuse(ctx, at, "at most 10000 values", "more",
                            "$in and $nin take at most 10000 values");
    test->in = ARENA_ARRAY(&ctx->arena, struct val, (size_t)count + 1);
    if (!test->in) return err_nomem(ctx);
    struct bson_iter it = bson_iter_of_val(test->operand);
    struct slice name;
    test->in_count = 0;
    while (bson_next(&it, &name, &test->in[test->in_count]))
        test->in_count++;
    pull_sort(test->in, test->in_count);
    return NACRE_OK;
}

// {"$gt": 5, …} about the value at path. All names must be operators.
static nacre_status pull_parse_tests(struct ctx *ctx, struct patch_pull *pull,
                                     const struct path *path, struct val object,
                                     const struct patch_at *at) {
    struct bson_iter it = bson_iter_of_val(object);
    struct slice name;
    struct pull_test test = {.path = *path};
    while (bson_next(&it, &name, &test.operand)) {
        struct patch_at below = patch_at_name(at, name);
        TRY(pull_op_of(ctx, name, &below, &test.op));
        TRY(patch_check_names(ctx, test.operand, &below));
        if (test.op == PULL_IN || test.op == PULL_NIN) TRY(pull_parse_in(ctx, &test, &below));
        TRY(pull_add(ctx, pull, &test, &below));
    }
    return NACRE_OK;
}

// An object whose first name is an operator.
static bool pull_is_condition(struct val v) {
    if (v.type != VAL_OBJECT) return false;
    struct bson_iter it = bson_iter_of_val(v);
    struct slice name;
    struct val first;
    return bson_next(&it, &name, &first) && pull_is_dollar(name);
}

static nacre_status pull_parse_fields(struct ctx *ctx, struct patch_pull *pull, struct val object,
                                      const struct patch_at *at) {
    struct bson_iter it = bson_iter_of_val(object);
    struct slice name;
    struct pull_test test = {.op = PULL_EQ};
    pull->of_objects = true;
    while (bson_next(&it, &name, &test.operand)) {
        struct patch_at below = patch_at_name(at, name);
        if (pull_is_dollar(name))
            return patch_refuse(ctx, &below, "names of fields, or operators alone", "both",
                                "$pull takes fields or operators, not both");
        nacre_status status = path_parse(ctx, name, &test.path);
        if (status == NACRE_INVALID_ARGUMENT)
            err_expected(ctx, below.pointer, "a path", "an invalid one");
        TRY(status);
        if (pull_is_condition(test.operand)) {
            TRY(pull_parse_tests(ctx, pull, &test.path, test.operand, &below));
            continue;
        }
        TRY(patch_check_names(ctx, test.operand, &below));
        TRY(pull_add(ctx, pull, &test, &below));
    }
    return NACRE_OK;
}

nacre_status patch_pull_parse(struct ctx *ctx, struct val operand, const struct patch_at *at,
                              const struct patch_pull **out) {
    struct patch_pull *pull = ARENA_NEW(&ctx->arena, struct patch_pull);
    if (!pull) return err_nomem(ctx);
    *out = pull;
    pull->operand = operand;
    pull->whole = operand.type != VAL_OBJECT || bson_count(val_slice(operand)) == 0;
    if (pull->whole) return patch_check_names(ctx, operand, at);
    struct path element = {.count = 0};
    if (pull_is_condition(operand)) return pull_parse_tests(ctx, pull, &element, operand, at);
    return pull_parse_fields(ctx, pull, operand, at);
}

static bool pull_in(struct val v, const struct pull_test *test) {
    uint32_t low = 0, high = test->in_count;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        int c = val_cmp(v, test->in[mid]);
        if (c == 0) return true;
        if (c < 0)
            high = mid;
        else
            low = mid + 1;
    }
    return false;
}

// Of one value, not looking into arrays; of $ne and $nin the positive form.
static bool pull_compare(const struct pull_test *test, struct val v) {
    if (test->op == PULL_IN || test->op == PULL_NIN) return pull_in(v, test);
    if (val_class(v.type) != val_class(test->operand.type)) return false;
    int c = val_cmp(v, test->operand);
    switch (test->op) {
    case PULL_GT:
        return c > 0;
    case PULL_GTE:
        return c >= 0;
    case PULL_LT:
        return c < 0;
    case PULL_LTE:
        return c <= 0;
    default:
        return c == 0;
    }
}

struct pull_search {
    const struct pull_test *test;
    bool hit;
};

static bool pull_each(void *arg, struct val v) {
    struct pull_search *search = arg;
    search->hit = pull_compare(search->test, v);
    if (search->hit || v.type != VAL_ARRAY) return !search->hit;
    struct bson_iter it = bson_iter_of_val(v);
    struct slice name;
    struct val element;
    while (!search->hit && bson_next(&it, &name, &element))
        search->hit = pull_compare(search->test, element);
    return !search->hit;
}

static bool pull_test_fits(const struct pull_test *test, struct val element) {
    struct pull_search search = {.test = test};
    bool missing = false;
    if (test->path.count == 0) {
        pull_each(&search, element);
    } else {
        struct doc doc = {.body = val_slice(element)};
        doc_reach(&doc, &test->path, pull_each, &search, &missing);
    }
    bool hit = search.hit || (missing && pull_compare(test, val_null()));
    return (test->op == PULL_NE || test->op == PULL_NIN) ? !hit : hit;
}

static bool pull_fits(const struct patch_pull *pull, struct val element) {
    if (pull->whole)
        return val_class(element.type) == val_class(pull->operand.type) &&
               val_eq(element, pull->operand);
    if (pull->of_objects && element.type != VAL_OBJECT) return false;
    for (uint32_t i = 0; i < pull->count; i++)
        if (!pull_test_fits(&pull->tests[i], element)) return false;
    return true;
}

void patch_pull_apply(const struct patch_pull *pull, struct tree *array) {
    struct tree *next;
    for (struct tree *child = array->first; child; child = next) {
        next = child->next;
        // Elements are as stored (any other action within this array would be a conflict), so val
        // is whole.
        if (pull_fits(pull, child->val)) tree_remove(child);
    }
}
