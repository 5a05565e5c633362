// Strings and numbers of the JSON reader.
#include <stdio.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "base/text/num.h"
#include "base/text/utf8.h"
#include "doc/json_reader.h"
#include "doc/text.h"

// --- strings ---

// Copies up to the first byte that is not plain text ('"', '\\', below 0x20), as long as whole
// blocks may be read and written. Bytes that are not ASCII leave their mark in *high. false: blocks
// have run out.
// p and w are kept in locals: a store of bytes may otherwise be one to the reader itself.
#ifdef __SSE2__
enum { JSON_BLOCK = 16 };
static inline bool json_copy_blocks(struct json_reader *r, uint32_t *high) {
    const __m128i quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\');
    const __m128i control = _mm_set1_epi8(0x1F);
    const uint8_t *p = r->p, *end = r->end;
    uint8_t *w = r->w, *limit = r->limit;
    uint32_t seen = 0, stop = 0;
    while (end - p >= JSON_BLOCK && limit - w >= JSON_BLOCK) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
        _mm_storeu_si128((__m128i *)(void *)w, v);
        __m128i special = _mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, backslash));
        special = _mm_or_si128(special, _mm_cmpeq_epi8(_mm_min_epu8(v, control), v));
        uint32_t above = (uint32_t)_mm_movemask_epi8(v), n = JSON_BLOCK;
        stop = (uint32_t)_mm_movemask_epi8(special);
        if (stop) n = (uint32_t)__builtin_ctz(stop);
        seen |= above & ((1U << n) - 1);
        p += n;
        w += n;
        if (stop) break;
    }
    r->p = p;
    r->w = w;
    *high |= seen;
    return stop != 0;
}
#else
enum { JSON_BLOCK = 8 };
static inline bool json_copy_blocks(struct json_reader *r, uint32_t *high) {
    const uint8_t *p = r->p, *end = r->end;
    uint8_t *w = r->w, *limit = r->limit;
    uint64_t seen = 0, stop = 0;
    while (end - p >= JSON_BLOCK && limit - w >= JSON_BLOCK) {
        uint64_t x = bits_le64(p);
        bits_put_le64(w, x);
        stop = text_escape8(x);
        // The lowest mark is exact. Bytes after it may be counted as not ASCII: that costs a check,
        // no more.
        uint32_t n = stop ? (uint32_t)__builtin_ctzll(stop) / 8 : JSON_BLOCK;
        seen |= x & TEXT_HIGHS;
        p += n;
        w += n;
        if (stop) break;
    }
    r->p = p;
    r->w = w;
    *high |= seen != 0;
    return stop != 0;
}
#endif

// The same byte by byte, up to a block, near the end of the text or of the room.
static nacre_status json_copy_bytes(struct json_reader *r, uint32_t *high, bool *stopped) {
    size_t left = (size_t)(r->end - r->p), n = 0, max = left < JSON_BLOCK ? left : JSON_BLOCK;
    uint8_t above = 0;
    while (n < max && r->p[n] >= 0x20 && r->p[n] != '"' && r->p[n] != '\\')
        above |= r->p[n++];
    TRY(json_room(r, n));
    memcpy(r->w, r->p, n);
    *high |= above & 0x80;
    r->p += n;
    r->w += n;
    *stopped = n < JSON_BLOCK;
    return NACRE_OK;
}

// The four digits at p, or -1.
static int32_t json_hex4(const uint8_t *p, const uint8_t *end) {
    if (end - p < 4) return -1;
    int32_t v = 0;
    for (int i = 0; i < 4; i++) {
        uint8_t c = p[i], lower = c | 0x20;
        if (c >= '0' && c <= '9')
            v = v * 16 + (c - '0');
        else if (lower >= 'a' && lower <= 'f')
            v = v * 16 + (lower - 'a' + 10);
        else
            return -1;
    }
    return v;
}

// p is at the backslash of \u. Leaves it after the escape (after both of a surrogate pair).
static nacre_status json_read_code_point(struct json_reader *r, uint32_t *out) {
    const uint8_t *at = r->p;
    int32_t high = json_hex4(at + 2, r->end);
    if (high < 0) return json_bad(r, at, "four hexadecimal digits after \\u");
    r->p += 6;
    *out = (uint32_t)high;
    if (high < 0xD800 || high > 0xDFFF) return NACRE_OK;
    int32_t low = -1;
    if (high < 0xDC00 && r->end - r->p >= 6 && r->p[0] == '\\' && r->p[1] == 'u')
        low = json_hex4(r->p + 2, r->end);
    if (low < 0xDC00 || low > 0xDFFF)
        return json_bad(r, at, "a surrogate pair (text must be Unicode)");
    r->p += 6;
    *out = 0x10000 + (((uint32_t)high - 0xD800) << 10) + ((uint32_t)low - 0xDC00);
    return NACRE_OK;
}

// p is at a backslash.
static nacre_status json_read_escape(struct json_reader *r, bool is_name) {
    static const char plain[256] = {['"'] = '"',  ['\\'] = '\\', ['/'] = '/',  ['b'] = '\b',
                                    ['f'] = '\f', ['n'] = '\n',  ['r'] = '\r', ['t'] = '\t'};
    const uint8_t *at = r->p;
    uint8_t c = r->end - at >= 2 ? at[1] : 0;
    if (plain[c]) {
        TRY(json_room(r, 1));
        *r->w++ = (uint8_t)plain[c];
        r->p += 2;
        return NACRE_OK;
    }
    if (c != 'u') return json_bad(r, at, "an escape (\\\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX)");
    uint32_t code_point = 0;
    TRY(json_read_code_point(r, &code_point));
    if (code_point == 0 && is_name)
        return json_refuse(r, at, 6, "a field name without U+0000", "\\u0000");
    uint8_t bytes[4];
    size_t n = utf8_put(code_point, bytes);
    TRY(json_room(r, n));
    memcpy(r->w, bytes, n);
    r->w += n;
    return NACRE_OK;
}

// Escapes give whole code points, so the decoded text is valid exactly if the raw one is.
static nacre_status json_check_utf8(struct json_reader *r, const uint8_t *raw, size_t decoded_n) {
    if (utf8_valid(slice_of(r->w - decoded_n, decoded_n))) return NACRE_OK;
    size_t good = utf8_valid_prefix(slice_of(raw, (size_t)(r->p - raw)));
    return json_bad(r, raw + good, "UTF-8");
}

nacre_status json_read_string(struct json_reader *r, bool is_name) {
    const uint8_t *raw = r->p;
    uint32_t before = json_offset(r), high = 0;
    for (;;) {
        bool stopped = json_copy_blocks(r, &high);
        if (!stopped) TRY(json_copy_bytes(r, &high, &stopped));
        if (!stopped) continue;
        if (r->p >= r->end) return json_bad(r, r->p, "a '\"' that ends the string");
        if (*r->p == '"') break;
        if (*r->p < 0x20) return json_bad(r, r->p, "no unescaped control character in a string");
        TRY(json_read_escape(r, is_name));
    }
    if (high) TRY(json_check_utf8(r, raw, json_offset(r) - before));
    r->p++;
    return NACRE_OK;
}

// --- numbers ---

static inline bool json_is_digit(uint8_t c) { return (uint8_t)(c - '0') < 10; }

static const uint8_t *json_skip_digits(const uint8_t *p, const uint8_t *end) {
    while (p < end && json_is_digit(*p))
        p++;
    return p;
}

static nacre_status json_out_of_range(struct json_reader *r, const uint8_t *at,
                                      const char *expected) {
    char got[64];
    size_t n = (size_t)(r->p - at);
    snprintf(got, sizeof got, "%.*s%s", (int)(n > 40 ? 40 : n), (const char *)at,
             n > 40 ? "…" : "");
    return json_refuse(r, at, n, expected, got);
}

// p is at '.', 'e' or 'E' of the number that starts at at.
static nacre_status json_read_double(struct json_reader *r, const uint8_t *at) {
    const uint8_t *p = r->p;
    if (*p == '.') {
        const uint8_t *digits = p + 1;
        p = json_skip_digits(digits, r->end);
        if (p == digits) return json_bad(r, p, "a digit after the '.'");
    }
    if (p < r->end && (*p | 0x20) == 'e') {
        p++;
        if (p < r->end && (*p == '+' || *p == '-')) p++;
        const uint8_t *digits = p;
        p = json_skip_digits(digits, r->end);
        if (p == digits) return json_bad(r, p, "a digit in the exponent");
    }
    r->p = p;
    double value;
    if (!num_parse_double((const char *)at, (size_t)(p - at), &value))
        return json_out_of_range(r, at, "a number in the range of a double");
    memcpy(r->w, &value, 8);
    r->w += 8;
    return NACRE_OK;
}

nacre_status json_read_number(struct json_reader *r, uint8_t *type) {
    enum { SAFE_DIGITS = 18 }; // any so many digits fit an int64
    const uint8_t *at = r->p, *digits = at + (*at == '-'), *p = digits;
    TRY(json_room(r, 8));
    uint64_t value = 0;
    while (p < r->end && json_is_digit(*p))
        value = value * 10 + (uint64_t)(*p++ - '0'); // may wrap: checked below
    if (p == digits) return json_bad(r, p, "a digit");
    if (*digits == '0' && p - digits > 1)
        return json_bad(r, digits, "a number without leading zeros");
    r->p = p;
    if (p < r->end && (*p == '.' || (*p | 0x20) == 'e')) {
        *type = BSON_DOUBLE;
        return json_read_double(r, at);
    }
    *type = BSON_INT64;
    int64_t i = (int64_t)(*at == '-' ? 0 - value : value);
    if (p - digits > SAFE_DIGITS && !num_parse_int((const char *)at, (size_t)(p - at), &i))
        return json_out_of_range(r, at,
                                 "an integer of 64 bits (write it with a fraction for a double)");
    bits_put_le64(r->w, (uint64_t)i);
    r->w += 8;
    return NACRE_OK;
}
