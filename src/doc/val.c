// The total order of values and their names.
#include "doc/val.h"

#include "base/text/num.h"
#include "doc/bson.h"

const char *val_type_name(enum val_type type) {
    static const char *const names[] = {
        [VAL_MISSING] = "missing", [VAL_NULL] = "null",     [VAL_INT] = "int",
        [VAL_DOUBLE] = "double",   [VAL_STRING] = "string", [VAL_OBJECT] = "object",
        [VAL_ARRAY] = "array",     [VAL_BINARY] = "binary", [VAL_VECTOR] = "vector",
        [VAL_BOOL] = "bool",       [VAL_DATE] = "date",
    };
    return type < sizeof names / sizeof names[0] ? names[type] : "unknown";
}

int val_class(enum val_type type) {
    static const uint8_t classes[] = {
        [VAL_MISSING] = 0, [VAL_NULL] = 0,   [VAL_INT] = 1,   [VAL_DOUBLE] = 1,
        [VAL_STRING] = 2,  [VAL_OBJECT] = 3, [VAL_ARRAY] = 4, [VAL_BINARY] = 5,
        [VAL_VECTOR] = 5,  [VAL_BOOL] = 6,   [VAL_DATE] = 7,
    };
    return type < sizeof classes ? classes[type] : 0;
}

static int val_cmp_i64(int64_t a, int64_t b) {
    return (a > b) - (a < b);
}

static int val_cmp_double(double a, double b) {
    bool a_nan = a != a, b_nan = b != b;
    if (a_nan || b_nan) return (int)b_nan - (int)a_nan; // NaN is lowest and equals itself
    return (a > b) - (a < b);
}

static int val_cmp_number(struct val a, struct val b) {
    if (a.type == VAL_INT && b.type == VAL_INT) return val_cmp_i64(a.i, b.i);
    if (a.type == VAL_DOUBLE && b.type == VAL_DOUBLE) return val_cmp_double(a.d, b.d);
    if (a.type == VAL_INT) return b.d != b.d ? 1 : num_cmp_int_double(a.i, b.d);
    return a.d != a.d ? -1 : -num_cmp_int_double(b.i, a.d);
}

// Objects: type class, name, value of each field in turn. Arrays: values only. Then the shorter
// first.
static int val_cmp_container(struct val a, struct val b) {
    struct bson_iter ia = bson_iter_of_val(a), ib = bson_iter_of_val(b);
    bool is_object = a.type == VAL_OBJECT;
    for (;;) {
        struct slice name_a, name_b;
        struct val va, vb;
        bool more_a = bson_next(&ia, &name_a, &va), more_b = bson_next(&ib, &name_b, &vb);
        if (!more_a || !more_b) return (int)more_a - (int)more_b;
        int c = val_class(va.type) - val_class(vb.type);
        if (c == 0 && is_object) c = slice_cmp(name_a, name_b);
        if (c == 0) c = val_cmp(va, vb);
        if (c) return c;
    }
}

// Plain binary before vectors, then bytes: a vector is never equal to a plain binary of the same
// bytes.
static int val_cmp_binary(struct val a, struct val b) {
    if (a.type != b.type) return a.type == VAL_VECTOR ? 1 : -1;
    return slice_cmp(val_slice(a), val_slice(b));
}

int val_cmp(struct val a, struct val b) {
    int class = val_class(a.type), c = class - val_class(b.type);
    if (c) return c;
    switch (class) {
    case 1:
        return val_cmp_number(a, b);
    case 2:
        return slice_cmp(val_slice(a), val_slice(b));
    case 3:
    case 4:
        return val_cmp_container(a, b);
    case 5:
        return val_cmp_binary(a, b);
    case 6:
        return (int)a.b - (int)b.b;
    case 7:
        return val_cmp_i64(a.i, b.i);
    default:
        return 0; // null and missing
    }
}

bool val_identical(struct val a, struct val b) {
    if (a.type != b.type) return false;
    switch (a.type) {
    case VAL_MISSING:
    case VAL_NULL:
        return true;
    case VAL_DOUBLE:
        return memcmp(&a.d, &b.d, sizeof a.d) == 0;
    case VAL_INT:
    case VAL_DATE:
        return a.i == b.i;
    case VAL_BOOL:
        return a.b == b.b;
    default:
        return slice_eq(val_slice(a), val_slice(b));
    }
}
