// What users ask for: the helpers that collections, indexes and databases share.
#include "catalog/spec.h"

#include <stdio.h>
#include <string.h>

#include "base/text/num.h"
#include "doc/bson.h"

enum { SPEC_POINTER_MAX = 160, SPEC_GOT_MAX = 80, SPEC_CANDIDATES_MAX = 16 };

// "/" and the name as a reference token of RFC 6901.
static void spec_pointer(struct slice name, char out[SPEC_POINTER_MAX]) {
    size_t n = 0;
    out[n++] = '/';
    for (size_t i = 0; i < name.n && n + 3 < SPEC_POINTER_MAX; i++) {
        char c = (char)name.p[i];
        if (c == '~' || c == '/') {
            out[n++] = '~';
            c = c == '~' ? '0' : '1';
        }
        out[n++] = c;
    }
    out[n] = '\0';
}

static void spec_got(struct val v, char out[SPEC_GOT_MAX]) {
    char number[NUM_TEXT_MAX + 1] = {0};
    switch (v.type) {
    case VAL_INT: number[num_print_int(v.i, number)] = '\0'; break;
    case VAL_DOUBLE: number[num_print_double(v.d, number)] = '\0'; break;
    case VAL_BOOL: memcpy(number, v.b ? "true" : "false", v.b ? 4 : 5); break;
    case VAL_STRING:
        snprintf(out, SPEC_GOT_MAX, v.n > 64 ? "\"%.*s…\"" : "\"%.*s\"", (int)(v.n > 64 ? 64 : v.n),
                 (const char *)v.p);
        return;
    default: break;
    }
    if (number[0])
        snprintf(out, SPEC_GOT_MAX, "%s", number);
    else if (v.type == VAL_MISSING)
        snprintf(out, SPEC_GOT_MAX, "nothing");
    else
        snprintf(out, SPEC_GOT_MAX, "%s", val_type_name(v.type));
}

nacre_status catalog_member_bad(struct ctx *ctx, const char *pointer, const char *expected,
                                struct val got) {
    char text[SPEC_GOT_MAX];
    spec_got(got, text);
    nacre_status status =
        err_set(ctx, NACRE_INVALID_ARGUMENT, "invalid value at %s: expected %s, got %s", pointer,
                expected, text);
    err_expected(ctx, pointer, expected, text);
    return status;
}

static nacre_status spec_unknown(struct ctx *ctx, struct slice name, const char *what,
                                 const struct catalog_member *members) {
    const char *names[SPEC_CANDIDATES_MAX];
    char pointer[SPEC_POINTER_MAX], word[65], list[ERR_TEXT_MAX];
    size_t count = 0, at = 0;
    list[0] = '\0';
    for (; members[count].name && count < SPEC_CANDIDATES_MAX; count++) {
        names[count] = members[count].name;
        int n =
            snprintf(list + at, sizeof list - at, "%s%s", count ? ", " : "one of ", names[count]);
        if (n > 0 && (size_t)n < sizeof list - at) at += (size_t)n;
    }
    snprintf(word, sizeof word, "%.*s", (int)(name.n < 64 ? name.n : 64), (const char *)name.p);
    spec_pointer(name, pointer);
    nacre_status status =
        err_set(ctx, NACRE_INVALID_ARGUMENT, "unknown member \"%s\" of %s", word, what);
    err_expected(ctx, pointer, list, word);
    const char *nearest = err_nearest(word, names, count);
    if (nearest) err_suggest(ctx, nearest);
    return status;
}

nacre_status catalog_members(struct ctx *ctx, struct slice bson, const char *what,
                             const struct catalog_member *members, void *arg) {
    if (bson.n == 0) return NACRE_OK;
    struct bson_iter it = bson_iter_of(bson);
    struct slice name;
    struct val v;
    while (bson_next(&it, &name, &v)) {
        size_t i = 0;
        while (members[i].name && !slice_eq_str(name, members[i].name)) i++;
        if (!members[i].name) return spec_unknown(ctx, name, what, members);
        TRY(members[i].take(ctx, v, arg));
    }
    return NACRE_OK;
}

nacre_status catalog_member_int(struct ctx *ctx, const char *pointer, struct val v, int64_t low,
                                int64_t high, uint64_t *out) {
    if (v.type == VAL_INT && v.i >= low && v.i <= high) {
        *out = (uint64_t)v.i;
        return NACRE_OK;
    }
    char expected[80];
    if (high == INT64_MAX)
        snprintf(expected, sizeof expected, "an integer from %lld", (long long)low);
    else
        snprintf(expected, sizeof expected, "an integer from %lld to %lld", (long long)low,
                 (long long)high);
    return catalog_member_bad(ctx, pointer, expected, v);
}

nacre_status catalog_member_path(struct ctx *ctx, const char *pointer, struct val v,
                                 struct path *out) {
    if (v.type != VAL_STRING) return catalog_member_bad(ctx, pointer, "a path as a string", v);
    nacre_status status = path_parse(ctx, val_slice(v), out);
    if (status == NACRE_INVALID_ARGUMENT) err_expected(ctx, pointer, "a path", ctx->err.detail);
    TRY(status);
    if (name_is_system(out->parts[0].name))
        return catalog_member_bad(ctx, pointer, "a path that is no system field other than _id", v);
    return NACRE_OK;
}

nacre_status catalog_member_keep(struct ctx *ctx, const struct buf *bson, struct slice *out) {
    if (bson->status != NACRE_OK) return err_buf(ctx, bson);
    const uint8_t *p = arena_copy(&ctx->arena, bson->p, bson->n);
    if (!p) return err_nomem(ctx);
    *out = slice_of(p, bson->n);
    return NACRE_OK;
}
