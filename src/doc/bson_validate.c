// Checking BSON that came from a disk or a network.
//
// Invariants: no byte at or beyond end is read; time and memory are linear in the bytes (names.h);
// recursion is bounded by DOC_DEPTH_MAX.
#include "base/err/ctx.h"
#include "base/text/utf8.h"
#include "doc/bson_types.h"
#include "doc/names.h"

struct bson_check {
    struct ctx *ctx;
    const uint8_t *base; // start of the whole document
    bool allow_dollar;
    struct names names;
};

static nacre_status bson_bad(const struct bson_check *c, const uint8_t *at, const char *what) {
    size_t offset = (size_t)(at - c->base);
    nacre_status status = err_set(c->ctx, NACRE_CORRUPT, "BSON at byte %zu: %s", offset, what);
    err_span(c->ctx, offset, 1);
    return status;
}

// Length prefix at p of something that takes at least min and at most end - p bytes; 0 if it does
// not fit.
static size_t bson_check_length(const uint8_t *p, const uint8_t *end, size_t min) {
    if (end - p < 4) return 0;
    size_t n = bits_le32(p);
    return n >= min && n <= (size_t)(end - p) ? n : 0;
}

// The checks of values get p after the name and return the end of the value in *next.
static nacre_status bson_check_string(const struct bson_check *c, const uint8_t *p,
                                      const uint8_t *end, const uint8_t **next) {
    if (end - p < 5) return bson_bad(c, p, "truncated string");
    size_t n = bits_le32(p);
    if (n < 1 || n > (size_t)(end - p) - 4) return bson_bad(c, p, "string length out of bounds");
    if (p[4 + n - 1] != 0) return bson_bad(c, p + 4 + n - 1, "string without its final NUL");
    if (!utf8_valid(slice_of(p + 4, n - 1))) return bson_bad(c, p + 4, "string is not UTF-8");
    *next = p + 4 + n;
    return NACRE_OK;
}

static nacre_status bson_check_vector(const struct bson_check *c, const uint8_t *p, size_t n) {
    if (n < BSON_VECTOR_HEADER) return bson_bad(c, p, "vector without its header");
    uint32_t unit = bson_vector_unit(p[0]);
    if (!unit) return bson_bad(c, p, "unknown element type of a vector");
    if (p[1] != 0) return bson_bad(c, p + 1, "padding of a vector is not 0");
    if ((n - BSON_VECTOR_HEADER) % unit) return bson_bad(c, p, "vector ends inside an element");
    return NACRE_OK;
}

static nacre_status bson_check_binary(const struct bson_check *c, const uint8_t *p,
                                      const uint8_t *end, const uint8_t **next) {
    if (end - p < 5) return bson_bad(c, p, "truncated binary");
    size_t n = bits_le32(p);
    if (n > (size_t)(end - p) - 5) return bson_bad(c, p, "binary length out of bounds");
    if (p[4] == BSON_SUBTYPE_VECTOR)
        TRY(bson_check_vector(c, p + 5, n));
    else if (p[4] != BSON_SUBTYPE_GENERIC)
        return bson_bad(c, p + 4, "unknown binary subtype");
    *next = p + 5 + n;
    return NACRE_OK;
}

static nacre_status bson_check_fixed(const struct bson_check *c, uint8_t type, const uint8_t *p,
                                     const uint8_t *end, const uint8_t **next) {
    size_t n = type == BSON_BOOL ? 1 : 8;
    if ((size_t)(end - p) < n) return bson_bad(c, p, "truncated value");
    if (type == BSON_BOOL && *p > 1) return bson_bad(c, p, "boolean is neither 0 nor 1");
    if (type == BSON_DOUBLE) {
        uint64_t bits = bits_le64(p), magnitude = bits & (UINT64_MAX >> 1);
        if (magnitude > UINT64_C(0x7ff0000000000000) && bits != BSON_NAN_BITS)
            return bson_bad(c, p, "NaN in another form than the stored one");
    }
    *next = p + n;
    return NACRE_OK;
}

static nacre_status bson_check_doc(struct bson_check *c, const uint8_t *p, const uint8_t *end,
                                   uint32_t depth, bool is_array);

static nacre_status bson_check_value(struct bson_check *c, uint8_t type, const uint8_t **p,
                                     const uint8_t *end, uint32_t depth) {
    switch (type) {
    case BSON_STRING:
        return bson_check_string(c, *p, end, p);
    case BSON_BINARY:
        return bson_check_binary(c, *p, end, p);
    case BSON_DOUBLE:
    case BSON_INT64:
    case BSON_DATE:
    case BSON_BOOL:
        return bson_check_fixed(c, type, *p, end, p);
    case BSON_NULL:
        return NACRE_OK;
    case BSON_OBJECT:
    case BSON_ARRAY: {
        size_t n = bson_check_length(*p, end, BSON_DOC_MIN);
        if (!n) return bson_bad(c, *p, "length of a document out of bounds");
        TRY(bson_check_doc(c, *p, *p + n, depth + 1, type == BSON_ARRAY));
        *p += n;
        return NACRE_OK;
    }
    default:
        return bson_bad(c, *p, "unknown type of an element");
    }
}

// *p is at a name; leaves it after the NUL.
static nacre_status bson_check_name(struct bson_check *c, const uint8_t **p, const uint8_t *end,
                                    struct names_scope *scope) {
    const uint8_t *start = *p, *nul = start;
    while (nul < end && *nul)
        nul++;
    if (nul == end) return bson_bad(c, start, "name without its final NUL");
    struct slice name = slice_of(start, (size_t)(nul - start));
    if (!utf8_valid(name)) return bson_bad(c, start, "name is not UTF-8");
    if (name.n && name.p[0] == '$' && !c->allow_dollar)
        return bson_bad(c, start, "name starts with '$'");
    switch (names_add(&c->names, scope, c->base, (uint32_t)(start - 1 - c->base), name)) {
    case NAMES_NO_MEMORY:
        return err_nomem(c->ctx);
    case NAMES_DUPLICATE:
        return bson_bad(c, start, "name comes twice in its object");
    case NAMES_NEW:
        break;
    }
    *p = nul + 1;
    return NACRE_OK;
}

static nacre_status bson_check_index(const struct bson_check *c, const uint8_t **p,
                                     const uint8_t *end, uint32_t index) {
    uint8_t digits[BSON_INDEX_TEXT_MAX + 1];
    uint32_t n = bson_index_name(index, digits);
    digits[n] = 0;
    bool same = (size_t)(end - *p) > n;
    for (uint32_t i = 0; same && i <= n; i++)
        same = (*p)[i] == digits[i];
    if (!same) return bson_bad(c, *p, "name of an array element is not its index");
    *p += n + 1;
    return NACRE_OK;
}

// [p, end) is what the length prefix says.
static nacre_status bson_check_doc(struct bson_check *c, const uint8_t *p, const uint8_t *end,
                                   uint32_t depth, bool is_array) {
    if (depth > DOC_DEPTH_MAX) return bson_bad(c, p, "nested too deeply");
    if (end[-1] != 0) return bson_bad(c, end - 1, "document without its final NUL");
    struct names_scope scope = names_open(&c->names);
    end--;
    p += 4;
    for (uint32_t index = 0; p < end; index++) {
        uint8_t type = *p++;
        if (is_array)
            TRY(bson_check_index(c, &p, end, index));
        else
            TRY(bson_check_name(c, &p, end, &scope));
        TRY(bson_check_value(c, type, &p, end, depth));
    }
    names_close(&c->names, &scope);
    return NACRE_OK;
}

static nacre_status bson_check(struct ctx *ctx, struct slice bytes, bool allow_dollar) {
    struct bson_check c;
    c.ctx = ctx;
    c.base = bytes.p;
    c.allow_dollar = allow_dollar;
    if (bytes.n > INT32_MAX || bytes.n < BSON_DOC_MIN || bits_le32(bytes.p) != bytes.n)
        return bson_bad(&c, bytes.p, "length of the document is not that of its bytes");
    struct arena_mark mark = arena_mark(&ctx->arena);
    names_init(&c.names, &ctx->arena);
    nacre_status status = bson_check_doc(&c, bytes.p, bytes.p + bytes.n, 1, false);
    arena_rewind(&ctx->arena, mark);
    return status;
}

nacre_status bson_validate(struct ctx *ctx, struct slice bytes) {
    return bson_check(ctx, bytes, false);
}

nacre_status bson_validate_operators(struct ctx *ctx, struct slice bytes) {
    return bson_check(ctx, bytes, true);
}
