// What is wrong with a filter: pointer into the JSON form, what was expected, what was found, what
// is near.
#include <stdarg.h>
#include <stdio.h>

#include "base/text/num.h"
#include "base/text/utf8.h"
#include "filter/filter_build.h"

struct text {
    char *p;
    size_t n, cap; // cap without the NUL
};

static void text_put(struct text *t, const void *bytes, size_t n) {
    if (n > t->cap - t->n) n = t->cap - t->n;
    memcpy(t->p + t->n, bytes, n);
    t->n += n;
    t->p[t->n] = '\0';
}

struct slice filter_cut(struct slice text, size_t max) {
    if (text.n <= max) return text;
    text.n = max;
    text.n = utf8_valid_prefix(text);
    return text;
}

static void pointer_put_name(struct text *t, struct slice name) {
    for (size_t i = 0; i < name.n; i++) {
        if (name.p[i] == '~')
            text_put(t, "~0", 2);
        else if (name.p[i] == '/')
            text_put(t, "~1", 2);
        else
            text_put(t, name.p + i, 1);
    }
}

static void pointer_put(struct text *t, const struct filter_site *site) {
    if (!site || !site->up) return;
    pointer_put(t, site->up);
    text_put(t, "/", 1);
    if (site->name.p) {
        pointer_put_name(t, site->name);
        return;
    }
    char digits[NUM_TEXT_MAX];
    text_put(t, digits, num_print_int(site->index, digits));
}

static void describe(struct text *t, struct val v) {
    char number[NUM_TEXT_MAX];
    switch (v.type) {
    case VAL_BOOL: text_put(t, v.b ? "true" : "false", v.b ? 4 : 5); return;
    case VAL_INT: text_put(t, number, num_print_int(v.i, number)); return;
    case VAL_DOUBLE:
        if (__builtin_isfinite(v.d))
            text_put(t, number, num_print_double(v.d, number));
        else
            text_put(t, "a double", 8);
        return;
    case VAL_STRING: {
        struct slice cut = filter_cut(val_slice(v), 60);
        text_put(t, "\"", 1);
        text_put(t, cut.p, cut.n);
        text_put(t, cut.n < v.n ? "…\"" : "\"", cut.n < v.n ? 4 : 1);
        return;
    }
    default: {
        const char *name = val_type_name(v.type);
        text_put(t, name, strlen(name));
    }
    }
}

static nacre_status fail(struct filter_build *b, const struct filter_site *site,
                         const char *expected, const char *got, const char *detail) {
    char pointer[ERR_TEXT_MAX];
    struct text t = {.p = pointer, .cap = sizeof(pointer) - 1};
    pointer[0] = '\0';
    pointer_put(&t, site);
    nacre_status status = err_set(b->ctx, NACRE_INVALID_FILTER, "%s", detail);
    err_expected(b->ctx, pointer, expected, got);
    return status;
}

nacre_status filter_fail(struct filter_build *b, const struct filter_site *site,
                         const char *expected, struct val got, const char *fmt, ...) {
    char detail[ERR_DETAIL_MAX], found[ERR_TEXT_MAX];
    struct text t = {.p = found, .cap = sizeof(found) - 1};
    found[0] = '\0';
    describe(&t, got);
    va_list args;
    va_start(args, fmt);
    vsnprintf(detail, sizeof(detail), fmt, args);
    va_end(args);
    return fail(b, site, expected, found, detail);
}

nacre_status filter_fail_name(struct filter_build *b, const struct filter_site *site,
                              const char *expected, const char *fmt, ...) {
    char detail[ERR_DETAIL_MAX], found[ERR_TEXT_MAX];
    struct slice cut = filter_cut(site->name, 60);
    snprintf(found, sizeof(found), "%.*s", (int)cut.n, (const char *)cut.p);
    va_list args;
    va_start(args, fmt);
    vsnprintf(detail, sizeof(detail), fmt, args);
    va_end(args);
    return fail(b, site, expected, found, detail);
}

void filter_suggest(struct ctx *ctx, struct slice word, const char *const *candidates,
                    size_t count) {
    char copy[64];
    if (word.n == 0 || word.n >= sizeof(copy)) return;
    memcpy(copy, word.p, word.n);
    copy[word.n] = '\0';
    const char *near = err_nearest(copy, candidates, count);
    if (near) err_suggest(ctx, near);
}
