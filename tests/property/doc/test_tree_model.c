// Trees against arrays: after any row of changes an object of the tree, small or large, finds and
// lists the same fields as a plain list does, and an array the same elements at the same indexes.
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "doc/tree.h"
#include "support/doc_values.h"

enum { MODEL_MAX = 8000, NAMES_MAX = 400, STEPS = 3000 };

struct model {
    int names[MODEL_MAX], values[MODEL_MAX];
    uint32_t count;
};

static struct slice name_of(struct ctx *ctx, int name) {
    char text[16];
    snprintf(text, sizeof text, "n%d", name);
    return slice_str(arena_str(&ctx->arena, slice_str(text)));
}

static struct tree *leaf(struct ctx *ctx, int name, int value) {
    struct tree *node;
    assert_int_equal(tree_from_closed(ctx, val_int(value), &node), NACRE_OK);
    node->name = name_of(ctx, name);
    return node;
}

static void model_insert(struct model *m, uint32_t at, int name, int value) {
    for (uint32_t i = m->count++; i > at; i--) {
        m->names[i] = m->names[i - 1];
        m->values[i] = m->values[i - 1];
    }
    m->names[at] = name;
    m->values[at] = value;
}

static void model_remove(struct model *m, uint32_t at) {
    for (m->count--; at < m->count; at++) {
        m->names[at] = m->names[at + 1];
        m->values[at] = m->values[at + 1];
    }
}

static uint32_t model_find(const struct model *m, int name) {
    uint32_t i = 0;
    while (i < m->count && m->names[i] != name)
        i++;
    return i;
}

static void check_list(const struct model *m, const struct tree *parent) {
    assert_int_equal(parent->count, m->count);
    const struct tree *child = parent->first, *prev = NULL;
    for (uint32_t i = 0; i < m->count; i++, prev = child, child = child->next) {
        assert_non_null(child);
        assert_ptr_equal(child->prev, prev);
        assert_ptr_equal(child->parent, parent);
        assert_int_equal(child->val.i, m->values[i]);
    }
    assert_null(child);
    assert_ptr_equal(parent->last, prev);
}

static struct tree *empty(struct ctx *ctx, const char *json) {
    struct tree *node;
    assert_int_equal(tree_from_val(ctx, doc_values_val(ctx, json), &node), NACRE_OK);
    return node;
}

static void test_objects(void **state) {
    (void)state;
    struct ctx ctx;
    struct rng rng;
    doc_values_ctx(&ctx);
    doc_values_seed(&rng);
    for (int names = 10; names < NAMES_MAX; names += 97) {
        struct model m = {.count = 0};
        struct tree *object = empty(&ctx, "{}");
        for (int step = 0; step < STEPS; step++) {
            int name = (int)rng_below(&rng, (uint64_t)names);
            uint32_t at = model_find(&m, name);
            struct tree *found;
            assert_int_equal(tree_lookup(&ctx, object, name_of(&ctx, name), &found), NACRE_OK);
            assert_ptr_equal(found, tree_child(object, name_of(&ctx, name)));
            if (at == m.count) {
                assert_null(found);
                struct tree *before = NULL;
                uint32_t place = m.count;
                if (m.count && rng_below(&rng, 2)) {
                    place = (uint32_t)rng_below(&rng, m.count);
                    before = tree_at(object, place);
                }
                tree_insert_before(object, before, leaf(&ctx, name, step));
                model_insert(&m, place, name, step);
            } else if (rng_below(&rng, 3) == 0) {
                assert_int_equal(found->val.i, m.values[at]);
                tree_replace(found, leaf(&ctx, 12345, step));
                m.values[at] = step;
            } else {
                tree_remove(found);
                model_remove(&m, at);
            }
            if (step % 64 == 0) check_list(&m, object);
        }
        check_list(&m, object);
    }
    ctx_free(&ctx);
}

static struct tree *seek(struct ctx *ctx, struct tree *array, uint32_t index) {
    struct tree *found;
    assert_int_equal(tree_seek(ctx, array, index, &found), NACRE_OK);
    assert_ptr_equal(found, tree_at(array, index));
    return found;
}

// Most changes are at the element last sought, as those of patches are; some are not.
static void change_array(struct ctx *ctx, struct rng *rng, struct tree *array, struct model *m,
                         int step) {
    uint32_t index = (uint32_t)rng_below(rng, m->count + 1);
    struct tree *found = seek(ctx, array, index);
    uint64_t what = rng_below(rng, 100);
    if (m->count >= MODEL_MAX - 2) what = 60;
    if (what < 2) {
        found = NULL;
        index = m->count;
    }
    if (what < 55 || !found) {
        tree_insert_before(array, found, leaf(ctx, 0, step));
        model_insert(m, index, 0, step);
    } else if (what < 90) {
        tree_remove(found);
        model_remove(m, index);
    } else if (what < 98) {
        tree_replace(found, leaf(ctx, 0, step));
        m->values[index] = step;
    } else {
        tree_remove(array->last); // not the one last sought
        model_remove(m, m->count - 1);
    }
}

static void test_arrays(void **state) {
    (void)state;
    struct ctx ctx;
    struct rng rng;
    doc_values_ctx(&ctx);
    doc_values_seed(&rng);
    static struct model m;
    for (int round = 0; round < 6; round++) {
        struct tree *array = empty(&ctx, "[]");
        m.count = 0;
        uint32_t start = round % 2 ? 3000 : 0; // large enough for blocks, or small
        for (uint32_t i = 0; i < start; i++) {
            tree_append(array, leaf(&ctx, 0, -1));
            model_insert(&m, m.count, 0, -1);
        }
        for (int step = 0; step < STEPS; step++) {
            change_array(&ctx, &rng, array, &m, step);
            if (step % 64 == 0) check_list(&m, array);
        }
        // All at one place, until its block has grown too large; then down to nothing and up again.
        for (int step = 0; step < 2500 && m.count < MODEL_MAX - 2; step++) {
            tree_insert_before(array, seek(&ctx, array, m.count / 2), leaf(&ctx, 0, step));
            model_insert(&m, m.count / 2, 0, step);
        }
        check_list(&m, array);
        while (m.count) {
            uint32_t index = (uint32_t)rng_below(&rng, m.count);
            tree_remove(seek(&ctx, array, index));
            model_remove(&m, index);
        }
        for (int step = 0; step < 100; step++) {
            tree_append(array, leaf(&ctx, 0, step));
            model_insert(&m, m.count, 0, step);
            seek(&ctx, array, m.count / 2);
        }
        check_list(&m, array);
    }
    ctx_free(&ctx);
}

// To a tree and back: the same bytes, whether opened or not, and equal by both ways of comparing.
static void test_round_trip(void **state) {
    (void)state;
    struct ctx ctx;
    struct rng rng;
    doc_values_ctx(&ctx);
    doc_values_seed(&rng);
    for (int i = 0; i < 20000; i++) {
        struct arena_mark mark = arena_mark(&ctx.arena);
        BUF_CLEANUP struct buf doc, out;
        buf_init(&doc, NULL, 1 << 24);
        buf_init(&out, NULL, 1 << 24);
        struct bson_writer w;
        bson_begin(&w, &doc);
        bson_put(&w, SLICE_LIT("a"), doc_values_random(&ctx, &rng, 4));
        bson_put(&w, SLICE_LIT("b"), doc_values_random(&ctx, &rng, 4));
        bson_end(&w);
        struct tree *open, *closed, *copy;
        assert_int_equal(tree_from_bson(&ctx, buf_slice(&doc), &open), NACRE_OK);
        assert_int_equal(tree_from_closed(&ctx, val_bytes(VAL_OBJECT, buf_slice(&doc)), &closed),
                         NACRE_OK);
        if (i % 2) assert_int_equal(tree_open(&ctx, closed), NACRE_OK);
        assert_int_equal(tree_clone(&ctx, i % 3 ? open : closed, &copy), NACRE_OK);
        struct tree *trees[] = {open, closed, copy};
        for (int k = 0; k < 3; k++) {
            buf_reset(&out);
            tree_write(trees[k], &out);
            assert_true(slice_eq(buf_slice(&out), buf_slice(&doc)));
            assert_true(tree_equal(trees[k], val_bytes(VAL_OBJECT, buf_slice(&doc))));
            assert_int_equal(tree_height(trees[k]), tree_height(open));
        }
        assert_true(val_identical(tree_scalar(tree_child(open, SLICE_LIT("a"))),
                                  bson_find(buf_slice(&doc), SLICE_LIT("a"))));
        arena_rewind(&ctx.arena, mark);
    }
    ctx_free(&ctx);
}

static void test_find(void **state) {
    (void)state;
    struct ctx ctx;
    doc_values_ctx(&ctx);
    struct tree *root;
    struct path path;
    assert_int_equal(tree_from_bson(&ctx, doc_values_doc(&ctx, "{\"a\":[{\"b\":7}]}"), &root),
                     NACRE_OK);
    assert_int_equal(path_parse(&ctx, SLICE_LIT("a.0.b"), &path), NACRE_OK);
    assert_int_equal(tree_find(root, &path)->val.i, 7);
    assert_int_equal(path_parse(&ctx, SLICE_LIT("a.b"), &path), NACRE_OK);
    assert_null(tree_find(root, &path));
    assert_int_equal(path_parse(&ctx, SLICE_LIT("a.0.b.c"), &path), NACRE_OK);
    assert_null(tree_find(root, &path));
    ctx_free(&ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_objects),
        cmocka_unit_test(test_arrays),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_find),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
