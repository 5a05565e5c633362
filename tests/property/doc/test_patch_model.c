// Random patches of random documents: merge patches and $set, $unset, $inc, $push against a model
// that is as plain as it can be (documents of one level of nesting, as arrays of integers), and
// JSON Patches that undo themselves.
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "doc/patch.h"
#include "support/doc_values.h"

// Fields f0..f4; each absent, an integer, an object of fields f0..f4 of integers, or an array of
// integers.
enum { FIELDS = 5, NONE = -1, ARRAY_MAX = 40 };
enum kind { ABSENT, NUMBER, OBJECT, ARRAY };
struct field {
    enum kind kind;
    int number;
    int inner[FIELDS]; // NONE: absent
    int elements[ARRAY_MAX], count;
};
struct model {
    struct field fields[FIELDS];
};

static void random_field(struct rng *rng, struct field *f) {
    *f = (struct field){.kind = (enum kind)rng_below(rng, 4), .number = (int)rng_below(rng, 100)};
    for (int i = 0; i < FIELDS; i++)
        f->inner[i] = rng_below(rng, 2) ? (int)rng_below(rng, 100) : NONE;
    f->count = (int)rng_below(rng, 4);
    for (int i = 0; i < f->count; i++)
        f->elements[i] = (int)rng_below(rng, 100);
}

static const char *comma(bool *first) {
    const char *text = *first ? "" : ",";
    *first = false;
    return text;
}

static void print_value(struct buf *out, const struct field *f) {
    bool first = true;
    if (f->kind == NUMBER) {
        buf_printf(out, "%d", f->number);
    } else if (f->kind == ARRAY) {
        buf_put_str(out, "[");
        for (int i = 0; i < f->count; i++)
            buf_printf(out, "%s%d", comma(&first), f->elements[i]);
        buf_put_str(out, "]");
    } else {
        buf_put_str(out, "{");
        for (int i = 0; i < FIELDS; i++)
            if (f->inner[i] != NONE) buf_printf(out, "%s\"f%d\":%d", comma(&first), i, f->inner[i]);
        buf_put_str(out, "}");
    }
}

static void print_model(struct buf *out, const struct model *m) {
    bool first = true;
    buf_reset(out);
    buf_put_str(out, "{");
    for (int i = 0; i < FIELDS; i++) {
        if (m->fields[i].kind == ABSENT) continue;
        buf_printf(out, "%s\"f%d\":", comma(&first), i);
        print_value(out, &m->fields[i]);
    }
    buf_put(out, "}", 2);
}

struct run {
    struct ctx ctx;
    struct rng rng;
    struct buf doc, patch, out, expected;
};

static void run_begin(struct run *run) {
    doc_values_ctx(&run->ctx);
    doc_values_seed(&run->rng);
    buf_init(&run->doc, NULL, 1 << 20);
    buf_init(&run->patch, NULL, 1 << 20);
    buf_init(&run->out, NULL, 1 << 20);
    buf_init(&run->expected, NULL, 1 << 20);
}

static void run_end(struct run *run) {
    buf_free(&run->doc);
    buf_free(&run->patch);
    buf_free(&run->out);
    buf_free(&run->expected);
    ctx_free(&run->ctx);
}

// Fields may come in another order than the model's: equal if each holds the other's fields.
static bool same(struct val a, struct val b) {
    if (a.type != VAL_OBJECT || b.type != VAL_OBJECT) return val_identical(a, b);
    if (bson_count(val_slice(a)) != bson_count(val_slice(b))) return false;
    struct bson_iter it = bson_iter_of_val(a);
    struct slice name;
    struct val v;
    while (bson_next(&it, &name, &v))
        if (!same(v, bson_find(val_slice(b), name))) return false;
    return true;
}

// Applies run->patch to run->doc; NACRE_OK: the result is that of the model.
static nacre_status run_apply(struct run *run, const struct model *expected) {
    struct patch patch;
    struct slice doc = doc_values_doc(&run->ctx, (char *)run->doc.p);
    buf_reset(&run->out);
    nacre_status status =
        patch_of_object(&run->ctx, doc_values_doc(&run->ctx, (char *)run->patch.p), &patch);
    if (status == NACRE_OK) status = patch_apply(&run->ctx, &patch, doc, 0, &run->out);
    if (status != NACRE_OK) return status;
    assert_int_equal(bson_validate(&run->ctx, buf_slice(&run->out)), NACRE_OK);
    print_model(&run->expected, expected);
    struct slice want = doc_values_doc(&run->ctx, (char *)run->expected.p);
    if (!same(val_bytes(VAL_OBJECT, buf_slice(&run->out)), val_bytes(VAL_OBJECT, want)))
        fail_msg("%s with %s: %s, not %s", run->doc.p, run->patch.p,
                 doc_values_text(&run->ctx, buf_slice(&run->out)), run->expected.p);
    return NACRE_OK;
}

// One field of a merge patch into text and into the model.
static void merge_field(struct run *run, struct model *m, int i, bool *first) {
    struct field f;
    random_field(&run->rng, &f);
    buf_printf(&run->patch, "%s\"f%d\":", comma(first), i);
    if (f.kind == ABSENT) {
        buf_put_str(&run->patch, "null");
        m->fields[i].kind = ABSENT;
    } else if (f.kind != OBJECT) {
        print_value(&run->patch, &f);
        m->fields[i] = f;
    } else {
        bool first_inner = true;
        if (m->fields[i].kind != OBJECT)
            for (int k = 0; k < FIELDS; k++)
                m->fields[i].inner[k] = NONE;
        m->fields[i].kind = OBJECT;
        buf_put_str(&run->patch, "{");
        for (int k = 0; k < FIELDS; k++) {
            if (rng_below(&run->rng, 3) == 0) continue;
            m->fields[i].inner[k] = f.inner[k];
            if (f.inner[k] == NONE)
                buf_printf(&run->patch, "%s\"f%d\":null", comma(&first_inner), k);
            else
                buf_printf(&run->patch, "%s\"f%d\":%d", comma(&first_inner), k, f.inner[k]);
        }
        buf_put_str(&run->patch, "}");
    }
}

static void test_merge(void **state) {
    (void)state;
    struct run run;
    run_begin(&run);
    for (int round = 0; round < 30000; round++) {
        struct arena_mark mark = arena_mark(&run.ctx.arena);
        struct model m;
        for (int i = 0; i < FIELDS; i++)
            random_field(&run.rng, &m.fields[i]);
        print_model(&run.doc, &m);
        bool first = true;
        buf_reset(&run.patch);
        buf_put_str(&run.patch, "{");
        for (int i = 0; i < FIELDS; i++)
            if (rng_below(&run.rng, 2)) merge_field(&run, &m, i, &first);
        buf_put(&run.patch, "}", 2);
        assert_int_equal(run_apply(&run, &m), NACRE_OK);
        arena_rewind(&run.ctx.arena, mark);
    }
    run_end(&run);
}

// The model of one operator at fI or fI.fK. false: it must be refused.
static bool model_number(int *slot, bool present, int op, int operand) {
    *slot = op == 0 || !present ? operand : *slot + operand;
    return true;
}

static bool model_update(struct field *f, int op, int k, int operand) {
    enum { SET, INC, UNSET, PUSH };
    if (k < 0) { // the field itself
        if (op == UNSET) f->kind = ABSENT;
        if (op == UNSET) return true;
        if (op == PUSH) {
            if (f->kind == ABSENT) *f = (struct field){.kind = ARRAY};
            if (f->kind != ARRAY) return false;
            f->elements[f->count++] = operand;
            return true;
        }
        if (op == INC && f->kind != ABSENT && f->kind != NUMBER) return false;
        bool present = f->kind == NUMBER;
        f->kind = NUMBER;
        return model_number(&f->number, present, op, operand);
    }
    if (op == PUSH) return false; // never asked
    if (f->kind == ABSENT && op != UNSET) {
        *f = (struct field){.kind = OBJECT, .inner = {NONE, NONE, NONE, NONE, NONE}};
    }
    if (f->kind != OBJECT) return op == UNSET;
    if (op == UNSET)
        f->inner[k] = NONE;
    else
        model_number(&f->inner[k], f->inner[k] != NONE, op, operand);
    return true;
}

static void test_operators(void **state) {
    (void)state;
    static const char *const names[] = {"$set", "$inc", "$unset", "$push"};
    struct run run;
    uint32_t refused = 0;
    run_begin(&run);
    for (int round = 0; round < 30000; round++) {
        struct arena_mark mark = arena_mark(&run.ctx.arena);
        struct model m;
        bool fits = true, first_op = true;
        for (int i = 0; i < FIELDS; i++)
            random_field(&run.rng, &m.fields[i]);
        print_model(&run.doc, &m);
        buf_reset(&run.patch);
        buf_put_str(&run.patch, "{");
        for (int op = 0; op < 4; op++) { // each field goes to one operator, so no paths conflict
            bool first = true;
            buf_printf(&run.patch, "%s\"%s\":{", comma(&first_op), names[op]);
            for (int i = 0; i < FIELDS; i++) {
                if ((i * 7 + round) % 4 != op) continue;
                int k = op < 3 && rng_below(&run.rng, 2) ? (int)rng_below(&run.rng, FIELDS) : -1;
                int operand = (int)rng_below(&run.rng, 1000);
                // In an array fK is no index, and "f…" of an array is refused where it would be
                // made.
                fits &= model_update(&m.fields[i], op, k, operand);
                buf_printf(&run.patch, "%s\"f%d", comma(&first), i);
                if (k >= 0) buf_printf(&run.patch, ".f%d", k);
                buf_printf(&run.patch, "\":%d", operand);
            }
            buf_put_str(&run.patch, "}");
        }
        buf_put(&run.patch, "}", 2);
        nacre_status status = run_apply(&run, &m);
        if (status != (fits ? NACRE_OK : NACRE_INVALID_ARGUMENT))
            fail_msg("%s with %s: %s", run.doc.p, run.patch.p, nacre_status_code(status));
        refused += status != NACRE_OK;
        arena_rewind(&run.ctx.arena, mark);
    }
    assert_in_range(refused, 100, 29900);
    run_end(&run);
}

// add and then remove at one place is nothing; so is move there and back.
static void test_json_patch_undoes_itself(void **state) {
    (void)state;
    static const char *const places[] = {"/f0",  "/f1/f0", "/f2/0", "/f3/-",
                                         "/new", "/f4/f4", "/f2/1"};
    struct run run;
    run_begin(&run);
    for (int round = 0; round < 30000; round++) {
        struct arena_mark mark = arena_mark(&run.ctx.arena);
        struct model m;
        struct patch patch;
        for (int i = 0; i < FIELDS; i++)
            random_field(&run.rng, &m.fields[i]);
        print_model(&run.doc, &m);
        struct slice doc = doc_values_doc(&run.ctx, (char *)run.doc.p);
        const char *at = places[rng_below(&run.rng, 7)];
        buf_reset(&run.patch);
        buf_printf(&run.patch,
                   "{\"ops\":[{\"op\":\"copy\",\"from\":\"\",\"path\":\"/saved\"},"
                   "{\"op\":\"add\",\"path\":\"%s\",\"value\":{\"x\":[1]}},{\"op\":\"move\","
                   "\"from\":\"/saved\",\"path\":\"\"}]}",
                   at);
        buf_put_u8(&run.patch, 0);
        assert_int_equal(
            patch_of_ops(&run.ctx, doc_values_doc(&run.ctx, (char *)run.patch.p), &patch),
            NACRE_OK);
        buf_reset(&run.out);
        nacre_status status = patch_apply(&run.ctx, &patch, doc, 0, &run.out);
        if (status == NACRE_OK)
            assert_true(slice_eq(buf_slice(&run.out), doc));
        else
            assert_int_equal(status, NACRE_INVALID_ARGUMENT);
        arena_rewind(&run.ctx.arena, mark);
    }
    run_end(&run);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_merge),
        cmocka_unit_test(test_operators),
        cmocka_unit_test(test_json_patch_undoes_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
