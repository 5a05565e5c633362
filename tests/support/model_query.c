#include "support/model_query.h"

#include <stdlib.h>

#include "base/err/check.h"

struct candidate {
    struct model_doc *doc;
    struct naive_sort_value by[MODEL_FIELDS_MAX];
};

static int cmp_candidates(const void *a, const void *b, void *arg) {
    const struct candidate *x = a, *y = b;
    const struct model_order *order = arg;
    for (uint32_t i = 0; i < order->count; i++) {
        int c = naive_sort_cmp(x->by[i], y->by[i]);
        if (c) return order->descending[i] ? -c : c;
    }
    return model_id_cmp(&x->doc->id, &y->doc->id);
}

static uint32_t collect(struct model *m, const struct model_collection *c,
                        const struct naive_cond *cond, const struct model_order *order,
                        bool unleased, struct candidate *out) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < c->count; i++) {
        struct model_doc *doc = c->docs[i];
        if (!doc->live || (unleased && doc->lease.there)) continue;
        const struct naive *root = model_root(m, doc);
        if (cond && !naive_holds(cond, root)) continue;
        out[count].doc = doc;
        for (uint32_t k = 0; k < order->count; k++)
            out[count].by[k] = naive_sort_value(root, order->paths[k], order->descending[k]);
        count++;
    }
    return count;
}

void model_select(struct model *m, const struct model_collection *c, const struct naive_cond *cond,
                  const struct model_order *order, bool unleased, struct model_rows *out) {
    struct model_order sorted = order ? *order : (struct model_order){0};
    struct candidate *all = ARENA_ARRAY(&m->scratch, struct candidate, c->count + 1u);
    out->docs = ARENA_ARRAY(&m->scratch, struct model_doc *, c->count + 1u);
    CHECK(all && out->docs);
    out->count = collect(m, c, cond, &sorted, unleased, all);
    qsort_r(all, out->count, sizeof *all, cmp_candidates, &sorted);
    for (uint32_t i = 0; i < out->count; i++)
        out->docs[i] = all[i].doc;
}

// --- projections ------------------------------------------------------------------------

struct wish { // the paths asked for, cut to where the walk stands; NULL entries do not count
    const char *paths[8];
    uint32_t count;
};

// The rest of path after its first part if that is name; "" if name was all of it; NULL else.
static const char *after(const char *path, struct slice name) {
    if (!path || strncmp(path, (const char *)name.p, name.n) != 0) return NULL;
    if (path[name.n] == 0) return "";
    return path[name.n] == '.' ? path + name.n + 1 : NULL;
}

// *whole: the value as it is. False: nothing of it was asked for.
static bool step(const struct wish *wish, struct slice name, struct wish *out, bool *whole) {
    out->count = 0;
    *whole = false;
    for (uint32_t i = 0; i < wish->count; i++) {
        const char *rest = after(wish->paths[i], name);
        if (!rest) continue;
        *whole |= !*rest;
        out->paths[out->count++] = rest;
    }
    return out->count > 0;
}

static void project(struct buf *out, const struct naive *v, const struct wish *wish);

static void project_field(struct buf *out, const struct naive *object, uint32_t i,
                          const struct wish *wish, bool *any) {
    struct wish inner;
    bool whole;
    const struct naive *kid = object->kids[i];
    if (!step(wish, object->names[i], &inner, &whole)) return;
    if (!whole && kid->kind != NAIVE_OBJECT && kid->kind != NAIVE_ARRAY) return;
    if (*any) buf_put_u8(out, ',');
    *any = true;
    buf_printf(out, "\"%.*s\":", (int)object->names[i].n, (const char *)object->names[i].p);
    if (whole)
        naive_print(out, kid);
    else
        project(out, kid, &inner);
}

// Objects on the way are kept with what is asked of them, arrays with their objects. No path here
// has an index.
static void project(struct buf *out, const struct naive *v, const struct wish *wish) {
    bool any = false, object = v->kind == NAIVE_OBJECT;
    buf_put_u8(out, object ? '{' : '[');
    for (uint32_t i = 0; i < v->count; i++) {
        if (object) {
            project_field(out, v, i, wish, &any);
        } else if (v->kids[i]->kind == NAIVE_OBJECT) {
            if (any) buf_put_u8(out, ',');
            any = true;
            project(out, v->kids[i], wish);
        }
    }
    buf_put_u8(out, object ? '}' : ']');
}

void model_present(struct model *m, struct buf *out, const struct model_doc *doc,
                   const char *const *fields, uint32_t count) {
    const struct naive *root = model_root(m, doc);
    struct wish wish = {.paths = {"_id"}, .count = 1};
    CHECK(count < 8);
    for (uint32_t i = 0; i < count; i++)
        wish.paths[wish.count++] = fields[i];
    if (count)
        project(out, root, &wish);
    else
        naive_print(out, root);
}
