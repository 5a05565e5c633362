// A value: a borrowed view of one BSON element, or a scalar. The closed set of types a document can
// hold.
#ifndef DOC_VAL_H
#define DOC_VAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/mem/slice.h"

enum val_type {
    VAL_MISSING = 0, // no such field; sorts and compares as null
    VAL_NULL,
    VAL_INT,    // 64-bit; BSON type 0x12 (int32 is not written and not accepted)
    VAL_DOUBLE, // finite in documents from JSON; 0x01
    VAL_STRING, // UTF-8; 0x02
    VAL_OBJECT, // p, n: a whole BSON document with its length prefix; 0x03
    VAL_ARRAY,  // likewise, names "0", "1", …; 0x04
    VAL_BINARY, // p, n: the payload; BSON binary subtype 0; 0x05
    VAL_VECTOR, // p, n: dtype byte, padding byte, elements; BSON binary subtype 9; 0x05
    VAL_BOOL,   // 0x08
    VAL_DATE,   // i: Unix time in ms; 0x09
};

// dtype byte of a vector (BSON vector specification; f16 is ours).
enum { VEC_DTYPE_I8 = 0x03, VEC_DTYPE_F32 = 0x27, VEC_DTYPE_F16 = 0x25, VEC_DTYPE_BIT = 0x10 };

struct val {
    enum val_type type;
    uint32_t n;
    union {
        const uint8_t *p;
        int64_t i;
        double d;
        bool b;
    };
};

static inline struct val val_missing(void) {
    return (struct val){.type = VAL_MISSING};
}
static inline struct val val_null(void) {
    return (struct val){.type = VAL_NULL};
}
static inline struct val val_int(int64_t i) {
    return (struct val){.type = VAL_INT, .i = i};
}
static inline struct val val_double(double d) {
    return (struct val){.type = VAL_DOUBLE, .d = d};
}
static inline struct val val_bool(bool b) {
    return (struct val){.type = VAL_BOOL, .b = b};
}
static inline struct val val_date(int64_t ms) {
    return (struct val){.type = VAL_DATE, .i = ms};
}
static inline struct val val_bytes(enum val_type type, struct slice s) {
    return (struct val){.type = type, .n = (uint32_t)s.n, .p = s.p};
}
static inline struct val val_str(struct slice s) {
    return val_bytes(VAL_STRING, s);
}
static inline struct slice val_slice(struct val v) {
    return slice_of(v.p, v.n);
}
static inline bool val_is_number(struct val v) {
    return v.type == VAL_INT || v.type == VAL_DOUBLE;
}
static inline bool val_is_nullish(struct val v) {
    return v.type <= VAL_NULL;
}

// Name of the type as in $type: "null" "int" "double" "string" "object" "array" "binary" "vector"
// "bool" "date".
const char *val_type_name(enum val_type type);

// Total order of API.md: null = missing < numbers (exact across int and double; -0.0 = 0; NaN
// lowest) < strings by code point (= bytes) < objects < arrays < binary (vectors among them) <
// booleans < dates. Objects compare field by field: type class, then name, then value; then fewer
// fields first. Arrays element by element, then shorter first. Recursion is bounded by the depth of
// validated documents (100).
int val_cmp(struct val a, struct val b);
static inline bool val_eq(struct val a, struct val b) {
    return val_cmp(a, b) == 0;
}
// Rank of the type class in that order (null 0, number 1, string 2 …); values of different classes
// never match $gt etc.
int val_class(enum val_type type);
// True if the two are the same bytes of value: val_eq and also the same type (1 and 1.0 differ,
// -0.0 and 0.0 differ).
bool val_identical(struct val a, struct val b);

#endif
