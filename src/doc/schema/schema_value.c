// Values as JSON Schema sees them: types, equality, multiples.
#include "doc/schema/schema_impl.h"

#include "base/bits/bits.h"
#include "base/text/num.h"

bool schema_value_integral(double d) {
    const double all_whole = 9007199254740992.0;              // 2^53: no fractions from here on
    if (d >= all_whole || d <= -all_whole) return d - d == 0; // not infinite
    return d == d && d == (double)(int64_t)d;
}

uint32_t schema_value_types(struct val v) {
    switch (v.type) {
    case VAL_INT:
        return SCHEMA_INTEGER | SCHEMA_NUMBER;
    case VAL_DOUBLE:
        return SCHEMA_NUMBER | (schema_value_integral(v.d) ? (uint32_t)SCHEMA_INTEGER : 0);
    case VAL_STRING:
        return SCHEMA_STRING;
    case VAL_OBJECT:
        return SCHEMA_OBJECT;
    case VAL_ARRAY:
        return SCHEMA_ARRAY;
    case VAL_BINARY:
        return SCHEMA_BINARY;
    case VAL_VECTOR:
        return SCHEMA_VECTOR;
    case VAL_BOOL:
        return SCHEMA_BOOLEAN;
    case VAL_DATE:
        return SCHEMA_DATE;
    default:
        return SCHEMA_NULL;
    }
}

const char *schema_value_phrase(struct val v) {
    static const char *const phrases[] = {
        [VAL_MISSING] = "nothing", [VAL_NULL] = "null",       [VAL_INT] = "an integer",
        [VAL_DOUBLE] = "a number", [VAL_STRING] = "a string", [VAL_OBJECT] = "an object",
        [VAL_ARRAY] = "an array",  [VAL_BINARY] = "a binary", [VAL_VECTOR] = "a vector",
        [VAL_BOOL] = "a boolean",  [VAL_DATE] = "a date",
    };
    return phrases[v.type];
}

// Members of a, each looked up in b: at the same place first.
static bool value_equal_objects(struct val a, struct val b, int64_t *steps) {
    struct bson_iter ia = bson_iter_of_val(a), ib = bson_iter_of_val(b);
    struct slice name_a, name_b;
    struct val va, vb;
    uint32_t count = 0;
    while (bson_next(&ia, &name_a, &va)) {
        bool more = bson_next(&ib, &name_b, &vb);
        if (!more) return false;
        if (!slice_eq(name_a, name_b)) {
            *steps -= (int64_t)(b.n / 16) + 1;
            if (*steps < 0) return false;
            vb = bson_find(val_slice(b), name_a);
        }
        if (vb.type == VAL_MISSING || !schema_value_equal(va, vb, steps)) return false;
        count++;
    }
    return !bson_next(&ib, &name_b, &vb);
}

static bool value_equal_arrays(struct val a, struct val b, int64_t *steps) {
    struct bson_iter ia = bson_iter_of_val(a), ib = bson_iter_of_val(b);
    struct slice name;
    struct val va, vb;
    for (;;) {
        bool more_a = bson_next(&ia, &name, &va), more_b = bson_next(&ib, &name, &vb);
        if (!more_a || !more_b) return more_a == more_b;
        if (!schema_value_equal(va, vb, steps)) return false;
    }
}

bool schema_value_equal(struct val a, struct val b, int64_t *steps) {
    if (*steps < 0) return false;
    if (val_is_number(a) && val_is_number(b)) return val_eq(a, b);
    if (a.type != b.type) return false;
    switch (a.type) {
    case VAL_OBJECT:
        return value_equal_objects(a, b, steps);
    case VAL_ARRAY:
        return value_equal_arrays(a, b, steps);
    default:
        return val_eq(a, b);
    }
}

static uint64_t value_mix(uint64_t h, uint64_t with) {
    uint64_t pair[2] = {h, with};
    return hash_bytes(pair, sizeof pair);
}

static uint64_t value_hash_number(struct val v) {
    const double limit = 9223372036854775808.0; // 2^63
    if (v.type == VAL_DOUBLE && v.d >= -limit && v.d < limit && schema_value_integral(v.d))
        v = val_int((int64_t)v.d);
    return value_mix(v.type, v.type == VAL_INT ? (uint64_t)v.i : bits_le64(&v.d));
}

uint64_t schema_value_hash(struct val v) {
    if (val_is_number(v)) return value_hash_number(v);
    uint64_t h = v.type;
    if (v.type == VAL_BOOL || v.type == VAL_DATE)
        return value_mix(h, v.type == VAL_BOOL ? v.b : (uint64_t)v.i);
    if (v.type == VAL_NULL) return h;
    if (v.type != VAL_OBJECT && v.type != VAL_ARRAY) return hash_bytes_seed(v.p, v.n, h);
    struct bson_iter it = bson_iter_of_val(v);
    struct slice name;
    struct val member;
    while (bson_next(&it, &name, &member)) {
        uint64_t one = schema_value_hash(member);
        if (v.type == VAL_ARRAY)
            h = value_mix(h, one);
        else
            h += value_mix(hash_bytes(name.p, name.n), one); // in any order
    }
    return h;
}

// Digits and exponent from a text of num_print_double: [-]d[.d][e[±]d], at most 17 digits.
static struct schema_decimal value_decimal_text(const char *p, const char *end) {
    struct schema_decimal out = {0, 0};
    bool fraction = false;
    for (; p < end && *p != 'e'; p++) {
        fraction |= *p == '.';
        if (*p < '0' || *p > '9') continue;
        out.digits = out.digits * 10 + (uint64_t)(*p - '0');
        out.exponent -= fraction;
    }
    int32_t exponent = 0;
    bool negative = false;
    for (; p < end; p++) {
        negative |= *p == '-';
        if (*p >= '0' && *p <= '9') exponent = exponent * 10 + (*p - '0');
    }
    out.exponent += negative ? -exponent : exponent;
    while (out.digits && out.digits % 10 == 0) {
        out.digits /= 10;
        out.exponent++;
    }
    return out;
}

bool schema_value_decimal(struct val v, struct schema_decimal *out) {
    if (v.type == VAL_INT) {
        uint64_t i = (uint64_t)v.i;
        *out = (struct schema_decimal){.digits = v.i < 0 ? 0 - i : i};
        return true;
    }
    if (v.d - v.d != 0) return false;        // infinite or not a number
    const double limit = 9007199254740992.0; // 2^53: below, whole numbers need no text
    double d = v.d < 0 ? -v.d : v.d;
    if (d < limit && schema_value_integral(d)) {
        *out = (struct schema_decimal){.digits = (uint64_t)d};
        return true;
    }
    char text[NUM_TEXT_MAX];
    size_t n = num_print_double(d, text);
    *out = value_decimal_text(text, text + n);
    return true;
}

// 10^exponent · digits, modulo m.
static uint64_t value_mod_scaled(uint64_t digits, uint32_t exponent, uint64_t m) {
    __uint128_t result = digits % m, base = 10 % m;
    for (; exponent; exponent >>= 1) {
        if (exponent & 1) result = result * base % m;
        base = base * base % m;
    }
    return (uint64_t)result;
}

bool schema_value_divides(struct schema_decimal v, struct schema_decimal divisor) {
    enum { SCALE_MAX = 19 }; // digits < 10^20
    if (v.digits == 0) return true;
    if (v.exponent >= divisor.exponent)
        return value_mod_scaled(v.digits, (uint32_t)(v.exponent - divisor.exponent),
                                divisor.digits) == 0;
    uint32_t scale = (uint32_t)(divisor.exponent - v.exponent);
    if (scale > SCALE_MAX) return false;
    __uint128_t whole = divisor.digits;
    for (; scale; scale--)
        whole *= 10;
    return v.digits % whole == 0;
}
