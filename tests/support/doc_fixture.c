#include "support/doc_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "doc/val.h"

void doc_fixture_ctx(struct ctx *ctx) {
    ctx_init(ctx, &world_system, NULL, (size_t)1 << 30);
}

struct slice doc_fixture_bson(struct ctx *ctx, const char *json) {
    BUF_CLEANUP struct buf out;
    buf_init(&out, NULL, DOC_BYTES_MAX);
    if (json_parse(ctx, slice_str(json), NULL, &out) != NACRE_OK)
        fail_msg("%s: %s", json, ctx->err.detail);
    uint8_t *copy = arena_copy(&ctx->arena, out.p, out.n);
    assert_non_null(copy);
    return slice_of(copy, out.n);
}

static const char *arena_text(struct ctx *ctx, struct buf *out) {
    assert_int_equal(buf_status(out), NACRE_OK);
    const char *copy = arena_str(&ctx->arena, buf_slice(out));
    assert_non_null(copy);
    return copy;
}

const char *doc_fixture_json(struct ctx *ctx, struct slice bson) {
    BUF_CLEANUP struct buf out;
    buf_init(&out, NULL, SIZE_MAX / 4);
    json_write_doc(&out, bson, JSON_INT64_NUMBER);
    return arena_text(ctx, &out);
}

const char *doc_fixture_hex(struct ctx *ctx, struct slice bytes) {
    BUF_CLEANUP struct buf out;
    buf_init(&out, NULL, SIZE_MAX / 4);
    for (size_t i = 0; i < bytes.n; i++)
        buf_printf(&out, "%02x", bytes.p[i]);
    return arena_text(ctx, &out);
}

struct slice doc_fixture_unhex(struct ctx *ctx, const char *hex) {
    uint8_t *bytes = arena_alloc(&ctx->arena, strlen(hex) / 2 + 1);
    assert_non_null(bytes);
    size_t n = 0;
    while (*hex) {
        if (*hex == ' ' || *hex == '\n') {
            hex++;
            continue;
        }
        char pair[3] = {hex[0], hex[1], 0};
        bytes[n++] = (uint8_t)strtoul(pair, NULL, 16);
        hex += 2;
    }
    return slice_of(bytes, n);
}

// --- random documents ---

static struct slice random_text(struct rng *rng, uint8_t *out) {
    static const char *const pieces[] = {
        "a",  "b",   "zz", "\"", "\\", "/", "\n", "\x01", "\x7f",
        "é",  "€",   "😀",  " ",  "~",  ".", "0",  "name", "long text without anything odd",
        "\t", "\x1f"};
    size_t n = 0, count = rng_below(rng, 8);
    for (size_t i = 0; i < count; i++) {
        const char *piece = pieces[rng_below(rng, sizeof pieces / sizeof *pieces)];
        memcpy(out + n, piece, strlen(piece));
        n += strlen(piece);
    }
    return slice_of(out, n);
}

// What names cannot hold too.
static struct slice random_string(struct rng *rng, uint8_t *out) {
    struct slice text = random_text(rng, out);
    if (rng_below(rng, 4) == 0) out[text.n++] = 0;
    return text;
}

static double random_double(struct rng *rng) {
    static const double odd[] = {0.0, -0.0, 1.0, -1.5, 5e-324, 1.7976931348623157e308, 0.1, 1e22};
    if (rng_below(rng, 2)) return odd[rng_below(rng, sizeof odd / sizeof *odd)];
    uint64_t bits = rng_next(rng);
    double d;
    memcpy(&d, &bits, 8);
    return d - d == 0 ? d : 0.5; // finite ones only
}

static int64_t random_int(struct rng *rng) {
    static const int64_t odd[] = {0, 1, -1, INT64_MAX, INT64_MIN, INT64_C(1) << 53};
    if (rng_below(rng, 3) == 0) return odd[rng_below(rng, sizeof odd / sizeof *odd)];
    return (int64_t)rng_next(rng) >> rng_below(rng, 64);
}

static struct val random_vector(struct rng *rng, uint8_t *out) {
    static const uint8_t dtypes[] = {VEC_DTYPE_F32, VEC_DTYPE_F16, VEC_DTYPE_I8, VEC_DTYPE_BIT};
    out[0] = dtypes[rng_below(rng, 4)];
    out[1] = 0;
    size_t n = 4 * rng_below(rng, 5);
    for (size_t i = 0; i < n; i++)
        out[2 + i] = (uint8_t)rng_next(rng);
    return val_bytes(VAL_VECTOR, slice_of(out, 2 + n));
}

static void random_fields(struct bson_writer *w, struct rng *rng, uint32_t depth, bool is_array);

static void random_value(struct bson_writer *w, struct rng *rng, uint32_t depth,
                         struct slice name) {
    uint8_t room[512];
    switch (rng_below(rng, depth > 1 ? 11 : 9)) {
    case 0:
        bson_put(w, name, val_null());
        break;
    case 1:
        bson_put(w, name, val_bool(rng_below(rng, 2)));
        break;
    case 2:
        bson_put(w, name, val_int(random_int(rng)));
        break;
    case 3:
        bson_put(w, name, val_double(random_double(rng)));
        break;
    // Years 0000 to 9999.
    case 4:
        bson_put(w, name, val_date((int64_t)rng_below(rng, 315569520000000) - 62167219200000));
        break;
    case 5:
        bson_put(w, name, val_bytes(VAL_BINARY, random_text(rng, room)));
        break;
    case 6:
        bson_put(w, name, random_vector(rng, room));
        break;
    case 9:
        bson_open_object(w, name);
        random_fields(w, rng, depth - 1, false);
        bson_close(w);
        break;
    case 10:
        bson_open_array(w, name);
        random_fields(w, rng, depth - 1, true);
        bson_close(w);
        break;
    default:
        bson_put(w, name, val_str(random_string(rng, room)));
        break;
    }
}

static void random_fields(struct bson_writer *w, struct rng *rng, uint32_t depth, bool is_array) {
    uint8_t name[512];
    // Mostly few, sometimes enough for the hash table of names and for a footer.
    uint64_t count = rng_below(rng, rng_below(rng, 8) ? 6 : 60);
    for (uint64_t i = 0; i < count; i++) {
        struct slice text = is_array ? SLICE_LIT("") : random_text(rng, name);
        // Unique by its number; the first may be empty.
        if (!is_array && i)
            text.n += (size_t)snprintf((char *)name + text.n, 32, "#%u", (unsigned)i);
        else if (!is_array)
            text.n = 0;
        random_value(w, rng, depth, text);
    }
}

void doc_fixture_random(struct buf *out, struct rng *rng, uint32_t depth) {
    struct bson_writer w;
    bson_begin(&w, out);
    random_fields(&w, rng, depth, false);
    bson_end(&w);
}
