#include "support/filter_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "doc/footer.h"
#include "doc/json.h"

static struct slice keep(struct ctx *ctx, const struct buf *buf) {
    assert_int_equal(buf_status(buf), NACRE_OK);
    void *copy = arena_copy(&ctx->arena, buf->p, buf->n);
    assert_non_null(copy);
    return slice_of(copy, buf->n);
}

static struct slice pad(struct ctx *ctx, struct slice body) {
    BUF_CLEANUP struct buf out;
    buf_init(&out, NULL, SIZE_MAX / 2);
    struct bson_writer w;
    bson_begin(&w, &out);
    struct bson_iter it = bson_iter_of(body);
    struct slice name;
    struct val v;
    while (bson_next(&it, &name, &v))
        bson_put(&w, name, v);
    for (int i = 0; i < 40; i++) {
        char text[16];
        snprintf(text, sizeof(text), "pad_%d", i);
        bson_put(&w, slice_str(text), val_int(i));
    }
    bson_end(&w);
    return keep(ctx, &out);
}

void filter_fixture_doc(struct ctx *ctx, const char *json, bool padded, struct doc *out) {
    BUF_CLEANUP struct buf buf;
    buf_init(&buf, NULL, SIZE_MAX / 2);
    struct json_options options = {0};
    assert_non_null(buf_reserve(&buf, 64));
    nacre_status status = json_parse(ctx, slice_str(json), &options, &buf);
    if (status != NACRE_OK) fail_msg("%s: %s", json, ctx->err.detail);
    *out = (struct doc){.body = keep(ctx, &buf)};
    if (!padded) return;
    out->body = pad(ctx, out->body);
    buf_reset(&buf);
    footer_build(&buf, out->body);
    assert_true(buf.n > 0);
    out->footer = keep(ctx, &buf);
}

struct filter *filter_fixture_parse(struct ctx *ctx, const char *text) {
    struct filter *filter = NULL;
    nacre_status status = filter_parse_any(ctx, slice_str(text), &filter_regex_pcre2, &filter);
    if (status != NACRE_OK) fail_msg("%s: %s", text, ctx->err.detail);
    return filter;
}

static struct filter *reparse(struct ctx *ctx, const char *text, const struct filter *filter) {
    struct filter *again = NULL;
    nacre_status status = filter_parse(ctx, filter->canonical, &filter_regex_pcre2, &again);
    if (status != NACRE_OK) fail_msg("canonical form of %s: %s", text, ctx->err.detail);
    if (!slice_eq(filter->canonical, again->canonical))
        fail_msg("canonical form of %s changes", text);
    assert_true(filter_hash(filter) == filter_hash(again));
    assert_true(again->nodes <= filter->nodes);
    assert_int_equal(filter_is_pure(filter), filter_is_pure(again));
    return again;
}

static struct filter *complement(struct ctx *ctx, const struct filter *filter) {
    BUF_CLEANUP struct buf buf;
    buf_init(&buf, NULL, SIZE_MAX / 2);
    struct bson_writer w;
    bson_begin(&w, &buf);
    bson_open_array(&w, SLICE_LIT("$nor"));
    bson_put(&w, (struct slice){0}, val_bytes(VAL_OBJECT, filter->canonical));
    bson_close(&w);
    bson_end(&w);
    struct filter *negated = NULL;
    assert_int_equal(filter_parse(ctx, buf_slice(&buf), &filter_regex_pcre2, &negated), NACRE_OK);
    return negated;
}

static bool eval(struct ctx *ctx, const struct filter *filter, const struct doc *doc) {
    bool match = false;
    nacre_status status = filter_eval(ctx, filter, doc, &match);
    if (status != NACRE_OK) fail_msg("%s", ctx->err.detail);
    bool of_root = false;
    assert_int_equal(filter_eval_node(ctx, filter->root, doc, &of_root), NACRE_OK);
    assert_true(of_root == match);
    return match;
}

bool filter_fixture_matches(struct ctx *ctx, const char *text, const char *json) {
    struct doc plain, padded;
    filter_fixture_doc(ctx, json, false, &plain);
    filter_fixture_doc(ctx, json, true, &padded);
    const struct filter *filter = filter_fixture_parse(ctx, text);
    const struct filter *again = reparse(ctx, text, filter);
    const struct filter *negated = complement(ctx, filter);
    bool match = eval(ctx, filter, &plain);
    if (eval(ctx, again, &plain) != match) fail_msg("%s on %s: canonical form", text, json);
    if (eval(ctx, filter, &padded) != match) fail_msg("%s on %s: with a footer", text, json);
    if (eval(ctx, again, &padded) != match) fail_msg("%s on %s: both", text, json);
    if (eval(ctx, negated, &plain) == match) fail_msg("%s on %s: complement", text, json);
    return match;
}
