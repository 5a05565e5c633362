#include "support/naive_value.h"

#include <stdio.h>

#include "base/bits/bits.h"
#include "base/err/check.h"
#include "base/text/time.h"
#include "doc/bson.h"

const struct naive naive_missing = {.kind = NAIVE_MISSING};

static void *zalloc(struct arena *arena, size_t size) {
    void *p = arena_zalloc(arena, size);
    CHECK(p != NULL);
    return p;
}

struct naive *naive_new(struct arena *arena, enum naive_kind kind) {
    struct naive *v = zalloc(arena, sizeof *v);
    v->kind = kind;
    return v;
}

struct naive *naive_int(struct arena *arena, int64_t i) {
    struct naive *v = naive_new(arena, NAIVE_NUMBER);
    v->number = i;
    return v;
}

static struct slice keep(struct arena *arena, struct slice s) {
    char *p = arena_str(arena, s);
    CHECK(p != NULL);
    return slice_of(p, s.n);
}

struct naive *naive_text(struct arena *arena, const char *text) {
    struct naive *v = naive_new(arena, NAIVE_STRING);
    v->bytes = keep(arena, slice_str(text));
    return v;
}

void naive_add(struct arena *arena, struct naive *parent, struct slice name, struct naive *kid) {
    if (parent->count == parent->cap) {
        uint32_t cap = parent->cap ? parent->cap * 2 : 4;
        struct slice *names = zalloc(arena, cap * sizeof *names);
        struct naive **kids = zalloc(arena, cap * sizeof(struct naive *));
        for (uint32_t i = 0; i < parent->count; i++) {
            names[i] = parent->names[i];
            kids[i] = parent->kids[i];
        }
        parent->names = names;
        parent->kids = kids;
        parent->cap = cap;
    }
    parent->names[parent->count] = keep(arena, name);
    parent->kids[parent->count++] = kid;
}

static struct naive *container(struct arena *arena, struct val v) {
    struct naive *out = naive_new(arena, v.type == VAL_OBJECT ? NAIVE_OBJECT : NAIVE_ARRAY);
    struct bson_iter it = bson_iter_of_val(v);
    struct slice name;
    struct val kid;
    while (bson_next(&it, &name, &kid))
        naive_add(arena, out, name, naive_of_val(arena, kid));
    return out;
}

struct naive *naive_of_val(struct arena *arena, struct val v) {
    static const enum naive_kind kinds[] = {
        [VAL_MISSING] = NAIVE_MISSING, [VAL_NULL] = NAIVE_NULL,     [VAL_INT] = NAIVE_NUMBER,
        [VAL_DOUBLE] = NAIVE_NUMBER,   [VAL_STRING] = NAIVE_STRING, [VAL_OBJECT] = NAIVE_OBJECT,
        [VAL_ARRAY] = NAIVE_ARRAY,     [VAL_BINARY] = NAIVE_BINARY, [VAL_VECTOR] = NAIVE_BINARY,
        [VAL_BOOL] = NAIVE_BOOL,       [VAL_DATE] = NAIVE_DATE,
    };
    if (v.type == VAL_OBJECT || v.type == VAL_ARRAY) return container(arena, v);
    struct naive *out = naive_new(arena, kinds[v.type]);
    if (v.type == VAL_INT) out->number = v.i;
    if (v.type == VAL_DOUBLE) out->number = v.d;
    if (v.type == VAL_DATE) out->date = v.i;
    if (v.type == VAL_BOOL) out->boolean = v.b;
    out->is_double = v.type == VAL_DOUBLE;
    if (v.type == VAL_STRING || v.type == VAL_BINARY || v.type == VAL_VECTOR)
        out->bytes = keep(arena, val_slice(v));
    return out;
}

struct naive *naive_of_bson(struct arena *arena, struct slice bson) {
    return naive_of_val(arena, val_bytes(VAL_OBJECT, bson));
}

struct naive *naive_copy(struct arena *arena, const struct naive *v) {
    struct naive *out = naive_new(arena, v->kind);
    *out = *v;
    out->bytes = keep(arena, v->bytes);
    out->count = out->cap = 0;
    for (uint32_t i = 0; i < v->count; i++)
        naive_add(arena, out, v->names[i], naive_copy(arena, v->kids[i]));
    return out;
}

static void print_number(struct buf *out, const struct naive *v) {
    char text[64];
    if (!v->is_double) {
        buf_printf(out, "%lld", (long long)v->number);
        return;
    }
    int n = snprintf(text, sizeof text, "%.17g", (double)v->number);
    buf_put(out, text, (size_t)n);
    if (!memchr(text, '.', (size_t)n) && !memchr(text, 'e', (size_t)n)) buf_put_str(out, ".0");
}

static void print_extended(struct buf *out, const struct naive *v) {
    char text[4096];
    size_t n;
    if (v->kind == NAIVE_DATE) {
        n = time_print(v->date, text);
        buf_put_str(out, "{\"$date\":\"");
    } else {
        CHECK(v->bytes.n < 3000);
        n = base64_encode(v->bytes.p, v->bytes.n, text);
        buf_put_str(out, "{\"$binary\":\"");
    }
    buf_put(out, text, n);
    buf_put_str(out, "\"}");
}

void naive_print(struct buf *out, const struct naive *v) {
    bool object = v->kind == NAIVE_OBJECT;
    switch (v->kind) {
    case NAIVE_MISSING:
    case NAIVE_NULL:
        buf_put_str(out, "null");
        return;
    case NAIVE_NUMBER:
        print_number(out, v);
        return;
    case NAIVE_STRING: // no text here needs an escape
        buf_printf(out, "\"%.*s\"", (int)v->bytes.n, (const char *)v->bytes.p);
        return;
    case NAIVE_BOOL:
        buf_put_str(out, v->boolean ? "true" : "false");
        return;
    case NAIVE_BINARY:
    case NAIVE_DATE:
        print_extended(out, v);
        return;
    case NAIVE_OBJECT:
    case NAIVE_ARRAY:
        break;
    }
    buf_put_u8(out, object ? '{' : '[');
    for (uint32_t i = 0; i < v->count; i++) {
        if (i) buf_put_u8(out, ',');
        if (object) buf_printf(out, "\"%.*s\":", (int)v->names[i].n, (const char *)v->names[i].p);
        naive_print(out, v->kids[i]);
    }
    buf_put_u8(out, object ? '}' : ']');
}

static int rank(const struct naive *v) {
    return v->kind == NAIVE_MISSING ? NAIVE_NULL : (int)v->kind;
}

static int cmp_kids(const struct naive *a, const struct naive *b) {
    for (uint32_t i = 0; i < a->count && i < b->count; i++) {
        int c = rank(a->kids[i]) - rank(b->kids[i]);
        if (c == 0 && a->kind == NAIVE_OBJECT) c = slice_cmp(a->names[i], b->names[i]);
        if (c == 0) c = naive_cmp(a->kids[i], b->kids[i]);
        if (c) return c;
    }
    return (a->count > b->count) - (a->count < b->count);
}

int naive_cmp(const struct naive *a, const struct naive *b) {
    if (rank(a) != rank(b)) return rank(a) - rank(b);
    switch (a->kind) {
    case NAIVE_NUMBER:
        return (a->number > b->number) - (a->number < b->number);
    case NAIVE_STRING:
    case NAIVE_BINARY:
        return slice_cmp(a->bytes, b->bytes);
    case NAIVE_OBJECT:
    case NAIVE_ARRAY:
        return cmp_kids(a, b);
    case NAIVE_BOOL:
        return (int)a->boolean - (int)b->boolean;
    case NAIVE_DATE:
        return (a->date > b->date) - (a->date < b->date);
    case NAIVE_MISSING:
    case NAIVE_NULL:
        break;
    }
    return 0;
}

const struct naive *naive_field(const struct naive *object, struct slice name) {
    if (object->kind != NAIVE_OBJECT) return NULL;
    for (uint32_t i = 0; i < object->count; i++)
        if (slice_eq(object->names[i], name)) return object->kids[i];
    return NULL;
}

// --- paths ------------------------------------------------------------------------------

struct walk {
    const char *path; // what is left of it; NULL: nothing
    char separator;
    struct naive_found *found;
};

static struct slice take_part(struct walk *w) {
    const char *end = strchr(w->path, w->separator);
    struct slice name = end ? slice_of(w->path, (size_t)(end - w->path)) : slice_str(w->path);
    w->path = end ? end + 1 : NULL;
    return name;
}

static void found_add(struct naive_found *found, const struct naive *v) {
    CHECK(found->count < NAIVE_FOUND_MAX);
    found->items[found->count++] = v;
}

static void walk(struct walk w, const struct naive *v, bool *missing);

static void walk_array(struct walk w, struct slice name, const struct naive *v, bool *missing) {
    bool is_index = name.n == 1 && name.p[0] >= '0' && name.p[0] <= '9', any = false;
    for (uint32_t i = 0; i < v->count; i++) {
        const struct naive *kid = v->kids[i], *field = naive_field(kid, name);
        if (is_index && i == (uint32_t)(name.p[0] - '0')) {
            walk(w, kid, missing);
            any = true;
        }
        if (kid->kind != NAIVE_OBJECT || (!field && is_index)) continue;
        walk(w, field ? field : &naive_missing, missing);
        any = true;
    }
    if (is_index && !any) *missing = true;
}

static void walk(struct walk w, const struct naive *v, bool *missing) {
    if (v->kind != NAIVE_MISSING && !w.path) {
        found_add(w.found, v);
        return;
    }
    if (v->kind != NAIVE_OBJECT && v->kind != NAIVE_ARRAY) {
        *missing = true;
        return;
    }
    struct slice name = take_part(&w);
    if (v->kind == NAIVE_ARRAY) {
        walk_array(w, name, v, missing);
        return;
    }
    const struct naive *field = naive_field(v, name);
    walk(w, field ? field : &naive_missing, missing);
}

void naive_reach(const struct naive *root, const char *path, struct naive_found *found) {
    bool pointer = path[0] == '/', missing = false;
    struct walk w = {.path = path + pointer, .separator = pointer ? '/' : '.', .found = found};
    found->count = 0;
    walk(w, root, &missing);
    if (missing || !found->count) found_add(found, &naive_missing);
}

// --- sorting ----------------------------------------------------------------------------

int naive_sort_cmp(struct naive_sort_value a, struct naive_sort_value b) {
    if (!a.value || !b.value) return (a.value != NULL) - (b.value != NULL);
    return naive_cmp(a.value, b.value);
}

struct best {
    struct naive_sort_value value;
    bool any, greatest;
};

static void offer(struct best *best, const struct naive *v) {
    struct naive_sort_value fresh = {v};
    int c = best->any ? naive_sort_cmp(fresh, best->value) : 0;
    if (best->any && (best->greatest ? c <= 0 : c >= 0)) return;
    best->value = fresh;
    best->any = true;
}

struct naive_sort_value naive_sort_value(const struct naive *root, const char *path,
                                         bool descending) {
    struct naive_found found;
    struct best best = {.greatest = descending};
    naive_reach(root, path, &found);
    for (uint32_t i = 0; i < found.count; i++) {
        const struct naive *v = found.items[i];
        if (v->kind != NAIVE_ARRAY) {
            offer(&best, v);
            continue;
        }
        for (uint32_t k = 0; k < v->count; k++)
            offer(&best, v->kids[k]);
        if (!v->count) offer(&best, NULL);
    }
    return best.value;
}
