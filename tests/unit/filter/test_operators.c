// Every operator, and every sentence of the filter language's description, as a table: filter,
// document, answer. Each row is asked of the filter, its canonical form and its complement, with
// and without a footer.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/filter_fixture.h"

struct row {
    const char *filter, *doc;
    bool match;
};

static void check_rows(const struct row *rows, size_t count) {
    struct ctx ctx;
    ctx_init(&ctx, &world_system, NULL, 64u << 20);
    for (size_t i = 0; i < count; i++) {
        bool match = filter_fixture_matches(&ctx, rows[i].filter, rows[i].doc);
        if (match != rows[i].match)
            fail_msg("%s on %s: expected %s", rows[i].filter, rows[i].doc,
                     rows[i].match ? "a match" : "no match");
        ctx_reset(&ctx);
    }
    ctx_free(&ctx);
}
#define CHECK_ROWS(rows) check_rows(rows, sizeof(rows) / sizeof(*(rows)))

static void test_equality(void **state) {
    (void)state;
    static const struct row rows[] = {
        {"{}", "{}", true},
        {"{}", "{\"a\":1}", true},
        {"{\"a\":5}", "{\"a\":5}", true},
        {"{\"a\":5}", "{\"a\":5.0}", true},
        {"{\"a\":5.0}", "{\"a\":5}", true},
        {"{\"a\":5}", "{\"a\":5.5}", false},
        {"{\"a\":0}", "{\"a\":-0.0}", true},
        {"{\"a\":9007199254740993}", "{\"a\":9007199254740992.0}", false},
        {"{\"a\":9223372036854775807}", "{\"a\":9223372036854775808.0}", false},
        {"{\"a\":5}", "{\"a\":\"5\"}", false},
        {"{\"a\":5}", "{}", false},
        {"{\"a\":{\"$eq\":5}}", "{\"a\":5}", true},
        {"{\"a\":\"x\"}", "{\"a\":\"x\"}", true},
        {"{\"a\":\"x\"}", "{\"a\":\"X\"}", false},
        {"{\"a\":\"\"}", "{\"a\":\"\"}", true},
        {"{\"a\":\"\"}", "{}", false},
        {"{\"a\":true}", "{\"a\":true}", true},
        {"{\"a\":true}", "{\"a\":1}", false},
        {"{\"a\":false}", "{}", false},
        // Objects are compared as a whole, in the order of their fields.
        {"{\"a\":{\"x\":1,\"y\":2}}", "{\"a\":{\"x\":1,\"y\":2}}", true},
        {"{\"a\":{\"x\":1,\"y\":2}}", "{\"a\":{\"x\":1.0,\"y\":2}}", true},
        {"{\"a\":{\"x\":1,\"y\":2}}", "{\"a\":{\"y\":2,\"x\":1}}", false},
        {"{\"a\":{\"x\":1}}", "{\"a\":{\"x\":1,\"y\":2}}", false},
        {"{\"a\":{}}", "{\"a\":{}}", true},
        {"{\"a\":{}}", "{\"a\":{\"x\":1}}", false},
        {"{\"a\":{}}", "{}", false},
        // Arrays: the array itself, or an element of it.
        {"{\"a\":[1,2]}", "{\"a\":[1,2]}", true},
        {"{\"a\":[1,2]}", "{\"a\":[2,1]}", false},
        {"{\"a\":[1,2]}", "{\"a\":[1,2,3]}", false},
        {"{\"a\":[1,2]}", "{\"a\":[[1,2],3]}", true},
        {"{\"a\":[]}", "{\"a\":[]}", true},
        {"{\"a\":[]}", "{\"a\":[1]}", false},
        {"{\"a\":[]}", "{\"a\":[[]]}", true},
        {"{\"a\":1}", "{\"a\":[[1]]}", false},
        {"{\"tags\":\"red\"}", "{\"tags\":[\"blue\",\"red\"]}", true},
        {"{\"tags\":\"red\"}", "{\"tags\":[\"blue\"]}", false},
        {"{\"a\":{\"x\":1}}", "{\"a\":[{\"x\":1}]}", true},
        // Extended values.
        {"{\"a\":{\"$date\":\"2024-02-29T12:00:00Z\"}}",
         "{\"a\":{\"$date\":\"2024-02-29T13:00:00+01:00\"}}", true},
        {"{\"a\":{\"$binary\":\"AAEC\"}}", "{\"a\":{\"$binary\":\"AAEC\"}}", true},
        {"{\"a\":{\"$binary\":\"AAEC\"}}", "{\"a\":{\"$binary\":\"AAED\"}}", false},
        {"{\"a\":{\"$int64\":\"7\"}}", "{\"a\":7}", true},
    };
    CHECK_ROWS(rows);
}

static void test_null_is_missing(void **state) {
    (void)state;
    static const struct row rows[] = {
        {"{\"a\":null}", "{}", true},
        {"{\"a\":null}", "{\"a\":null}", true},
        {"{\"a\":null}", "{\"a\":0}", false},
        {"{\"a\":null}", "{\"a\":[]}", false},
        {"{\"a\":null}", "{\"a\":[null]}", true},
        {"{\"a.b\":null}", "{\"a\":{}}", true},
        {"{\"a.b\":null}", "{\"a\":5}", true},
        {"{\"a.b\":null}", "{\"a\":{\"b\":1}}", false},
        {"{\"a.b\":null}", "{\"a\":[{\"b\":1},{}]}", true},
        {"{\"a.b\":null}", "{\"a\":[{\"b\":1},{\"b\":2}]}", false},
        {"{\"a\":{\"$ne\":null}}", "{}", false},
        {"{\"a\":{\"$ne\":null}}", "{\"a\":0}", true},
        {"{\"a\":{\"$gte\":null}}", "{}", true},
        {"{\"a\":{\"$lte\":null}}", "{\"a\":null}", true},
        {"{\"a\":{\"$gte\":null}}", "{\"a\":1}", false},
        {"{\"a\":{\"$gt\":null}}", "{}", false},
        {"{\"a\":{\"$gt\":null}}", "{\"a\":null}", false},
        {"{\"a\":{\"$gt\":null}}", "{\"a\":1}", false},
        {"{\"a\":{\"$lt\":null}}", "{\"a\":1}", false},
        {"{\"a\":{\"$lt\":null}}", "{}", false},
        {"{\"a\":{\"$in\":[1,null]}}", "{}", true},
        {"{\"a\":{\"$in\":[1,null]}}", "{\"a\":2}", false},
    };
    CHECK_ROWS(rows);
}

static void test_order(void **state) {
    (void)state;
    static const struct row rows[] = {
        {"{\"a\":{\"$gt\":21}}", "{\"a\":22}", true},
        {"{\"a\":{\"$gt\":21}}", "{\"a\":21}", false},
        {"{\"a\":{\"$gt\":21}}", "{\"a\":21.5}", true},
        {"{\"a\":{\"$gte\":21}}", "{\"a\":21}", true},
        {"{\"a\":{\"$lt\":21}}", "{\"a\":20}", true},
        {"{\"a\":{\"$lt\":21}}", "{\"a\":21}", false},
        {"{\"a\":{\"$lte\":21}}", "{\"a\":21.0}", true},
        {"{\"a\":{\"$lte\":21}}", "{\"a\":21.1}", false},
        // Integers and doubles are one, compared exactly.
        {"{\"a\":{\"$gt\":9007199254740992.0}}", "{\"a\":9007199254740993}", true},
        {"{\"a\":{\"$lt\":9007199254740993}}", "{\"a\":9007199254740992.0}", true},
        {"{\"a\":{\"$gt\":9223372036854775807}}", "{\"a\":1e300}", true},
        // Only the operand's own type.
        {"{\"a\":{\"$gt\":21}}", "{\"a\":\"22\"}", false},
        {"{\"a\":{\"$lt\":21}}", "{\"a\":null}", false},
        {"{\"a\":{\"$lt\":21}}", "{}", false},
        {"{\"a\":{\"$lt\":21}}", "{\"a\":true}", false},
        {"{\"a\":{\"$gt\":21}}", "{\"a\":{\"b\":1}}", false},
        {"{\"a\":{\"$gt\":21}}", "{\"a\":{\"$date\":\"2024-01-01T00:00:00Z\"}}", false},
        {"{\"a\":{\"$gt\":\"b\"}}", "{\"a\":\"ba\"}", true},
        {"{\"a\":{\"$gt\":\"b\"}}", "{\"a\":\"B\"}", false},
        {"{\"a\":{\"$gt\":\"b\"}}", "{\"a\":5}", false},
        {"{\"a\":{\"$gt\":false}}", "{\"a\":true}", true},
        {"{\"a\":{\"$gt\":false}}", "{\"a\":1}", false},
        {"{\"a\":{\"$lt\":{\"$date\":\"2024-01-01T00:00:00Z\"}}}",
         "{\"a\":{\"$date\":\"2023-01-01T00:00:00Z\"}}", true},
        {"{\"a\":{\"$gt\":{\"x\":1}}}", "{\"a\":{\"x\":2}}", true},
        // An array, or one of its elements.
        {"{\"a\":{\"$gt\":21}}", "{\"a\":[1,30]}", true},
        {"{\"a\":{\"$gt\":21}}", "{\"a\":[1,2]}", false},
        {"{\"a\":{\"$gt\":21,\"$lt\":10}}", "{\"a\":[5,30]}", true},
        {"{\"a\":{\"$gt\":21}}", "{\"a\":[[30]]}", false},
        {"{\"a\":{\"$gt\":[1,2]}}", "{\"a\":[1,3]}", true},
        {"{\"a\":{\"$gt\":[1,2]}}", "{\"a\":[1,1]}", false},
        {"{\"a\":{\"$gt\":[1,2]}}", "{\"a\":[[1,3]]}", true},
    };
    CHECK_ROWS(rows);
}

static void test_complements(void **state) {
    (void)state;
    static const struct row rows[] = {
        {"{\"a\":{\"$ne\":5}}", "{\"a\":5}", false},
        {"{\"a\":{\"$ne\":5}}", "{\"a\":6}", true},
        {"{\"a\":{\"$ne\":5}}", "{}", true},
        {"{\"a\":{\"$ne\":5}}", "{\"a\":[4,5]}", false},
        {"{\"a\":{\"$nin\":[1,2]}}", "{\"a\":3}", true},
        {"{\"a\":{\"$nin\":[1,2]}}", "{\"a\":[2]}", false},
        {"{\"a\":{\"$nin\":[1,2]}}", "{}", true},
        {"{\"a\":{\"$nin\":[]}}", "{}", true},
        {"{\"a\":{\"$not\":{\"$gt\":5}}}", "{}", true},
        {"{\"a\":{\"$not\":{\"$gt\":5}}}", "{\"a\":\"x\"}", true},
        {"{\"a\":{\"$not\":{\"$gt\":5}}}", "{\"a\":6}", false},
        {"{\"a\":{\"$not\":{\"$gt\":5,\"$lt\":8}}}", "{\"a\":6}", false},
        {"{\"a\":{\"$not\":{\"$gt\":5,\"$lt\":8}}}", "{\"a\":9}", true},
        {"{\"a\":{\"$not\":{\"$not\":{\"$gt\":5}}}}", "{\"a\":9}", true},
        {"{\"a\":{\"$not\":{\"$ne\":5}}}", "{\"a\":5}", true},
        {"{\"a\":{\"$not\":{\"$regex\":\"^x\"}}}", "{\"a\":\"yx\"}", true},
        {"{\"a\":{\"$not\":{\"$regex\":\"^x\"}}}", "{}", true},
        {"{\"$nor\":[{\"a\":1},{\"b\":2}]}", "{}", true},
        {"{\"$nor\":[{\"a\":1},{\"b\":2}]}", "{\"b\":2}", false},
        {"{\"$nor\":[{}]}", "{}", false},
    };
    CHECK_ROWS(rows);
}

static void test_lists(void **state) {
    (void)state;
    static const struct row rows[] = {
        {"{\"a\":{\"$in\":[3,1,2]}}", "{\"a\":1}", true},
        {"{\"a\":{\"$in\":[3,1,2]}}", "{\"a\":2.0}", true},
        {"{\"a\":{\"$in\":[3,1,2]}}", "{\"a\":4}", false},
        {"{\"a\":{\"$in\":[3,1,2]}}", "{}", false},
        {"{\"a\":{\"$in\":[]}}", "{\"a\":1}", false},
        {"{\"a\":{\"$in\":[]}}", "{}", false},
        {"{\"a\":{\"$in\":[\"x\",1,null,true,[1,2],{\"k\":1}]}}", "{\"a\":true}", true},
        {"{\"a\":{\"$in\":[\"x\",1,null,true,[1,2],{\"k\":1}]}}", "{\"a\":[1,2]}", true},
        {"{\"a\":{\"$in\":[\"x\",[5]]}}", "{\"a\":[5]}", true},
        {"{\"a\":{\"$in\":[\"x\",[5]]}}", "{\"a\":5}", false},
        {"{\"a\":{\"$in\":[\"x\",1,{\"k\":1}]}}", "{\"a\":{\"k\":1}}", true},
        {"{\"a\":{\"$in\":[1,1.0,2,2]}}", "{\"a\":2}", true},
        {"{\"a\":{\"$in\":[1,2]}}", "{\"a\":[7,2]}", true},
        {"{\"a\":{\"$all\":[1,2]}}", "{\"a\":[2,1,3]}", true},
        {"{\"a\":{\"$all\":[1,2]}}", "{\"a\":[1]}", false},
        {"{\"a\":{\"$all\":[1]}}", "{\"a\":1}", true},
        {"{\"a\":{\"$all\":[]}}", "{\"a\":[]}", false},
        {"{\"a\":{\"$all\":[]}}", "{}", false},
        {"{\"a\":{\"$all\":[[1,2]]}}", "{\"a\":[1,2]}", true},
        {"{\"a\":{\"$all\":[null]}}", "{}", true},
        {"{\"a\":{\"$all\":[{\"$elemMatch\":{\"x\":1}},{\"$elemMatch\":{\"y\":2}}]}}",
         "{\"a\":[{\"x\":1},{\"y\":2}]}", true},
        {"{\"a\":{\"$all\":[{\"$elemMatch\":{\"x\":1}},{\"$elemMatch\":{\"y\":2}}]}}",
         "{\"a\":[{\"x\":1},{\"y\":3}]}", false},
    };
    CHECK_ROWS(rows);
}

static void test_exists_type_size(void **state) {
    (void)state;
    static const struct row rows[] = {
        {"{\"a\":{\"$exists\":true}}", "{\"a\":null}", true},
        {"{\"a\":{\"$exists\":true}}", "{}", false},
        {"{\"a\":{\"$exists\":false}}", "{}", true},
        {"{\"a\":{\"$exists\":false}}", "{\"a\":null}", false},
        {"{\"a.b\":{\"$exists\":true}}", "{\"a\":[{},{\"b\":1}]}", true},
        {"{\"a.b\":{\"$exists\":false}}", "{\"a\":[{},{\"b\":1}]}", false},
        {"{\"a.b\":{\"$exists\":false}}", "{\"a\":[]}", true},
        {"{\"a\":{\"$exists\":true}}", "{\"a\":[]}", true},
        {"{\"a\":{\"$type\":\"null\"}}", "{\"a\":null}", true},
        {"{\"a\":{\"$type\":\"null\"}}", "{}", false},
        {"{\"a\":{\"$type\":\"bool\"}}", "{\"a\":false}", true},
        {"{\"a\":{\"$type\":\"int\"}}", "{\"a\":1}", true},
        {"{\"a\":{\"$type\":\"int\"}}", "{\"a\":1.0}", false},
        {"{\"a\":{\"$type\":\"double\"}}", "{\"a\":1.0}", true},
        {"{\"a\":{\"$type\":\"number\"}}", "{\"a\":1.0}", true},
        {"{\"a\":{\"$type\":\"number\"}}", "{\"a\":1}", true},
        {"{\"a\":{\"$type\":\"number\"}}", "{\"a\":\"1\"}", false},
        {"{\"a\":{\"$type\":\"string\"}}", "{\"a\":\"1\"}", true},
        {"{\"a\":{\"$type\":\"object\"}}", "{\"a\":{}}", true},
        {"{\"a\":{\"$type\":\"array\"}}", "{\"a\":[]}", true},
        {"{\"a\":{\"$type\":\"string\"}}", "{\"a\":[1,\"x\"]}", true},
        {"{\"a\":{\"$type\":\"object\"}}", "{\"a\":[1]}", false},
        {"{\"a\":{\"$type\":\"date\"}}", "{\"a\":{\"$date\":\"2024-01-01T00:00:00Z\"}}", true},
        {"{\"a\":{\"$type\":\"binary\"}}", "{\"a\":{\"$binary\":\"AA==\"}}", true},
        {"{\"a\":{\"$type\":\"vector\"}}", "{\"a\":{\"$binary\":\"AA==\"}}", false},
        {"{\"a\":{\"$type\":\"vector\"}}", "{\"a\":{\"$f32\":\"AACAPw==\"}}", true},
        {"{\"a\":{\"$type\":\"binary\"}}", "{\"a\":{\"$f32\":\"AACAPw==\"}}", false},
        {"{\"a\":{\"$type\":[\"string\",\"null\"]}}", "{\"a\":null}", true},
        {"{\"a\":{\"$type\":[\"string\",\"null\"]}}", "{\"a\":1}", false},
        {"{\"a\":{\"$size\":2}}", "{\"a\":[1,2]}", true},
        {"{\"a\":{\"$size\":2}}", "{\"a\":[1]}", false},
        {"{\"a\":{\"$size\":2.0}}", "{\"a\":[1,2]}", true},
        {"{\"a\":{\"$size\":0}}", "{\"a\":[]}", true},
        {"{\"a\":{\"$size\":0}}", "{}", false},
        {"{\"a\":{\"$size\":2}}", "{\"a\":[[1,2]]}", false},
        {"{\"a\":{\"$size\":1}}", "{\"a\":\"x\"}", false},
    };
    CHECK_ROWS(rows);
}

static void test_logic(void **state) {
    (void)state;
    static const struct row rows[] = {
        {"{\"a\":1,\"b\":2}", "{\"a\":1,\"b\":2}", true},
        {"{\"a\":1,\"b\":2}", "{\"a\":1}", false},
        {"{\"$and\":[{\"a\":1},{\"a\":2}]}", "{\"a\":[1,2]}", true},
        {"{\"$and\":[{\"a\":1},{\"a\":2}]}", "{\"a\":[1]}", false},
        {"{\"$and\":[{}]}", "{}", true},
        {"{\"$or\":[{\"a\":1},{\"b\":2}]}", "{\"b\":2}", true},
        {"{\"$or\":[{\"a\":1},{\"b\":2}]}", "{\"b\":1}", false},
        {"{\"$or\":[{\"a\":1},{}]}", "{}", true},
        {"{\"c\":3,\"$or\":[{\"a\":1},{\"b\":2}]}", "{\"a\":1}", false},
        {"{\"c\":3,\"$or\":[{\"a\":1},{\"b\":2}]}", "{\"a\":1,\"c\":3}", true},
        {"{\"$or\":[{\"$and\":[{\"a\":1},{\"b\":1}]},{\"$nor\":[{\"c\":1}]}]}", "{\"c\":1}", false},
        {"{\"$or\":[{\"$and\":[{\"a\":1},{\"b\":1}]},{\"$nor\":[{\"c\":1}]}]}", "{}", true},
        {"{\"$or\":[{\"a\":1},{\"$or\":[{\"a\":2},{\"a\":3}]}]}", "{\"a\":3}", true},
    };
    CHECK_ROWS(rows);
}

static void test_elem_match(void **state) {
    (void)state;
    static const struct row rows[] = {
        {"{\"a\":{\"$elemMatch\":{\"x\":1,\"y\":2}}}", "{\"a\":[{\"x\":1},{\"x\":1,\"y\":2}]}",
         true},
        {"{\"a\":{\"$elemMatch\":{\"x\":1,\"y\":2}}}", "{\"a\":[{\"x\":1},{\"y\":2}]}", false},
        {"{\"a.x\":1,\"a.y\":2}", "{\"a\":[{\"x\":1},{\"y\":2}]}", true},
        {"{\"a\":{\"$elemMatch\":{\"x\":1}}}", "{\"a\":{\"x\":1}}", false},
        {"{\"a\":{\"$elemMatch\":{\"x\":null}}}", "{\"a\":[5]}", false},
        {"{\"a\":{\"$elemMatch\":{\"x\":null}}}", "{\"a\":[{}]}", true},
        {"{\"a\":{\"$elemMatch\":{}}}", "{\"a\":[1]}", false},
        {"{\"a\":{\"$elemMatch\":{}}}", "{\"a\":[{}]}", true},
        {"{\"a\":{\"$elemMatch\":{}}}", "{\"a\":[]}", false},
        {"{\"a\":{\"$elemMatch\":{\"0\":1}}}", "{\"a\":[[1,2]]}", true},
        {"{\"a\":{\"$elemMatch\":{\"x.y\":{\"$gt\":3}}}}", "{\"a\":[{\"x\":[{\"y\":4}]}]}", true},
        {"{\"a\":{\"$elemMatch\":{\"$or\":[{\"x\":1},{\"y\":1}]}}}", "{\"a\":[{\"y\":1}]}", true},
        {"{\"a\":{\"$elemMatch\":{\"$gt\":21,\"$lt\":30}}}", "{\"a\":[5,40]}", false},
        {"{\"a\":{\"$elemMatch\":{\"$gt\":21,\"$lt\":30}}}", "{\"a\":[5,25]}", true},
        {"{\"a\":{\"$elemMatch\":{\"$gt\":21}}}", "{\"a\":25}", false},
        {"{\"a\":{\"$elemMatch\":{\"$gt\":21}}}", "{\"a\":[[25]]}", false},
        {"{\"a\":{\"$elemMatch\":{\"$ne\":1}}}", "{\"a\":[1]}", false},
        {"{\"a\":{\"$elemMatch\":{\"$ne\":1}}}", "{\"a\":[1,2]}", true},
        {"{\"a\":{\"$elemMatch\":{\"$not\":{\"$gt\":1,\"$lt\":5},\"$nin\":[7],\"$ne\":8}}}",
         "{\"a\":[2,7,8]}", false},
        {"{\"a\":{\"$elemMatch\":{\"$not\":{\"$gt\":1,\"$lt\":5},\"$nin\":[7],\"$ne\":8}}}",
         "{\"a\":[2,9]}", true},
        {"{\"a\":{\"$elemMatch\":{\"$elemMatch\":{\"$gt\":1}}}}", "{\"a\":[[0],[2]]}", true},
        {"{\"a\":{\"$elemMatch\":{\"$elemMatch\":{\"$gt\":1}}}}", "{\"a\":[2]}", false},
        {"{\"a\":{\"$elemMatch\":{\"$elemMatch\":{\"x\":1}}}}", "{\"a\":[[{\"x\":1}]]}", true},
        {"{\"a\":{\"$elemMatch\":{\"$size\":2}}}", "{\"a\":[[1,2]]}", true},
        {"{\"a\":{\"$elemMatch\":{\"$contains\":1}}}", "{\"a\":[[2,1]]}", true},
        {"{\"a\":{\"$elemMatch\":{\"$startsWith\":\"x\"}}}", "{\"a\":[\"yx\",\"xy\"]}", true},
        {"{\"a\":{\"$elemMatch\":{\"$exists\":true}}}", "{\"a\":[null]}", true},
        {"{\"a\":{\"$elemMatch\":{\"$exists\":true}}}", "{\"a\":[]}", false},
        {"{\"a\":{\"$elemMatch\":{\"$eq\":null}}}", "{\"a\":[]}", false},
        {"{\"a\":{\"$elemMatch\":{\"$and\":[{\"$gt\":1},{\"$gt\":2}]}}}", "{\"a\":[2]}", false},
        {"{\"a\":{\"$elemMatch\":{\"$or\":[{\"$lt\":1},{\"$gt\":2}]}}}", "{\"a\":[2,3]}", true},
        {"{\"a.b\":{\"$elemMatch\":{\"$gt\":1}}}", "{\"a\":[{\"b\":[1]},{\"b\":[2]}]}", true},
    };
    CHECK_ROWS(rows);
}

static void test_strings(void **state) {
    (void)state;
    static const struct row rows[] = {
        {"{\"a\":{\"$startsWith\":\"ab\"}}", "{\"a\":\"abc\"}", true},
        {"{\"a\":{\"$startsWith\":\"ab\"}}", "{\"a\":\"ab\"}", true},
        {"{\"a\":{\"$startsWith\":\"ab\"}}", "{\"a\":\"a\"}", false},
        {"{\"a\":{\"$startsWith\":\"\"}}", "{\"a\":\"a\"}", true},
        {"{\"a\":{\"$startsWith\":\"\"}}", "{}", false},
        {"{\"a\":{\"$startsWith\":\"ab\"}}", "{\"a\":[\"x\",\"abc\"]}", true},
        {"{\"a\":{\"$startsWith\":\"1\"}}", "{\"a\":1}", false},
        // As JavaScript's includes.
        {"{\"a\":{\"$contains\":\"bc\"}}", "{\"a\":\"abcd\"}", true},
        {"{\"a\":{\"$contains\":\"bd\"}}", "{\"a\":\"abcd\"}", false},
        {"{\"a\":{\"$contains\":\"\"}}", "{\"a\":\"\"}", true},
        {"{\"a\":{\"$contains\":\"bc\"}}", "{\"a\":[\"bc\"]}", true},
        {"{\"a\":{\"$contains\":\"bc\"}}", "{\"a\":[\"abcd\"]}", false},
        {"{\"a\":{\"$contains\":1}}", "{\"a\":[0,1.0]}", true},
        {"{\"a\":{\"$contains\":1}}", "{\"a\":1}", false},
        {"{\"a\":{\"$contains\":1}}", "{\"a\":\"1\"}", false},
        {"{\"a\":{\"$contains\":1}}", "{\"a\":[[1]]}", false},
        {"{\"a\":{\"$contains\":null}}", "{}", false},
        {"{\"a\":{\"$contains\":null}}", "{\"a\":[null]}", true},
        {"{\"a\":{\"$contains\":{\"x\":1}}}", "{\"a\":[{\"x\":1}]}", true},
        {"{\"a\":{\"$contains\":[1]}}", "{\"a\":[[1]]}", true},
        {"{\"a.b\":{\"$contains\":\"x\"}}", "{\"a\":[{\"b\":\"yxy\"}]}", true},
        {"{\"a\":{\"$contains\":\"é\"}}", "{\"a\":\"café\"}", true},
    };
    CHECK_ROWS(rows);
}

static void test_regex(void **state) {
    (void)state;
    static const struct row rows[] = {
        {"{\"a\":{\"$regex\":\"b+c\"}}", "{\"a\":\"abbcd\"}", true},
        {"{\"a\":{\"$regex\":\"^b\"}}", "{\"a\":\"ab\"}", false},
        {"{\"a\":{\"$regex\":\"B\",\"$options\":\"i\"}}", "{\"a\":\"abc\"}", true},
        {"{\"a\":{\"$options\":\"i\",\"$regex\":\"É\"}}", "{\"a\":\"é\"}", true},
        {"{\"a\":{\"$regex\":\"B\"}}", "{\"a\":\"abc\"}", false},
        {"{\"a\":{\"$regex\":\"^b\"}}", "{\"a\":\"a\\nb\"}", false},
        {"{\"a\":{\"$regex\":\"^b\",\"$options\":\"m\"}}", "{\"a\":\"a\\nb\"}", true},
        {"{\"a\":{\"$regex\":\"a.b\"}}", "{\"a\":\"a\\nb\"}", false},
        {"{\"a\":{\"$regex\":\"a.b\",\"$options\":\"s\"}}", "{\"a\":\"a\\nb\"}", true},
        {"{\"a\":{\"$regex\":\"a b # c\",\"$options\":\"x\"}}", "{\"a\":\"ab\"}", true},
        {"{\"a\":{\"$regex\":\"A B\",\"$options\":\"xi\"}}", "{\"a\":\"ab\"}", true},
        {"{\"a\":{\"$regex\":\"^.$\"}}", "{\"a\":\"é\"}", true},
        {"{\"a\":{\"$regex\":\"\"}}", "{\"a\":\"\"}", true},
        {"{\"a\":{\"$regex\":\"1\"}}", "{\"a\":1}", false},
        {"{\"a\":{\"$regex\":\"1\"}}", "{}", false},
        {"{\"a\":{\"$regex\":\"^x\"}}", "{\"a\":[\"y\",\"xy\"]}", true},
        {"{\"a\":{\"$regex\":\"^x\",\"$ne\":\"xy\"}}", "{\"a\":\"xy\"}", false},
    };
    CHECK_ROWS(rows);
}

static void test_paths(void **state) {
    (void)state;
    static const struct row rows[] = {
        {"{\"a.b\":1}", "{\"a\":{\"b\":1}}", true},
        {"{\"a.b.c\":1}", "{\"a\":{\"b\":{\"c\":1}}}", true},
        {"{\"a.b.c\":1}", "{\"a\":{\"b\":[{\"c\":2},{\"c\":1}]}}", true},
        {"{\"a.b.c\":1}", "{\"a\":[{\"b\":[{\"c\":2},{\"c\":1}]}]}", true},
        {"{\"a.b\":1}", "{\"a.b\":1}", false},
        {"{\"/a.b\":1}", "{\"a.b\":1}", true},
        {"{\"/a/b\":1}", "{\"a\":{\"b\":1}}", true},
        {"{\"/a~1b\":1}", "{\"a/b\":1}", true},
        {"{\"a.0\":1}", "{\"a\":[1,2]}", true},
        {"{\"a.1\":1}", "{\"a\":[1,2]}", false},
        {"{\"a.0\":1}", "{\"a\":{\"0\":1}}", true},
        {"{\"a.0\":1}", "{\"a\":[{\"0\":1}]}", true},
        {"{\"a.0.b\":1}", "{\"a\":[{\"b\":1},{\"b\":2}]}", true},
        {"{\"a.0.b\":2}", "{\"a\":[{\"b\":1},{\"b\":2}]}", false},
        {"{\"a.b\":{\"$gt\":1}}", "{\"a\":[{\"b\":[0,5]}]}", true},
        {"{\"a.b\":[0,5]}", "{\"a\":[{\"b\":[0,5]}]}", true},
        {"{\"a.b\":{\"$ne\":1}}", "{\"a\":[{\"b\":2},{\"b\":1}]}", false},
        {"{\"\xc3\xa9t\xc3\xa9\":1}", "{\"\xc3\xa9t\xc3\xa9\":1}", true},
        {"{\"pad_39\":{\"$exists\":true}}", "{\"pad_39\":5}", true},
    };
    CHECK_ROWS(rows);
}

static void test_system_fields(void **state) {
    (void)state;
    static const struct {
        const char *filter;
        bool match;
    } rows[] = {
        {"{\"_version\":7}", true},
        {"{\"_version\":{\"$gt\":7}}", false},
        {"{\"_id\":\"k\"}", true},
        {"{\"_created\":\"2024-02-29T12:34:56.789Z\"}", true},
        {"{\"_created\":{\"$lt\":\"2025\"}}", true},
        {"{\"_expires\":{\"$exists\":false}}", true},
        {"{\"_lease\":{\"$exists\":true}}", true},
        {"{\"_lease.holder\":\"worker\"}", true},
        {"{\"_lease.until\":{\"$gt\":\"2024\"}}", true},
        {"{\"_lease.token\":null}", true},
        {"_version = 7 AND _lease IS NOT NULL", true},
    };
    struct ctx ctx;
    ctx_init(&ctx, &world_system, NULL, 64u << 20);
    struct doc_sys sys = {.version = 7,
                          .created_ms = 1709210096789,
                          .updated_ms = 1709210096789,
                          .lease_until_ms = 1709210097789,
                          .lease_holder = SLICE_LIT("worker")};
    struct doc doc;
    filter_fixture_doc(&ctx, "{\"_id\":\"k\"}", false, &doc);
    doc.sys = &sys;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        bool match = false;
        struct filter *filter = filter_fixture_parse(&ctx, rows[i].filter);
        assert_int_equal(filter_eval(&ctx, filter, &doc, &match), NACRE_OK);
        if (match != rows[i].match) fail_msg("%s", rows[i].filter);
    }
    ctx_free(&ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equality), cmocka_unit_test(test_null_is_missing),
        cmocka_unit_test(test_order),    cmocka_unit_test(test_complements),
        cmocka_unit_test(test_lists),    cmocka_unit_test(test_exists_type_size),
        cmocka_unit_test(test_logic),    cmocka_unit_test(test_elem_match),
        cmocka_unit_test(test_strings),  cmocka_unit_test(test_regex),
        cmocka_unit_test(test_paths),    cmocka_unit_test(test_system_fields),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
