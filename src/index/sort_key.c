#include "index/sort_key.h"

#include <stdio.h>

#include "doc/key.h"
#include "index/component.h"

static nacre_status term_parse(struct ctx *ctx, struct val v, uint32_t i, struct sort_term *out) {
    char pointer[32];
    snprintf(pointer, sizeof pointer, "/sort/%u", i);
    struct slice text = v.type == VAL_STRING ? val_slice(v) : slice_of(NULL, 0);
    out->descending = text.n && text.p[0] == '-';
    if (out->descending) text = slice_skip(text, 1);
    if (text.n) {
        nacre_status status = path_parse(ctx, text, &out->path);
        if (status == NACRE_INVALID_ARGUMENT)
            err_expected(ctx, pointer, "\"path\" or \"-path\"", "an invalid path");
        return status;
    }
    nacre_status status = err_set(ctx, NACRE_INVALID_ARGUMENT,
                                  "a sort term is a path, with '-' before it for descending order");
    err_expected(ctx, pointer, "\"path\" or \"-path\"",
                 v.type != VAL_STRING ? val_type_name(v.type)
                 : out->descending    ? "\"-\""
                                      : "\"\"");
    return status;
}

nacre_status sort_spec_parse(struct ctx *ctx, struct val terms, struct sort_spec *out) {
    out->count = 0;
    if (terms.type == VAL_MISSING) return NACRE_OK;
    if (terms.type != VAL_ARRAY || bson_count(val_slice(terms)) > SORT_TERMS_MAX) {
        nacre_status status = err_set(ctx, NACRE_INVALID_ARGUMENT,
                                      "sort is a list of at most %d paths", SORT_TERMS_MAX);
        err_expected(ctx, "/sort", "[\"a\",\"-b\"]", val_type_name(terms.type));
        return status;
    }
    struct bson_iter it = bson_iter_of_val(terms);
    struct slice name;
    struct val v;
    while (bson_next(&it, &name, &v)) {
        TRY(term_parse(ctx, v, out->count, &out->terms[out->count]));
        out->count++;
    }
    return NACRE_OK;
}

// The least (or, descending, the greatest) of the values a path reaches.
struct best {
    struct buf *out;
    size_t start;
    bool descending, any;
    struct buf *scratch;
    struct slice bound; // values that are above it are passed over; n = 0: none
    bool passed;
};

// Where the next candidate is encoded: the first in its place.
static struct buf *candidate(struct best *best) {
    if (!best->any) return best->out;
    buf_reset(best->scratch);
    return best->scratch;
}

// Components are encoded in their direction, so the one wanted is the smallest encoding either way.
static void offer(struct best *best, const struct buf *from) {
    bool first = !best->any;
    best->any = true;
    if (first) return;
    struct slice held = slice_skip(buf_slice(best->out), best->start);
    if (slice_cmp(buf_slice(from), held) >= 0) return;
    best->out->n = best->start;
    buf_put_slice(best->out, buf_slice(from));
}

static void offer_val(struct best *best, struct val v) {
    if (best->bound.n && key_is_above(v, best->bound)) {
        best->passed = true;
        return;
    }
    struct buf *to = candidate(best);
    (void)key_put(to, v, best->descending);
    offer(best, to);
}

static bool offer_each(void *arg, struct val v) {
    struct best *best = arg;
    if (v.type != VAL_ARRAY) {
        offer_val(best, v);
        return true;
    }
    struct bson_iter it = bson_iter_of_val(v);
    struct slice name;
    struct val element;
    bool empty = true;
    while (bson_next(&it, &name, &element)) {
        offer_val(best, element);
        empty = false;
    }
    if (empty) {
        struct buf *to = candidate(best);
        component_put_empty_array(to, best->descending);
        offer(best, to);
    }
    return true;
}

// false: the component is above bound (n = 0: none), and is not there.
static bool put_term(const struct sort_term *term, const struct doc *doc, struct slice bound,
                     struct buf *scratch, struct buf *out) {
    struct best best = {.out = out,
                        .start = out->n,
                        .descending = term->descending,
                        .scratch = scratch,
                        .bound = term->descending ? slice_of(NULL, 0) : bound};
    bool missing = false;
    doc_reach(doc, &term->path, offer_each, &best, &missing);
    if (missing || !(best.any || best.passed)) offer_val(&best, val_null());
    return best.any;
}

nacre_status sort_key_below(struct ctx *ctx, const struct sort_spec *spec, const struct doc *doc,
                            struct slice id_key, struct sort_limit *limit, struct buf *out) {
    struct buf scratch BUF_CLEANUP = {0};
    struct slice bound = limit ? limit->bound : slice_of(NULL, 0);
    size_t start = out->n;
    bool below = true;
    buf_init(&scratch, NULL, 2 * DOC_BYTES_MAX);
    for (uint32_t i = 0; i < spec->count && below; i++) {
        struct slice here = i ? slice_of(NULL, 0) : bound; // later terms may be above it
        below = put_term(&spec->terms[i], doc, here, &scratch, out);
        if (below && bound.n) below = slice_cmp(slice_skip(buf_slice(out), start), bound) < 0;
    }
    buf_put_slice(out, id_key);
    if (limit) limit->below = below;
    return buf_status(&scratch) != NACRE_OK || buf_status(out) != NACRE_OK ? err_nomem(ctx)
                                                                           : NACRE_OK;
}

nacre_status sort_key(struct ctx *ctx, const struct sort_spec *spec, const struct doc *doc,
                      struct slice id_key, struct buf *out) {
    return sort_key_below(ctx, spec, doc, id_key, NULL, out);
}
