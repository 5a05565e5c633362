// Each allocation fails in turn in what reads and writes CSV: the answer is memory_limit, nothing
// leaks (the address sanitizer looks).
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/os/fault.h"
#include "doc/csv/csv.h"
#include "support/doc_fixture.h"

enum { FIELDS = 100 };

static struct ctx ctx;
static struct ctx keep; // owns doc
static struct slice doc;
static struct buf header, record;

static void make_inputs(void) {
    BUF_CLEANUP struct buf json;
    doc_fixture_ctx(&keep);
    buf_init(&json, NULL, 1 << 20);
    buf_init(&header, NULL, 1 << 20);
    buf_init(&record, NULL, 1 << 20);
    buf_put_str(&json, "{\"_id\":0");
    buf_put_str(&header, "_id");
    buf_put_u8(&record, '0');
    for (int i = 0; i < FIELDS; i++) {
        buf_printf(&json, ",\"n %d\":{\"x\":\"%*d\"},\"d%d\":[{\"$binary\":\"/+8=\"}]", i, i, i, i);
        buf_printf(&header, ",n %d.x,/~1%d/0/$binary", i, i);
        buf_printf(&record, ",\"%*d\"\"\",/+8=", i, i);
    }
    buf_put_str(&json, "}");
    buf_put_u8(&json, 0);
    doc = doc_fixture_bson(&keep, (const char *)json.p);
}

static void each_allocation(nacre_status (*scenario)(struct csv_columns *columns)) {
    for (int sticky = 0; sticky < 2; sticky++)
        for (int64_t n = 1;; n++) {
            struct csv_columns columns;
            doc_fixture_ctx(&ctx);
            fault_arm(FAULT_ALLOC, n, sticky);
            nacre_status status = csv_columns_init(&ctx, NULL, &columns);
            if (status == NACRE_OK) status = scenario(&columns);
            fault_disarm(FAULT_ALLOC);
            bool fired = fault_fired(FAULT_ALLOC);
            // A buffer may do with less than it asked for first, so one failure may go unseen.
            if (status != NACRE_OK) assert_int_equal(status, NACRE_MEMORY_LIMIT);
            if (sticky && fired) assert_int_equal(status, NACRE_MEMORY_LIMIT);
            if (!fired) assert_int_equal(status, NACRE_OK);
            csv_columns_free(&columns);
            ctx_free(&ctx);
            if (!fired) break;
            assert_true(n < 10000);
        }
}

static nacre_status read_one(struct csv_columns *columns) {
    BUF_CLEANUP struct buf json;
    buf_init(&json, NULL, 1 << 20);
    TRY(csv_header_read(&ctx, columns, buf_slice(&header), 1));
    return csv_record_read(&ctx, columns, buf_slice(&record), 2, &json);
}

static nacre_status write_one(struct csv_columns *columns) {
    BUF_CLEANUP struct buf out;
    buf_init(&out, NULL, 1 << 20);
    TRY(csv_columns_name(&ctx, columns, SLICE_LIT("_id")));
    TRY(csv_columns_show(&ctx, columns, doc));
    TRY(csv_header_write(&ctx, columns, &out));
    TRY(csv_record_write(&ctx, columns, doc, &out));
    return buf_status(&out);
}

static void test_all(void **state) {
    (void)state;
    each_allocation(read_one);
    each_allocation(write_one);
}

int main(void) {
    make_inputs();
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_all)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    buf_free(&header);
    buf_free(&record);
    ctx_free(&keep);
    return failed;
}
