#include "base/bits/bits.h"

static const char base64_alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char base64url_alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static size_t encode(const void *bytes, size_t size, const char *alphabet, bool pad, char *out) {
    const uint8_t *p = bytes;
    char *at = out;
    for (; size >= 3; size -= 3, p += 3) {
        uint32_t v = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
        *at++ = alphabet[v >> 18];
        *at++ = alphabet[(v >> 12) & 63];
        *at++ = alphabet[(v >> 6) & 63];
        *at++ = alphabet[v & 63];
    }
    if (size == 0) return (size_t)(at - out);
    uint32_t v = (uint32_t)p[0] << 16 | (size == 2 ? (uint32_t)p[1] << 8 : 0);
    *at++ = alphabet[v >> 18];
    *at++ = alphabet[(v >> 12) & 63];
    if (size == 2) *at++ = alphabet[(v >> 6) & 63];
    if (pad) {
        if (size == 1) *at++ = '=';
        *at++ = '=';
    }
    return (size_t)(at - out);
}

// 0..63, or 64 for what is not in the alphabet.
static uint32_t digit(uint8_t c, char c62, char c63) {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26u;
    if (c >= '0' && c <= '9') return c - '0' + 52u;
    if (c == (uint8_t)c62) return 62;
    return c == (uint8_t)c63 ? 63 : 64;
}

// text without padding. Bits after the last byte must be 0, so that one value has one text.
static bool decode(struct slice text, const char *c62_c63, uint8_t *out, size_t *out_size) {
    uint32_t bits = 0, bad = 0;
    uint8_t *at = out;
    if (text.n % 4 == 1) return false;
    for (size_t i = 0; i < text.n; i++) {
        uint32_t d = digit(text.p[i], c62_c63[0], c62_c63[1]);
        bad |= d & 64;
        bits = bits << 6 | (d & 63);
        if (i % 4 == 3) {
            *at++ = (uint8_t)(bits >> 16);
            *at++ = (uint8_t)(bits >> 8);
            *at++ = (uint8_t)bits;
            bits = 0;
        }
    }
    if (text.n % 4 == 2) {
        bad |= bits & 0xf;
        *at++ = (uint8_t)(bits >> 4);
    } else if (text.n % 4 == 3) {
        bad |= bits & 0x3;
        *at++ = (uint8_t)(bits >> 10);
        *at++ = (uint8_t)(bits >> 2);
    }
    if (bad) return false;
    *out_size = (size_t)(at - out);
    return true;
}

size_t base64_encode(const void *bytes, size_t size, char *out) {
    return encode(bytes, size, base64_alphabet, true, out);
}

bool base64_decode(struct slice text, uint8_t *out, size_t *out_size) {
    if (text.n % 4) return false;
    if (text.n && text.p[text.n - 1] == '=') {
        text.n--;
        if (text.p[text.n - 1] == '=') text.n--;
    }
    return decode(text, "+/", out, out_size);
}

size_t base64url_encode(const void *bytes, size_t size, char *out) {
    return encode(bytes, size, base64url_alphabet, false, out);
}

bool base64url_decode(struct slice text, uint8_t *out, size_t *out_size) {
    return decode(text, "-_", out, out_size);
}
