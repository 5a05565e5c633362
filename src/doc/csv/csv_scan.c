// Where records end, and what unquoted text is.
#include "doc/csv/csv_impl.h"

enum { SCAN_BEGIN, SCAN_PLAIN, SCAN_QUOTED, SCAN_QUOTE };

// Over quoted text; false at the end of text.
static bool pass_quoted(struct csv_scan *scan, const uint8_t **p, const uint8_t *end) {
    const uint8_t *quote = memchr(*p, '"', (size_t)(end - *p)), *to = quote ? quote : end;
    for (const uint8_t *at = *p; (at = memchr(at, '\n', (size_t)(to - at))) != NULL; at++)
        scan->newlines++;
    *p = quote ? quote + 1 : end;
    return quote != NULL;
}

// A quote that stands where none may is taken as text here: who reads the record refuses it, and
// the next line is a record again.
bool csv_scan(struct csv_scan *scan, struct slice text, size_t *at) {
    const uint8_t *p = text.p + *at, *end = text.p + text.n;
    uint8_t state = scan->state;
    bool done = false;
    while (p < end && !done) {
        if (state == SCAN_QUOTED) {
            if (pass_quoted(scan, &p, end)) state = SCAN_QUOTE;
            continue;
        }
        uint8_t c = *p++;
        if (c == '"' && state != SCAN_PLAIN) {
            state = SCAN_QUOTED; // begins, or goes on after a doubled quote
        } else if (c == '\n') {
            scan->newlines++;
            state = SCAN_BEGIN;
            done = true;
        } else {
            state = c == ',' ? SCAN_BEGIN : SCAN_PLAIN;
        }
    }
    scan->state = state;
    *at = text.n ? (size_t)(p - text.p) : 0;
    return done;
}

static size_t digits(struct slice text) {
    size_t n = 0;
    while (n < text.n && (uint8_t)(text.p[n] - '0') < 10)
        n++;
    return n;
}

// RFC 8259, section 6.
bool csv_is_number(struct slice text) {
    if (text.n && text.p[0] == '-') text = slice_skip(text, 1);
    size_t n = digits(text);
    if (n == 0 || (n > 1 && text.p[0] == '0')) return false;
    text = slice_skip(text, n);
    if (text.n && text.p[0] == '.') {
        text = slice_skip(text, 1);
        n = digits(text);
        if (n == 0) return false;
        text = slice_skip(text, n);
    }
    if (text.n && (text.p[0] | 0x20) == 'e') {
        text = slice_skip(text, 1);
        if (text.n && (text.p[0] == '+' || text.p[0] == '-')) text = slice_skip(text, 1);
        n = digits(text);
        if (n == 0) return false;
        text = slice_skip(text, n);
    }
    return text.n == 0;
}

bool csv_is_word(struct slice text) {
    static const char *const words[] = {"true", "false", "null", "{}", "[]"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (slice_eq_str(text, words[i])) return true;
    return false;
}
