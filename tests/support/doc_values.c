#include "support/doc_values.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "doc/json.h"

enum { ROOM = 64 * 1024 * 1024 };

void doc_values_ctx(struct ctx *ctx) { ctx_init(ctx, &world_system, NULL, SIZE_MAX / 2); }

static struct slice keep(struct ctx *ctx, const struct buf *buf) {
    assert_int_equal(buf_status(buf), NACRE_OK);
    if (buf->n == 0) return slice_of("", 0);
    void *copy = arena_copy(&ctx->arena, buf->p, buf->n);
    assert_non_null(copy);
    return slice_of(copy, buf->n);
}

struct val doc_values_val(struct ctx *ctx, const char *json) {
    BUF_CLEANUP struct buf buf;
    buf_init(&buf, NULL, ROOM);
    struct json_options options = {.allow_dollar_names = true};
    nacre_status status = json_parse_value(ctx, slice_str(json), &options, &buf, NULL, NULL);
    if (status != NACRE_OK) fail_msg("%s: %s", json, ctx->err.detail);
    return bson_find(keep(ctx, &buf), SLICE_LIT(""));
}

struct slice doc_values_doc(struct ctx *ctx, const char *json) {
    struct val v = doc_values_val(ctx, json);
    assert_int_equal(v.type, VAL_OBJECT);
    return val_slice(v);
}

const char *doc_values_show(struct ctx *ctx, struct val v) {
    BUF_CLEANUP struct buf buf;
    buf_init(&buf, NULL, ROOM);
    if (v.type == VAL_MISSING) return "missing";
    json_write_val(&buf, v, JSON_INT64_NUMBER);
    assert_int_equal(buf_status(&buf), NACRE_OK);
    char *text = arena_str(&ctx->arena, buf_slice(&buf));
    assert_non_null(text);
    return text;
}

const char *doc_values_text(struct ctx *ctx, struct slice doc) {
    return doc_values_show(ctx, val_bytes(VAL_OBJECT, doc));
}

void doc_values_seed(struct rng *rng) {
    uint64_t seed;
    const char *given = getenv("NACRE_SEED");
    if (given)
        seed = strtoull(given, NULL, 10);
    else
        world_random(&world_system, &seed, sizeof seed);
    printf("NACRE_SEED=%llu\n", (unsigned long long)seed);
    fflush(stdout);
    rng_seed(rng, seed);
}

static double double_of(uint64_t bits) {
    double d;
    memcpy(&d, &bits, 8);
    return d;
}

// Integers around powers of two, doubles some steps beside them, and anything.
struct val doc_values_number(struct rng *rng) {
    int64_t base = (int64_t)(UINT64_C(1) << rng_below(rng, 64));
    uint64_t near = (uint64_t)base + rng_below(rng, 5) - 2;
    if (rng_below(rng, 2)) near = 0 - near;
    switch (rng_below(rng, 8)) {
    case 0:
        return val_int((int64_t)rng_below(rng, 300) - 150);
    case 1:
    case 2:
        return val_int((int64_t)near);
    case 3:
        return val_int((int64_t)(rng_next(rng) >> rng_below(rng, 64)));
    case 4: { // beside a power of two
        double d = (double)(int64_t)near;
        uint64_t bits;
        memcpy(&bits, &d, 8);
        return val_double(double_of(bits + rng_below(rng, 5) - 2));
    }
    case 5: { // halves, quarters and so on
        double d = (double)(int64_t)(rng_next(rng) >> rng_below(rng, 64));
        return val_double(d / (double)(UINT64_C(1) << rng_below(rng, 60)));
    }
    case 6: { // denormals, ones around 1, the largest, infinities, zeros
        static const uint64_t special[] = {
            0,
            1,
            2,
            UINT64_C(0x000FFFFFFFFFFFFF),
            UINT64_C(0x0010000000000000),
            UINT64_C(0x3FEFFFFFFFFFFFFF),
            UINT64_C(0x3FF0000000000000),
            UINT64_C(0x3FF0000000000001),
            UINT64_C(0x43DFFFFFFFFFFFFF),
            UINT64_C(0x43E0000000000000),
            UINT64_C(0x43E0000000000001),
            UINT64_C(0x7FEFFFFFFFFFFFFF),
            UINT64_C(0x7FF0000000000000),
            UINT64_C(0x7FF8000000000000),
        };
        uint64_t bits = special[rng_below(rng, sizeof special / sizeof special[0])];
        if (bits <= UINT64_C(0x7FF0000000000000) && rng_below(rng, 2)) bits |= UINT64_C(1) << 63;
        return val_double(double_of(bits));
    }
    default: {
        double d = double_of(rng_next(rng));
        return val_double(d != d ? 0.5 : d);
    }
    }
}

static struct val random_bytes(struct ctx *ctx, struct rng *rng, enum val_type type) {
    static const uint8_t odd[] = {0x01, 0x01, 0x02, 0x7F, 'a', 'b', 0x03};
    size_t n = rng_below(rng, rng_below(rng, 8) ? 6 : 40);
    if (rng_below(rng, 200) == 0) n = 990 + rng_below(rng, 60); // near the cut
    uint8_t *p = arena_alloc(&ctx->arena, n + 2);
    assert_non_null(p);
    size_t at = 0;
    if (type == VAL_VECTOR) {
        p[at++] = VEC_DTYPE_I8;
        p[at++] = 0;
        n += 2;
    }
    while (at < n) {
        p[at] = odd[rng_below(rng, sizeof odd)];
        if (type != VAL_STRING && rng_below(rng, 3) == 0) p[at] = (uint8_t)(rng_below(rng, 3) - 1);
        if (type == VAL_STRING && rng_below(rng, 6) == 0) p[at] = 0;
        at++;
    }
    return val_bytes(type, slice_of(p, n));
}

// U+00FF and the like, whose bytes are large.
static struct val random_text(struct ctx *ctx, struct rng *rng) {
    static const char *const pieces[] = {"\xc3\xbf", "\xf4\x8f\xbf\xbf", "\x01", "\x02",
                                         "a",        "\xef\xbf\xbf"};
    if (rng_below(rng, 2)) return random_bytes(ctx, rng, VAL_STRING);
    BUF_CLEANUP struct buf text;
    buf_init(&text, NULL, ROOM);
    for (uint64_t n = rng_below(rng, 8); n > 0; n--)
        buf_put_str(&text, pieces[rng_below(rng, sizeof pieces / sizeof pieces[0])]);
    return val_str(keep(ctx, &text));
}

static struct val random_container(struct ctx *ctx, struct rng *rng, uint32_t depth,
                                   bool is_array) {
    static const char *const names[] = {"", "a", "aa", "b", "\x01", "\x02", "\xc3\xbf", "ab"};
    BUF_CLEANUP struct buf buf;
    buf_init(&buf, NULL, ROOM);
    struct bson_writer w;
    bson_begin(&w, &buf);
    if (is_array)
        bson_open_array(&w, SLICE_LIT("v"));
    else
        bson_open_object(&w, SLICE_LIT("v"));
    uint64_t first = rng_below(rng, 8), count = rng_below(rng, 4);
    for (uint64_t i = 0; i < count; i++)
        bson_put(&w, slice_str(names[(first + i) % 8]), doc_values_random(ctx, rng, depth - 1));
    bson_close(&w);
    bson_end(&w);
    return bson_find(keep(ctx, &buf), SLICE_LIT("v"));
}

struct val doc_values_random(struct ctx *ctx, struct rng *rng, uint32_t depth) {
    switch (rng_below(rng, depth ? 14 : 10)) {
    case 0:
        return val_null();
    case 1:
        return val_bool(rng_below(rng, 2));
    case 2:
        return val_date((int64_t)rng_next(rng) >> rng_below(rng, 64));
    case 3:
        return random_bytes(ctx, rng, VAL_BINARY);
    case 4:
        return random_bytes(ctx, rng, VAL_VECTOR);
    case 5:
    case 6:
        return random_text(ctx, rng);
    case 10:
    case 11:
        return random_container(ctx, rng, depth, true);
    case 12:
    case 13:
        return random_container(ctx, rng, depth, false);
    default:
        return doc_values_number(rng);
    }
}

static struct val near_number(struct rng *rng, struct val v) {
    uint64_t step = rng_below(rng, 3);
    if (v.type == VAL_INT && rng_below(rng, 2)) return val_double((double)v.i);
    if (v.type == VAL_INT) return val_int((int64_t)((uint64_t)v.i + step - 1));
    if (v.d > -9e18 && v.d < 9e18 && rng_below(rng, 2)) return val_int((int64_t)v.d);
    uint64_t bits;
    memcpy(&bits, &v.d, 8);
    double d = double_of(bits + step - 1);
    return val_double(d != d ? v.d : d);
}

struct val doc_values_near(struct ctx *ctx, struct rng *rng, struct val v) {
    if (val_is_number(v)) return near_number(rng, v);
    if (v.type == VAL_DATE) return val_date((int64_t)((uint64_t)v.i + rng_below(rng, 3) - 1));
    if ((v.type != VAL_STRING && v.type != VAL_BINARY) || v.n == 0) return v;
    uint8_t *p = arena_copy(&ctx->arena, v.p, v.n);
    assert_non_null(p);
    uint32_t n = v.n;
    if (rng_below(rng, 2))
        n--;
    else if (p[n - 1] < 0x7E && p[n - 1] > 0)
        p[n - 1]++;
    while (v.type == VAL_STRING && n && p[n - 1] >= 0x80)
        n--; // no half characters
    return val_bytes(v.type, slice_of(p, n));
}
