#include "support/doc_same.h"

bool doc_same_fields(struct val a, struct val b) {
    struct slice name;
    struct val v;
    if (a.type != b.type) return false;
    if (a.type != VAL_OBJECT && a.type != VAL_ARRAY) return val_identical(a, b);
    if (bson_count(val_slice(a)) != bson_count(val_slice(b))) return false;
    struct bson_iter it = bson_iter_of_val(a), other = bson_iter_of_val(b);
    while (bson_next(&it, &name, &v)) {
        struct slice ignored;
        struct val w;
        if (a.type == VAL_OBJECT)
            w = bson_find(val_slice(b), name);
        else
            (void)bson_next(&other, &ignored, &w);
        if (!doc_same_fields(v, w)) return false;
    }
    return true;
}
