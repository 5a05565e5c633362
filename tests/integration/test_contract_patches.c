// The contract on patches: update operators as in MongoDB, merge patches, JSON Patches.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "support/contract.h"

struct patch_case {
    const char *before, *patch;
    const char *after; // members of the document after it; NULL: refused, says:
    const char *says;
};

// Refusals change nothing: "A patch is done whole or not at all."
static void run(const struct patch_case *cases, size_t count, nacre_patch_kind kind) {
    struct lib_fixture f;
    char before[256], after[256];
    lib_fixture_open(&f);
    for (size_t i = 0; i < count; i++) {
        const struct patch_case *c = &cases[i];
        LIB_OK(&f, contract_put(&f, "p", c->before, NULL, NULL));
        snprintf(before, sizeof before, "%s", contract_body(&f, "p"));
        uint64_t version = contract_version(&f, "p");
        nacre_status status = contract_patch(&f, "p", kind, c->patch, NULL, NULL);
        if (c->after) {
            LIB_OK(&f, status);
            snprintf(after, sizeof after, "{\"_id\":\"p\"%s%s}", *c->after ? "," : "", c->after);
            assert_string_equal(contract_body(&f, "p"), after);
            assert_int_equal(contract_version(&f, "p"), version + 1);
            continue;
        }
        LIB_FAILS(&f, status, NACRE_INVALID_ARGUMENT, c->says, "\"pointer\":\"");
        assert_string_equal(contract_body(&f, "p"), before);
        assert_int_equal(contract_version(&f, "p"), version);
    }
    lib_fixture_close(&f);
}

// "update operators `$set $unset $inc $mul $min $max …`, as in MongoDB"
static void test_fields(void **state) {
    static const struct patch_case cases[] = {
        {"{}", "{\"$set\":{\"a.b.c\":1}}", "\"a\":{\"b\":{\"c\":1}}", NULL},
        {"{\"a\":[1]}", "{\"$set\":{\"a.3\":9}}", "\"a\":[1,null,null,9]", NULL},
        {"{\"a\":[1,{\"b\":2}]}", "{\"$set\":{\"a.1.b\":3}}", "\"a\":[1,{\"b\":3}]", NULL},
        {"{\"a\":{\"0\":1}}", "{\"$set\":{\"a.0\":2}}", "\"a\":{\"0\":2}", NULL},
        {"{}", "{\"$set\":{\"/a~1b/c\":1}}", "\"a/b\":{\"c\":1}", NULL},
        {"{}", "{\"$set\":{}}", "", NULL},
        {"{\"a\":1}", "{\"$set\":{\"a.b\":1}}", NULL, "/$set/a.b"},
        {"{\"a\":null}", "{\"$set\":{\"a.b\":1}}", NULL, "/$set/a.b"},
        {"{\"a\":[]}", "{\"$set\":{\"a.x\":1}}", NULL, "an array index"},
        {"{}", "{\"$set\":{\"a\":1,\"a.b\":2}}", NULL, "conflict"},
        {"{}", "{\"$set\":{\"a\":1},\"$inc\":{\"a\":1}}", NULL, "conflict"},
        {"{}", "{\"$set\":1}", NULL, "an object of paths"},
        {"{}", "{\"$set\":{\"a..b\":1}}", NULL, "between dots"},
        {"{}", "{\"$set\":{\"a.$x\":1}}", NULL, "'$'"},
        {"{}", "{\"$set\":{\"a\":{\"$x\":1}}}", NULL, "/$set/a/$x"},
        {"{}", "{\"$set\":{\"_id\":\"other\"}}", NULL, "_id"},
        {"{}", "{\"$set\":{\"_version\":7}}", NULL, "system field"},
        {"{\"a\":{\"b\":1,\"c\":2}}", "{\"$unset\":{\"a.b\":\"\"}}", "\"a\":{\"c\":2}", NULL},
        {"{\"a\":[1,2,3]}", "{\"$unset\":{\"a.1\":\"\"}}", "\"a\":[1,null,3]", NULL},
        {"{\"a\":1}", "{\"$unset\":{\"a.b\":\"\"}}", "\"a\":1", NULL},
        {"{\"a\":3}", "{\"$min\":{\"a\":2}}", "\"a\":2", NULL},
        {"{\"a\":3}", "{\"$min\":{\"a\":null}}", "\"a\":null", NULL},
        {"{}", "{\"$min\":{\"a\":4}}", "\"a\":4", NULL},
        {"{\"a\":3}", "{\"$max\":{\"a\":3.0}}", "\"a\":3", NULL},
        {"{\"a\":3}", "{\"$max\":{\"a\":\"x\"}}", "\"a\":\"x\"", NULL},
        {"{\"a\":1}", "{\"$rename\":{\"a\":\"b.c\"}}", "\"b\":{\"c\":1}", NULL},
        {"{\"b\":2}", "{\"$rename\":{\"a\":\"b\"}}", "\"b\":2", NULL},
        {"{\"a\":1,\"b\":2}", "{\"$rename\":{\"a\":\"b\"}}", "\"b\":1", NULL},
        {"{\"a\":[1]}", "{\"$rename\":{\"a.0\":\"b\"}}", NULL, "arrays"},
        {"{\"a\":1}", "{\"$rename\":{\"a\":5}}", NULL, "a path"},
        {"{}", "{\"$currentDate\":{\"d\":1}}", NULL, "true or"},
        {"{}", "{\"$sett\":{\"a\":1}}", NULL, "\"suggestions\":[\"$set\"]"},
        {"{}", "{\"$setOnInsert\":{\"a\":1}}", NULL, "unknown update operator"},
    };
    struct lib_fixture f;
    (void)state;
    run(cases, CONTRACT_COUNT(cases), NACRE_PATCH);
    lib_fixture_open(&f); // "`$currentDate` (a `$date`)"
    LIB_OK(&f, contract_put(&f, "p", "{}", NULL, NULL));
    LIB_OK(&f, contract_patch(&f, "p", NACRE_PATCH, "{\"$currentDate\":{\"d\":true}}", NULL, NULL));
    LIB_HAS(contract_body(&f, "p"), "\"d\":{\"$date\":\"20");
    lib_fixture_close(&f);
}

// "what fits neither, also as the result of `$inc` …, is 400"
static void test_numbers(void **state) {
    static const struct patch_case cases[] = {
        {"{\"a\":1}", "{\"$inc\":{\"a\":2}}", "\"a\":3", NULL},
        {"{\"a\":1}", "{\"$inc\":{\"a\":2.0}}", "\"a\":3.0", NULL},
        {"{}", "{\"$inc\":{\"a\":5}}", "\"a\":5", NULL},
        {"{\"a\":9007199254740993}", "{\"$inc\":{\"a\":1}}", "\"a\":9007199254740994", NULL},
        {"{\"a\":9223372036854775807}", "{\"$inc\":{\"a\":1}}", NULL, "64-bit integer"},
        {"{\"a\":-9223372036854775808}", "{\"$inc\":{\"a\":-1}}", NULL, "64-bit integer"},
        {"{\"a\":1.7e308}", "{\"$inc\":{\"a\":1.7e308}}", NULL, "finite double"},
        {"{\"a\":\"x\"}", "{\"$inc\":{\"a\":1}}", NULL, "needs a number"},
        {"{\"a\":null}", "{\"$inc\":{\"a\":1}}", NULL, "needs a number"},
        {"{\"a\":1}", "{\"$inc\":{\"a\":\"1\"}}", NULL, "takes a number"},
        {"{\"a\":3}", "{\"$mul\":{\"a\":4}}", "\"a\":12", NULL},
        {"{}", "{\"$mul\":{\"a\":4}}", "\"a\":0", NULL},
        {"{}", "{\"$mul\":{\"a\":4.0}}", "\"a\":0.0", NULL},
        {"{\"a\":-0.0}", "{\"$mul\":{\"a\":1}}", "\"a\":-0.0", NULL},
        {"{\"a\":3037000500}", "{\"$mul\":{\"a\":3037000500}}", NULL, "out of range"},
        {"{\"a\":-9223372036854775808}", "{\"$mul\":{\"a\":-1}}", NULL, "out of range"},
        {"{\"a\":1,\"n\":\"x\"}", "{\"$set\":{\"a\":2},\"$inc\":{\"n\":1}}", NULL, "/$inc/n"},
    };
    (void)state;
    run(cases, CONTRACT_COUNT(cases), NACRE_PATCH);
}

// "… `$push $pull $addToSet` (`$each`)"
static void test_arrays(void **state) {
    static const struct patch_case cases[] = {
        {"{}", "{\"$push\":{\"a\":1}}", "\"a\":[1]", NULL},
        {"{\"a\":[1]}", "{\"$push\":{\"a\":[2,3]}}", "\"a\":[1,[2,3]]", NULL},
        {"{\"a\":[1]}", "{\"$push\":{\"a\":{\"$each\":[2,3]}}}", "\"a\":[1,2,3]", NULL},
        {"{\"a\":1}", "{\"$push\":{\"a\":1}}", NULL, "needs an array"},
        {"{\"a\":[1]}", "{\"$push\":{\"a\":{\"$each\":2}}}", NULL, "/$push/a/$each"},
        {"{\"a\":[1]}", "{\"$push\":{\"a\":{\"$each\":[2],\"$position\":0}}}", NULL, "$each alone"},
        {"{\"a\":[1,2,1]}", "{\"$pull\":{\"a\":1}}", "\"a\":[2]", NULL},
        {"{\"a\":[1,1.0,\"1\"]}", "{\"$pull\":{\"a\":1}}", "\"a\":[\"1\"]", NULL},
        {"{\"a\":[1,2,5]}", "{\"$pull\":{\"a\":{\"$gte\":2}}}", "\"a\":[1]", NULL},
        {"{\"a\":[{\"x\":1,\"y\":2},{\"x\":2}]}", "{\"$pull\":{\"a\":{\"x\":1}}}",
         "\"a\":[{\"x\":2}]", NULL},
        {"{\"a\":[[1],[2]]}", "{\"$pull\":{\"a\":[1]}}", "\"a\":[[2]]", NULL},
        {"{}", "{\"$pull\":{\"a\":1}}", "", NULL},
        {"{\"a\":[1]}", "{\"$pull\":{\"a\":{\"$foo\":1}}}", NULL, "$pull does not know"},
        {"{\"a\":[1]}", "{\"$addToSet\":{\"a\":1.0}}", "\"a\":[1]", NULL},
        {"{\"a\":[1]}", "{\"$addToSet\":{\"a\":{\"$each\":[1,2,2]}}}", "\"a\":[1,2]", NULL},
        {"{}", "{\"$addToSet\":{\"a\":1}}", "\"a\":[1]", NULL},
        {"{\"a\":\"s\"}", "{\"$addToSet\":{\"a\":1}}", NULL, "needs an array"},
    };
    (void)state;
    run(cases, CONTRACT_COUNT(cases), NACRE_PATCH);
}

// "all names start with `$` = update operators …; none does = merge patch; mixed … 400"
static void test_merge(void **state) {
    static const struct patch_case cases[] = {
        {"{\"a\":1}", "{}", "\"a\":1", NULL},
        {"{\"a\":1,\"b\":{\"c\":1}}",
         "{\"a\":null,\"b\":{\"c\":null,\"d\":null,\"e\":{\"f\":null,\"g\":1}}}",
         "\"b\":{\"e\":{\"g\":1}}", NULL},
        {"{\"a\":1}", "{\"a\":{\"x\":null,\"y\":[null]}}", "\"a\":{\"y\":[null]}", NULL},
        {"{\"a\":1}", "{\"a.b\":2}", "\"a\":1,\"a.b\":2", NULL},
        {"{\"a\":1}", "{\"_id\":\"p\",\"a\":2}", "\"a\":2", NULL},
        {"{\"a\":1}", "{\"_id\":\"q\"}", NULL, "cannot change it"},
        {"{\"a\":1}", "{\"_id\":null}", NULL, "cannot change it"},
        {"{}", "{\"$set\":{\"a\":1},\"b\":2}", NULL, "not both"},
        {"{}", "{\"b\":2,\"$set\":{\"a\":1}}", NULL, "not both"},
        {"{\"a\":1}", "{\"b\":{\"$set\":1}}", NULL, "/b/$set"},
        {"{}", "[{\"op\":\"add\",\"path\":\"/x\",\"value\":1}]", NULL, "NACRE_PATCH_JSON"},
        {"{}", "5", NULL, "expected an object"},
    };
    static const struct patch_case merge_only[] = {
        {"{\"a\":1}", "{\"a\":null}", "", NULL},
        {"{}", "{\"$set\":{\"a\":1}}", NULL, "/$set"},
    };
    (void)state;
    run(cases, CONTRACT_COUNT(cases), NACRE_PATCH);
    run(merge_only, CONTRACT_COUNT(merge_only), NACRE_PATCH_MERGE);
}

static void test_json_patch(void **state) {
    static const struct patch_case cases[] = {
        {"{\"a\":1}",
         "[{\"op\":\"add\",\"path\":\"/b\",\"value\":[1]},{\"op\":\"add\",\"path\":\"/b/-\","
         "\"value\":2},{\"op\":\"move\",\"from\":\"/b/0\",\"path\":\"/c\"},{\"op\":\"copy\","
         "\"from\":\"/c\",\"path\":\"/d\"},{\"op\":\"remove\",\"path\":\"/a\"},{\"op\":\"test\","
         "\"path\":\"/c\",\"value\":1.0}]",
         "\"b\":[2],\"c\":1,\"d\":1", NULL},
        {"{\"a\":1}", "[]", "\"a\":1", NULL},
        {"{\"a\":1}", "[{\"op\":\"replace\",\"path\":\"\",\"value\":{\"z\":1}}]", "\"z\":1", NULL},
        {"{\"a~/b\":1}", "[{\"op\":\"remove\",\"path\":\"/a~0~1b\"}]", "", NULL},
        {"{}", "[{\"op\":\"remove\",\"path\":\"/x\"}]", NULL, "a value to remove"},
        {"{}", "[{\"op\":\"replace\",\"path\":\"/x\",\"value\":1}]", NULL, "a value to replace"},
        {"{\"a\":[1]}", "[{\"op\":\"add\",\"path\":\"/a/2\",\"value\":1}]", NULL, "an index"},
        {"{\"a\":[1]}", "[{\"op\":\"add\",\"path\":\"/a/01\",\"value\":1}]", NULL, "an index"},
        {"{}", "[{\"op\":\"add\",\"path\":\"x\",\"value\":1}]", NULL, "a JSON Pointer"},
        {"{}", "[{\"op\":\"add\",\"path\":\"/a\"}]", NULL, "has no value"},
        {"{}", "[{\"op\":\"bogus\",\"path\":\"/a\"}]", NULL, "add, remove, replace"},
        {"{}", "[{\"op\":\"remove\",\"path\":\"/_id\"}]", NULL, "_id"},
        {"{}", "[{\"op\":\"add\",\"path\":\"/_version\",\"value\":1}]", NULL, "system field"},
        {"{\"a\":{}}", "[{\"op\":\"move\",\"from\":\"/a\",\"path\":\"/a/b\"}]", NULL, "itself"},
        {"{}", "{\"a\":1}", NULL, "an array of operations"},
    };
    struct lib_fixture f;
    (void)state;
    run(cases, CONTRACT_COUNT(cases), NACRE_PATCH_JSON);
    // "else 412 `condition_failed`; so does a JSON Patch whose `test` fails"
    lib_fixture_open(&f);
    LIB_OK(&f, contract_put(&f, "p", "{\"a\":1}", NULL, NULL));
    LIB_FAILS(&f,
              contract_patch(&f, "p", NACRE_PATCH_JSON,
                             "[{\"op\":\"add\",\"path\":\"/b\",\"value\":1},"
                             "{\"op\":\"test\",\"path\":\"/a\",\"value\":2}]",
                             NULL, NULL),
              NACRE_CONDITION_FAILED, "\"status\":412", "\"pointer\":\"/1", "\"got\":\"1\"");
    assert_string_equal(contract_body(&f, "p"), "{\"_id\":\"p\",\"a\":1}");
    lib_fixture_close(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields),     cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_arrays),     cmocka_unit_test(test_merge),
        cmocka_unit_test(test_json_patch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
