#include "cli/json.h"

#include <stdlib.h>
#include <string.h>

enum { DEPTH_MAX = 256 };

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

static const char *skip_blanks(const char *at, const char *end) {
    while (at < end && is_blank(*at))
        at++;
    return at;
}

// Behind the closing quote of the string that opens at `at`; NULL if there is none.
static const char *skip_string(const char *at, const char *end) {
    for (at++; at < end; at++) {
        if (*at == '\\')
            at++;
        else if (*at == '"')
            return at + 1;
    }
    return NULL;
}

static const char *skip_nested(const char *at, const char *end) {
    char open[DEPTH_MAX];
    size_t depth = 0;
    while (at < end) {
        char c = *at;
        if (c == '"') {
            at = skip_string(at, end);
            if (!at) return NULL;
            continue;
        }
        if (c == '{' || c == '[') {
            if (depth == DEPTH_MAX) return NULL;
            open[depth++] = c == '{' ? '}' : ']';
        } else if (c == '}' || c == ']') {
            if (open[--depth] != c) return NULL;
            if (depth == 0) return at + 1;
        }
        at++;
    }
    return NULL;
}

// The value at *at, blanks before it passed over; *at then stands behind it. False: no value, or
// it does not end.
static bool take_value(const char **at, const char *end, struct cli_slice *out) {
    const char *from = skip_blanks(*at, end);
    if (from == end) return false;
    const char *to = from;
    if (*from == '"')
        to = skip_string(from, end);
    else if (*from == '{' || *from == '[')
        to = skip_nested(from, end);
    else
        while (to < end && !is_blank(*to) && !strchr(",:]}{[\"", *to))
            to++;
    if (!to || to == from) return false;
    *out = (struct cli_slice){from, (size_t)(to - from)};
    *at = to;
    return true;
}

bool cli_json_is_one(struct cli_slice text, char first) {
    const char *at = text.data, *end = text.data + text.size;
    struct cli_slice value;
    return take_value(&at, end, &value) && skip_blanks(at, end) == end &&
           (first == 0 || value.data[0] == first);
}

// Past the bracket at the beginning, or the comma; false at the closing bracket.
static bool next_item(struct cli_slice nest, size_t *at, const char **from) {
    const char *end = nest.data + nest.size;
    if (nest.size < 2) return false;
    *from = skip_blanks(nest.data + (*at == 0 ? 1 : *at), end);
    if (*at > 0 && *from < end && **from == ',') *from = skip_blanks(*from + 1, end);
    return *from < end && **from != '}' && **from != ']';
}

bool cli_json_member(struct cli_slice object, size_t *at, struct cli_slice *key,
                     struct cli_slice *value) {
    const char *from, *end = object.data + object.size;
    if (object.size == 0 || object.data[0] != '{' || !next_item(object, at, &from)) return false;
    if (!take_value(&from, end, key)) return false;
    from = skip_blanks(from, end);
    if (from == end || *from != ':') return false;
    from++;
    if (!take_value(&from, end, value)) return false;
    *at = (size_t)(from - object.data);
    return true;
}

bool cli_json_element(struct cli_slice array, size_t *at, struct cli_slice *value) {
    const char *from;
    if (array.size == 0 || array.data[0] != '[' || !next_item(array, at, &from)) return false;
    if (!take_value(&from, array.data + array.size, value)) return false;
    *at = (size_t)(from - array.data);
    return true;
}

static bool key_is(struct cli_slice key, struct cli_slice name) {
    if (memchr(key.data, '\\', key.size) == NULL)
        return key.size == name.size + 2 && memcmp(key.data + 1, name.data, name.size) == 0;
    struct cli_text text = {0};
    cli_json_text(key, &text);
    bool same = text.size == name.size && memcmp(cli_text_of(&text), name.data, name.size) == 0;
    cli_text_free(&text);
    return same;
}

static bool find_name(struct cli_slice object, struct cli_slice name, struct cli_slice *out) {
    struct cli_slice key, value;
    for (size_t at = 0; cli_json_member(object, &at, &key, &value);) {
        if (key_is(key, name)) {
            *out = value;
            return true;
        }
    }
    return false;
}

bool cli_json_find(struct cli_slice object, const char *name, struct cli_slice *out) {
    return find_name(object, cli_slice_of(name), out);
}

static bool find_element(struct cli_slice array, struct cli_slice digits, struct cli_slice *out) {
    if (digits.size == 0 || digits.size > 8 || strspn(digits.data, "0123456789") < digits.size)
        return false;
    long wanted = strtol(digits.data, NULL, 10);
    size_t at = 0;
    for (long i = 0; cli_json_element(array, &at, out); i++) {
        if (i == wanted) return true;
    }
    return false;
}

bool cli_json_path(struct cli_slice value, const char *path, struct cli_slice *out) {
    if (value.size > 0 && value.data[0] == '{' && cli_json_find(value, path, out)) return true;
    for (;;) {
        const char *dot = strchr(path, '.');
        struct cli_slice name = {path, dot ? (size_t)(dot - path) : strlen(path)};
        bool found = value.size > 0 && value.data[0] == '[' ? find_element(value, name, &value)
                                                            : find_name(value, name, &value);
        if (!found) return false;
        if (!dot) {
            *out = value;
            return true;
        }
        path = dot + 1;
    }
}

static void add_code_point(struct cli_text *out, unsigned c) {
    char bytes[4];
    size_t size = 0;
    if (c < 0x80) {
        bytes[size++] = (char)c;
    } else if (c < 0x800) {
        bytes[size++] = (char)(0xC0 | c >> 6);
    } else if (c < 0x10000) {
        bytes[size++] = (char)(0xE0 | c >> 12);
        bytes[size++] = (char)(0x80 | (c >> 6 & 0x3F));
    } else {
        bytes[size++] = (char)(0xF0 | c >> 18);
        bytes[size++] = (char)(0x80 | (c >> 12 & 0x3F));
        bytes[size++] = (char)(0x80 | (c >> 6 & 0x3F));
    }
    if (c >= 0x80) bytes[size++] = (char)(0x80 | (c & 0x3F));
    cli_text_add(out, bytes, size);
}

static unsigned hex4(const char *digits) {
    char copy[5] = {0};
    memcpy(copy, digits, 4);
    return (unsigned)strtoul(copy, NULL, 16);
}

// One escape that begins at `at` ('\\'); returns behind it.
static const char *add_escape(struct cli_text *out, const char *at, const char *end) {
    static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
    if (end - at < 2) return end;
    const char *simple = strchr(from, at[1]);
    if (simple && at[1] != '\0') {
        cli_text_add(out, to + (simple - from), 1);
        return at + 2;
    }
    if (at[1] != 'u' || end - at < 6) {
        cli_text_add(out, at + 1, 1);
        return at + 2;
    }
    unsigned c = hex4(at + 2);
    at += 6;
    if (c >= 0xD800 && c < 0xDC00 && end - at >= 6 && at[0] == '\\' && at[1] == 'u') {
        c = 0x10000 + ((c & 0x3FF) << 10) + (hex4(at + 2) & 0x3FF);
        at += 6;
    }
    add_code_point(out, c);
    return at;
}

void cli_json_text(struct cli_slice value, struct cli_text *out) {
    if (value.size < 2 || value.data[0] != '"') {
        cli_text_add(out, value.data, value.size);
        return;
    }
    const char *at = value.data + 1, *end = value.data + value.size - 1;
    while (at < end) {
        const char *escape = memchr(at, '\\', (size_t)(end - at));
        size_t plain = (size_t)((escape ? escape : end) - at);
        cli_text_add(out, at, plain);
        at += plain;
        if (escape) at = add_escape(out, at, end);
    }
}

uint64_t cli_json_uint(struct cli_slice object, const char *name, uint64_t otherwise) {
    struct cli_slice value;
    char digits[24];
    if (!cli_json_path(object, name, &value) || value.size >= sizeof digits ||
        value.data[0] < '0' || value.data[0] > '9')
        return otherwise;
    memcpy(digits, value.data, value.size);
    digits[value.size] = '\0';
    return strtoull(digits, NULL, 10);
}

// A scalar as it stands, but for DEL and the control characters U+0080..U+009F.
static void add_scalar(struct cli_slice value, struct cli_text *out) {
    for (size_t i = 0; i < value.size; i++) {
        unsigned char c = (unsigned char)value.data[i];
        unsigned char next = i + 1 < value.size ? (unsigned char)value.data[i + 1] : 0;
        if (c == 0x7F) {
            cli_text_puts(out, "\\u007f");
        } else if (c == 0xC2 && next >= 0x80 && next < 0xA0) {
            cli_text_format(out, "\\u%04x", next);
            i++;
        } else {
            cli_text_add(out, value.data + i, 1);
        }
    }
}

static void indent(struct cli_text *out, int depth) {
    cli_text_format(out, "\n%*s", depth * 2, "");
}

static void pretty_at(struct cli_slice value, struct cli_text *out, int depth);

static void pretty_nest(struct cli_slice value, struct cli_text *out, int depth) {
    bool object = value.data[0] == '{';
    struct cli_slice key = {0}, item;
    size_t at = 0, count = 0;
    cli_text_puts(out, object ? "{" : "[");
    while (object ? cli_json_member(value, &at, &key, &item)
                  : cli_json_element(value, &at, &item)) {
        cli_text_puts(out, count++ > 0 ? "," : "");
        indent(out, depth + 1);
        if (object) {
            add_scalar(key, out);
            cli_text_puts(out, ": ");
        }
        pretty_at(item, out, depth + 1);
    }
    if (count > 0) indent(out, depth);
    cli_text_puts(out, object ? "}" : "]");
}

// Short arrays of plain values stay on one line.
static bool is_short_array(struct cli_slice value) {
    return value.data[0] == '[' && value.size <= 72 &&
           !memchr(value.data + 1, '[', value.size - 1) && !memchr(value.data, '{', value.size);
}

static void pretty_at(struct cli_slice value, struct cli_text *out, int depth) {
    bool nest = value.data[0] == '{' || value.data[0] == '[';
    if (!nest || is_short_array(value) || depth > DEPTH_MAX)
        add_scalar(value, out);
    else
        pretty_nest(value, out, depth);
}

void cli_json_pretty(struct cli_slice value, struct cli_text *out) {
    const char *at = value.data;
    struct cli_slice one;
    if (take_value(&at, value.data + value.size, &one)) pretty_at(one, out, 0);
}
