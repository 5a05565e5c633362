// The components of one field in one document, by MongoDB's multikey rule.
#include "index/component.h"

#include <stdlib.h>
#include <string.h>

struct component_reach {
    struct ctx *ctx;
    struct component_list *list;
    struct buf *scratch;
    bool descending;
    nacre_status status;
};

static nacre_status component_room(struct ctx *ctx, struct component_list *list) {
    if (list->count < list->cap) return NACRE_OK;
    uint32_t cap = list->cap ? list->cap * 4 : 4;
    struct component *items = arena_alloc(&ctx->arena, cap * sizeof *items);
    if (!items) return err_nomem(ctx);
    if (list->count) memcpy(items, list->items, list->count * sizeof *items);
    list->items = items;
    list->cap = cap;
    return NACRE_OK;
}

// scratch holds the encoding.
static nacre_status component_add(struct component_reach *r, enum key_type_bits bits,
                                  bool is_null) {
    if (buf_status(r->scratch) != NACRE_OK) return err_buf(r->ctx, r->scratch);
    TRY(component_room(r->ctx, r->list));
    const uint8_t *p = arena_copy(&r->ctx->arena, r->scratch->p, r->scratch->n);
    if (!p) return err_nomem(r->ctx);
    r->list->items[r->list->count++] = (struct component){
        .bytes = slice_of(p, r->scratch->n), .type_bits = (uint8_t)bits, .is_null = is_null};
    return NACRE_OK;
}

static nacre_status component_add_val(struct component_reach *r, struct val v) {
    buf_reset(r->scratch);
    enum key_type_bits bits = key_put_cut(r->scratch, v, r->descending);
    return component_add(r, bits, val_is_nullish(v));
}

static nacre_status component_add_elements(struct component_reach *r, struct val array) {
    struct bson_iter it = bson_iter_of_val(array);
    struct slice name;
    struct val element;
    bool empty = true;
    for (; bson_next(&it, &name, &element); empty = false)
        TRY(component_add_val(r, element));
    if (!empty) return NACRE_OK;
    buf_reset(r->scratch);
    component_put_empty_array(r->scratch, r->descending);
    return component_add(r, KEY_TB_PLAIN, true);
}

static bool component_each(void *arg, struct val v) {
    struct component_reach *r = arg;
    r->status = v.type == VAL_ARRAY ? component_add_elements(r, v) : component_add_val(r, v);
    return r->status == NACRE_OK;
}

// The value at the path if no array lies before its end; else *depth tells where the first one
// does.
static struct val component_walk(const struct doc *doc, const struct path *path, uint32_t *depth) {
    uint8_t scratch[64];
    struct path part = *path;
    struct val v = val_missing();
    *depth = 0;
    for (uint32_t n = 1; n <= path->count; n++) {
        part.count = n;
        part.hash = n == 1 ? path->parts[0].hash : path->hash; // the hash covers two parts at most
        v = doc_get(doc, &part, scratch);
        if (v.type == VAL_ARRAY) *depth = n;
        if (v.type != VAL_OBJECT) return n == path->count ? v : val_missing();
    }
    return v;
}

// Equal bytes with other type bits (1 and 1.0 in one array) give one entry. The largest bits win,
// so that a cut value stays one that is re-checked, whatever the order of the array was.
static int component_cmp(const void *a, const void *b) {
    const struct component *x = a, *y = b;
    int c = slice_cmp(x->bytes, y->bytes);
    return c ? c : (int)y->type_bits - (int)x->type_bits;
}

static void component_sort(struct component_list *list) {
    uint32_t kept = 0;
    if (list->count < 2) return;
    qsort(list->items, list->count, sizeof *list->items, component_cmp);
    for (uint32_t i = 1; i < list->count; i++)
        if (!slice_eq(list->items[kept].bytes, list->items[i].bytes))
            list->items[++kept] = list->items[i];
    list->count = kept + 1;
}

static nacre_status component_collect(struct component_reach *r, const struct doc *doc,
                                      const struct path *path) {
    struct val v = component_walk(doc, path, &r->list->array_depth);
    if (r->list->array_depth == 0) return component_add_val(r, v);
    if (r->list->array_depth == path->count) return component_add_elements(r, v);
    bool missing = false;
    doc_reach(doc, path, component_each, r, &missing);
    TRY(r->status);
    return missing ? component_add_val(r, val_null()) : NACRE_OK;
}

nacre_status component_list_of(struct ctx *ctx, const struct index_field *field,
                               const struct doc *doc, struct component_list *out) {
    uint8_t room[2 * KEY_COMPONENT_MAX];
    struct buf scratch = {.p = room, .cap = sizeof room, .max = sizeof room};
    struct component_list list = {0};
    struct component_reach reach = {
        .ctx = ctx, .list = &list, .scratch = &scratch, .descending = field->descending};
    TRY(component_collect(&reach, doc, &field->path));
    component_sort(&list);
    *out = list;
    return NACRE_OK;
}
