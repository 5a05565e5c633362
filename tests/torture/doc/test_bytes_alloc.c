// Each allocation fails in turn in what reads and writes documents: the answer is memory_limit, the
// output is as it was, nothing leaks (the address sanitizer looks).
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/os/fault.h"
#include "doc/footer.h"
#include "doc/row.h"
#include "support/doc_fixture.h"

static struct ctx ctx;
static struct buf json; // a document that needs every allocation there is
static struct slice doc;
static struct ctx keep; // owns doc

static void make_inputs(void) {
    doc_fixture_ctx(&keep);
    buf_init(&json, NULL, 1 << 20);
    buf_put_str(&json, "{\"first\":0");
    for (int i = 0; i < 300; i++)
        buf_printf(&json, ",\"name %d\":{\"x\":\"%*d\"}", i, i, i);
    buf_put_u8(&json, '}');
    buf_put_u8(&json, 0);
    doc = doc_fixture_bson(&keep, (const char *)json.p);
    json.n -= 2; // again without the brace, with duplicates and an escaped extended value
    buf_put_str(&json, ",\"first\":[1,2],\"name 5\":{\"$binary\":\"\\/+8=\"}}");
}

static void each_allocation(nacre_status (*scenario)(void)) {
    for (int sticky = 0; sticky < 2; sticky++)
        for (int64_t n = 1;; n++) {
            doc_fixture_ctx(&ctx);
            fault_arm(FAULT_ALLOC, n, sticky);
            nacre_status status = scenario();
            fault_disarm(FAULT_ALLOC);
            bool fired = fault_fired(FAULT_ALLOC);
            // A buffer may do with less than it asked for first, so one failure may go unseen.
            if (status != NACRE_OK) assert_int_equal(status, NACRE_MEMORY_LIMIT);
            if (sticky && fired) assert_int_equal(status, NACRE_MEMORY_LIMIT);
            if (!fired) assert_int_equal(status, NACRE_OK);
            ctx_free(&ctx);
            if (!fired) break;
            assert_true(n < 10000);
        }
}

static nacre_status parse(void) {
    BUF_CLEANUP struct buf out;
    buf_init(&out, NULL, 1 << 20);
    nacre_status status = json_parse(&ctx, buf_slice(&json), NULL, &out);
    assert_int_equal(buf_status(&out), NACRE_OK);
    if (status != NACRE_OK) assert_int_equal(out.n, 0);
    return status;
}

static nacre_status parse_value(void) {
    BUF_CLEANUP struct buf out;
    buf_init(&out, NULL, 1 << 20);
    struct val v;
    return json_parse_value(&ctx, buf_slice(&json), NULL, &out, NULL, &v);
}

static nacre_status write(void) {
    BUF_CLEANUP struct buf out;
    buf_init(&out, NULL, 1 << 20);
    json_write_doc(&out, doc, JSON_INT64_NUMBER);
    return buf_status(&out);
}

static nacre_status validate(void) { return bson_validate(&ctx, doc); }

static nacre_status index_and_check(void) {
    BUF_CLEANUP struct buf out;
    buf_init(&out, NULL, 1 << 20);
    footer_build(&out, doc);
    TRY(buf_status(&out));
    return footer_validate(&ctx, doc, buf_slice(&out));
}

static nacre_status store_row(void) {
    BUF_CLEANUP struct buf out;
    buf_init(&out, NULL, 1 << 20);
    struct row row = {.body = doc}, back;
    row_encode(&out, SLICE_LIT("k"), &row);
    TRY(buf_status(&out));
    return row_decode(&ctx, SLICE_LIT("k"), buf_slice(&out), true, &back);
}

static void test_all(void **state) {
    (void)state;
    each_allocation(parse);
    each_allocation(parse_value);
    each_allocation(write);
    each_allocation(validate);
    each_allocation(index_and_check);
    each_allocation(store_row);
}

int main(void) {
    make_inputs();
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_all)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    buf_free(&json);
    ctx_free(&keep);
    return failed;
}
