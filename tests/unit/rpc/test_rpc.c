// Calls as messages: what a request message asks for, what its reply tells, failures, streams;
// every cut of a message.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/bits/protobuf.h"
#include "ops/tx.h"
#include "rpc/rpc.h"
#include "support/lib_fixture.h"

struct bench {
    struct lib_fixture lib;
    struct op_txs *txs;
    struct ctx ctx;
    struct buf request, reply, part;
    struct buf sent; // the messages of a stream, one after the other
    int messages, receives;
    uint32_t part_field;
    const char *parts[4]; // what receive gives
};

static int receive(void *arg, struct slice *out) {
    struct bench *b = arg;
    if (!b->parts[b->receives]) return 0;
    buf_reset(&b->part);
    protobuf_put_bytes(&b->part, b->part_field, slice_str(b->parts[b->receives++]));
    *out = buf_slice(&b->part);
    return 1;
}

static int send(void *arg, struct slice message) {
    struct bench *b = arg;
    b->messages++;
    buf_put_slice(&b->sent, message);
    return 0;
}

static nacre_status call(struct bench *b, const char *path) {
    const struct op_principal principal = {.owner = true};
    const struct rpc_stream stream = {.arg = b, .receive = receive, .send = send};
    const struct rpc_method *method = rpc_method_of_path(slice_str(path));
    assert_non_null(method);
    struct op_call one = {.op = rpc_method_op(method),
                          .principal = &principal,
                          .ctx = &b->ctx,
                          .session = b->lib.s,
                          .txs = b->txs};
    b->messages = b->receives = 0;
    buf_reset(&b->sent);
    ctx_reset(&b->ctx);
    op_answer_init(&one.answer, NULL);
    nacre_status status = rpc_run(&one, method, buf_slice(&b->request), &stream, "r-1", &b->reply);
    op_answer_free(&one.answer);
    return status;
}

static void text(struct bench *b, uint32_t number, const char *value) {
    protobuf_put_bytes(&b->request, number, slice_str(value));
}

static void id_text(struct bench *b, const char *value) {
    struct buf id BUF_CLEANUP = {0};
    buf_init(&id, NULL, 1000);
    protobuf_put_bytes(&id, 1, slice_str(value));
    protobuf_put_bytes(&b->request, 2, buf_slice(&id));
}

static void id_number(struct bench *b, int64_t value) {
    struct buf id BUF_CLEANUP = {0};
    buf_init(&id, NULL, 1000);
    protobuf_put_number(&id, 2, (uint64_t)value);
    protobuf_put_bytes(&b->request, 2, buf_slice(&id));
}

static void begin(struct bench *b) {
    buf_reset(&b->request);
    text(b, 1, "things");
}

// The last field of that number; false: there is none.
static bool field(struct slice message, uint32_t number, struct protobuf_field *out) {
    struct protobuf_field got;
    bool found = false;
    *out = (struct protobuf_field){0};
    while (message.n) {
        assert_true(protobuf_next(&message, &got));
        if (got.number != number) continue;
        *out = got;
        found = true;
    }
    return found;
}

static void has(struct slice message, uint32_t number, const char *part) {
    struct protobuf_field got;
    assert_true(field(message, number, &got));
    if (!memmem(got.bytes.p, got.bytes.n, part, strlen(part)))
        fail_msg("no %s in %.*s", part, (int)got.bytes.n, (const char *)got.bytes.p);
}

static uint64_t number(struct slice message, uint32_t which) {
    struct protobuf_field got;
    return field(message, which, &got) ? got.value : 0;
}

static void put(struct bench *b, const char *id, const char *json) {
    begin(b);
    id_text(b, id);
    text(b, 3, json);
    if (call(b, "nacre.v1.Documents/Put") != NACRE_OK)
        fail_msg("%.*s", (int)b->reply.n, (const char *)b->reply.p);
}

static void test_document(void **state) {
    struct bench *b = *state;
    put(b, "~a", "{\"n\":1}");
    struct slice reply = buf_slice(&b->reply);
    assert_int_equal(number(reply, 2), 1);
    assert_int_equal(number(reply, 4), 1);
    has(reply, 1, "\"_id\":\"~a\"");
    begin(b);
    id_text(b, "~a");
    protobuf_put_number(&b->request, 16, 1); // if_versions
    text(b, 5, "{\"$inc\":{\"n\":1}}");
    protobuf_put_number(&b->request, 14, 1); // minimal
    assert_int_equal(call(b, "nacre.v1.Documents/Patch"), NACRE_OK);
    struct protobuf_field got;
    assert_int_equal(number(buf_slice(&b->reply), 2), 2);
    assert_false(field(buf_slice(&b->reply), 1, &got));
    assert_int_equal(call(b, "nacre.v1.Documents/Patch"), NACRE_VERSION_MISMATCH);
    begin(b);
    id_text(b, "~a");
    protobuf_put_bytes(&b->request, 19, SLICE_LIT("\x07\x02")); // unless_versions, packed
    assert_int_equal(call(b, "nacre.v1.Documents/Get"), NACRE_OK);
    assert_int_equal(number(buf_slice(&b->reply), 7), 1);
    begin(b);
    text(b, 3, "{\"_id\":-5}");
    assert_int_equal(call(b, "nacre.v1.Documents/Insert"), NACRE_OK);
    assert_true(field(buf_slice(&b->reply), 6, &got));
    assert_int_equal((int64_t)number(got.bytes, 2), -5);
    begin(b);
    id_number(b, -5);
    assert_int_equal(call(b, "nacre.v1.Documents/Delete"), NACRE_OK);
}

static void test_failures(void **state) {
    struct bench *b = *state;
    put(b, "a", "{}");
    begin(b);
    id_text(b, "none");
    assert_int_equal(call(b, "nacre.v1.Documents/Get"), NACRE_DOCUMENT_NOT_FOUND);
    struct slice reply = buf_slice(&b->reply);
    assert_int_equal(number(reply, 1), 5); // NOT_FOUND
    has(reply, 3, "type.googleapis.com/nacre.v1.Problem");
    has(reply, 3, "\"request_id\":\"r-1\"");
    text(b, 77, "x");
    assert_int_equal(call(b, "nacre.v1.Documents/Get"), NACRE_INVALID_ARGUMENT);
    begin(b);
    assert_int_equal(call(b, "nacre.v1.Documents/Get"), NACRE_INVALID_ARGUMENT); // no id
    protobuf_put_number(&b->request, 2, 1);                                      // no message
    assert_int_equal(call(b, "nacre.v1.Documents/Get"), NACRE_INVALID_ARGUMENT);
    begin(b);
    text(b, 6, "\xff");
    assert_int_equal(call(b, "nacre.v1.Query/Count"), NACRE_INVALID_ARGUMENT);
    begin(b);
    text(b, 6, "n = 1");
    text(b, 5, "{},\"filter\":{}"); // no one value
    assert_int_equal(call(b, "nacre.v1.Documents/UpdateWhere"), NACRE_INVALID_JSON);
    begin(b);
    id_text(b, "a");
    protobuf_put_number(&b->request, 11, 9); // durability
    assert_int_equal(call(b, "nacre.v1.Documents/Delete"), NACRE_INVALID_ARGUMENT);
    assert_null(rpc_method_of_path(slice_str("nacre.v1.Documents/Gets")));
    assert_null(rpc_method_of_number(65535));
}

static void test_rows(void **state) {
    struct bench *b = *state;
    char id[16];
    for (int i = 0; i < 5; i++) {
        snprintf(id, sizeof id, "d%d", i);
        put(b, id, i % 2 ? "{\"n\":1}" : "{\"n\":2}");
    }
    begin(b);
    text(b, 6, "n = 2");
    text(b, 9, "-_id");
    protobuf_put_number(&b->request, 8, 2);
    protobuf_put_number(&b->request, 28, 2); // count: exact
    assert_int_equal(call(b, "nacre.v1.Query/Query"), NACRE_OK);
    struct slice sent = buf_slice(&b->sent);
    has(sent, 9, "\"_id\":\"d2\"");
    has(sent, 10, "");
    assert_int_equal(number(sent, 11), 3);
    assert_int_equal(b->messages, 1);
    begin(b);
    text(b, 6, "{\"n\":1}");
    assert_int_equal(call(b, "nacre.v1.Query/Count"), NACRE_OK);
    assert_int_equal(number(buf_slice(&b->reply), 12), 2);
    begin(b);
    assert_int_equal(call(b, "nacre.v1.Changes/Watch"), NACRE_OK);
    has(buf_slice(&b->sent), 24, "");
    struct protobuf_field change;
    assert_true(field(buf_slice(&b->sent), 23, &change));
    assert_int_equal(number(change.bytes, 2), 1); // insert
    assert_int_equal(number(change.bytes, 4), 1);
    has(change.bytes, 6, "\"n\":2");
}

static void test_batch(void **state) {
    struct bench *b = *state;
    struct buf one BUF_CLEANUP = {0};
    buf_init(&one, NULL, 1000);
    protobuf_put_number(&one, 1, 1);
    protobuf_put_bytes(&one, 2, SLICE_LIT("\x0a\x01x"));
    protobuf_put_bytes(&one, 3, SLICE_LIT("{\"n\":1}"));
    begin(b);
    protobuf_put_bytes(&b->request, 31, buf_slice(&one));
    buf_reset(&one);
    protobuf_put_number(&one, 1, 4);
    protobuf_put_bytes(&one, 2, SLICE_LIT("\x0a\x01y"));
    protobuf_put_bytes(&b->request, 31, buf_slice(&one));
    protobuf_put_number(&b->request, 30, 0); // atomic: false
    assert_int_equal(call(b, "nacre.v1.Documents/Batch"), NACRE_OK);
    struct protobuf_field result;
    assert_true(field(buf_slice(&b->reply), 15, &result));
    assert_int_equal(number(result.bytes, 1), 404);
    has(result.bytes, 5, "document_not_found");
}

static void test_import(void **state) {
    struct bench *b = *state;
    begin(b);
    text(b, 46, "{\"_id\":1}\n{\"_i");
    protobuf_put_number(&b->request, 45, 2); // on_error: skip
    b->parts[0] = "d\":2}\n{\"_id\":";
    b->parts[1] = "\n{\"_id\":4}";
    b->parts[2] = NULL;
    assert_int_equal(call(b, "nacre.v1.Documents/Import"), NACRE_OK);
    struct slice sent = buf_slice(&b->sent);
    assert_int_equal(number(sent, 20), 3);
    assert_int_equal(number(sent, 21), 1);
    struct protobuf_field refused;
    assert_true(field(sent, 19, &refused));
    assert_int_equal(number(refused.bytes, 1), 3);
    protobuf_put_number(&b->request, 45, 1);
    assert_int_equal(call(b, "nacre.v1.Documents/Import"), NACRE_INVALID_JSON);
    has(buf_slice(&b->reply), 3, "\"line\":3");
    begin(b);
    text(b, 9, "_id");
    protobuf_put_number(&b->request, 47, 2);
    assert_int_equal(call(b, "nacre.v1.Query/Export"), NACRE_INVALID_ARGUMENT); // no such field
    begin(b);
    text(b, 7, "_id");
    protobuf_put_number(&b->request, 47, 2);
    assert_int_equal(call(b, "nacre.v1.Query/Export"), NACRE_OK);
    has(buf_slice(&b->sent), 22, "_id\r\n1\r\n2\r\n4\r\n");
}

static void test_later_messages(void **state) {
    struct bench *b = *state;
    begin(b);
    text(b, 46, "{\"_id\":1}\n");
    b->parts[0] = "other";
    b->parts[1] = NULL;
    b->part_field = 1; // a collection: of the first message only
    assert_int_equal(call(b, "nacre.v1.Documents/Import"), NACRE_INVALID_ARGUMENT);
    has(buf_slice(&b->reply), 2, "in the first message only");
}

static void test_cuts(void **state) {
    struct bench *b = *state;
    begin(b);
    id_text(b, "cut");
    text(b, 3, "{\"n\":1}");
    text(b, 20, "n = 1");
    protobuf_put_number(&b->request, 16, 1);
    size_t whole = b->request.n;
    for (size_t n = 0; n < whole; n++) {
        b->request.n = n;
        assert_int_not_equal(call(b, "nacre.v1.Documents/Put"), NACRE_INTERNAL);
        assert_true(b->reply.n > 0);
    }
}

static int open_bench(void **state) {
    static struct bench b;
    b = (struct bench){0};
    lib_fixture_open(&b.lib);
    b.txs = op_txs_open(b.lib.db, &world_system);
    ctx_init(&b.ctx, &world_system, NULL, 64 << 20);
    buf_init(&b.request, NULL, 1 << 20);
    buf_init(&b.reply, NULL, 1 << 20);
    buf_init(&b.sent, NULL, 1 << 20);
    buf_init(&b.part, NULL, 1 << 20);
    b.part_field = 46; // data
    *state = &b;
    return 0;
}

static int close_bench(void **state) {
    struct bench *b = *state;
    op_txs_close(b->txs);
    ctx_free(&b->ctx);
    buf_free(&b->request);
    buf_free(&b->reply);
    buf_free(&b->sent);
    buf_free(&b->part);
    lib_fixture_close(&b->lib);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_document, open_bench, close_bench),
        cmocka_unit_test_setup_teardown(test_failures, open_bench, close_bench),
        cmocka_unit_test_setup_teardown(test_rows, open_bench, close_bench),
        cmocka_unit_test_setup_teardown(test_batch, open_bench, close_bench),
        cmocka_unit_test_setup_teardown(test_import, open_bench, close_bench),
        cmocka_unit_test_setup_teardown(test_later_messages, open_bench, close_bench),
        cmocka_unit_test_setup_teardown(test_cuts, open_bench, close_bench),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
