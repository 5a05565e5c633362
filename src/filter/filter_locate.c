// From the pointer of an error to its place in the JSON text, so that errors of both forms carry a
// span.
#include "filter/filter_build.h"

struct place {
    size_t name, name_end; // of the member's name with its quotes; equal: an array element
    size_t value, value_end;
};

static bool is_one_of(uint8_t c, const char *set) { return c != 0 && strchr(set, c) != NULL; }

static size_t skip_space(struct slice json, size_t at) {
    while (at < json.n && (json.p[at] <= ' ' || json.p[at] == ',' || json.p[at] == ':'))
        at++;
    return at;
}

static size_t skip_string(struct slice json, size_t at) {
    for (at++; at < json.n && json.p[at] != '"'; at++)
        at += json.p[at] == '\\';
    return at < json.n ? at + 1 : json.n;
}

static size_t skip_value(struct slice json, size_t at) {
    size_t depth = 0;
    while (at < json.n) {
        uint8_t c = json.p[at];
        if (depth == 0 && is_one_of(c, ",]} \t\r\n")) return at;
        if (c == '"')
            at = skip_string(json, at);
        else
            at++;
        if (c == '{' || c == '[')
            depth++;
        else if (c == '}' || c == ']')
            depth--;
        if (depth == 0 && is_one_of(c, "\"}]")) return at;
    }
    return at;
}

// Whether a name in quotes is the part of the pointer, where ~1 stands for '/' and ~0 for '~'. A
// name with escapes in the JSON text is never found: the error then has a pointer only.
static bool is_part(struct slice name, struct slice part) {
    size_t k = 1;
    for (size_t i = 0; i < part.n; i++, k++) {
        uint8_t c = part.p[i];
        if (c == '~' && i + 1 < part.n) c = part.p[++i] == '1' ? '/' : '~';
        if (k + 1 >= name.n || name.p[k] != c) return false;
    }
    return k + 1 == name.n;
}

static bool is_index(size_t i, struct slice part) {
    size_t index = 0;
    for (size_t k = 0; k < part.n && k < 9; k++)
        index = index * 10 + (size_t)(part.p[k] - '0');
    return index == i;
}

// One step: the member or element of the container at place->value. Of equal names the last counts.
static bool step(struct slice json, struct slice part, struct place *place) {
    if (place->value >= json.n || !is_one_of(json.p[place->value], "{[")) return false;
    bool object = json.p[place->value] == '{', found = false;
    size_t at = skip_space(json, place->value + 1);
    for (size_t i = 0; at < json.n && json.p[at] != '}' && json.p[at] != ']'; i++) {
        struct place next = {.name = at, .name_end = at, .value = at};
        if (object) {
            next.name_end = skip_string(json, at);
            next.value = skip_space(json, next.name_end);
        }
        next.value_end = skip_value(json, next.value);
        struct slice name = slice_of(json.p + next.name, next.name_end - next.name);
        if (object ? is_part(name, part) : is_index(i, part)) {
            *place = next;
            found = true;
        }
        at = skip_space(json, next.value_end > at ? next.value_end : at + 1);
    }
    return found;
}

void filter_err_span(struct ctx *ctx, struct slice json) {
    struct err *err = &ctx->err;
    if (err->status != NACRE_INVALID_FILTER || err->has_span || err->item_count == 0) return;
    struct slice rest = slice_str(err->items[0].pointer), part = {0};
    struct place place = {.value = skip_space(json, 0)};
    place.value_end = skip_value(json, place.value);
    while (rest.n) {
        rest = slice_skip(rest, 1);
        const uint8_t *slash = rest.n ? memchr(rest.p, '/', rest.n) : NULL;
        part = slice_of(rest.p, slash ? (size_t)(slash - rest.p) : rest.n);
        rest = slice_skip(rest, part.n);
        if (!step(json, part, &place)) return;
    }
    // The name is at fault where it is what was found, else the value.
    struct slice name = slice_of(json.p + place.name, place.name_end - place.name);
    bool by_name = name.n >= 2 && slice_eq_str(slice_of(name.p + 1, name.n - 2), err->items[0].got);
    if (by_name)
        err_span(ctx, place.name, name.n);
    else
        err_span(ctx, place.value, place.value_end - place.value);
}
