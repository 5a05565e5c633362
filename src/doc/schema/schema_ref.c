// References: from the text of a $ref or $dynamicRef to the subschema it names.
#include "doc/schema/schema_impl.h"

// Where a JSON Pointer leads, step by step.
struct pointer_walk {
    struct val v;
    struct slice rest;                // what follows
    struct slice since;               // the part of the pointer after the last known place
    const struct schema_place *place; // the last subschema on the way; NULL: none yet
};

// The next part, unescaped into room (as long as the pointer).
static struct slice pointer_part(struct slice *rest, uint8_t *room) {
    size_t n = 0, i = 1;
    for (; i < rest->n && rest->p[i] != '/'; i++) {
        bool escape = rest->p[i] == '~' && i + 1 < rest->n;
        if (escape) i++;
        room[n++] = !escape ? rest->p[i] : rest->p[i] == '1' ? '/' : '~';
    }
    *rest = slice_skip(*rest, i);
    return slice_of(room, n);
}

// False: it leads nowhere.
static bool pointer_follow(const struct schema_compiler *c, struct pointer_walk *w, uint8_t *room) {
    for (;;) {
        const struct schema_place *place = NULL;
        if (w->v.type == VAL_OBJECT) place = schema_place_at(c, w->v);
        if (place) {
            w->place = place;
            w->since = w->rest;
        }
        if (w->rest.n == 0) return w->v.type == VAL_OBJECT || w->v.type == VAL_BOOL;
        if (w->v.type != VAL_OBJECT && w->v.type != VAL_ARRAY) return false;
        struct slice part = pointer_part(&w->rest, room);
        w->v = bson_find(val_slice(w->v), part); // elements have their index as a name
    }
}

static nacre_status ref_pointer(struct schema_compiler *c, struct schema_resource *resource,
                                struct slice fragment, struct val *out) {
    struct pointer_walk w = {.v = resource->root, .rest = fragment};
    uint8_t *room = arena_alloc(&c->ctx->arena, fragment.n + 1);
    if (!room) return err_nomem(c->ctx);
    *out = val_missing();
    if (!pointer_follow(c, &w, room)) return NACRE_OK;
    // A place that no keyword of the draft makes a subschema: the reference does.
    struct schema_place at = {.parent = w.place, .keyword = w.since, .schema = w.v, .raw = true};
    if (w.place) TRY(schema_walk(c, &at, w.place->resource));
    *out = w.v;
    return NACRE_OK;
}

static const struct schema_anchor *ref_anchor(const struct schema_anchor *list, struct slice name) {
    while (list && !slice_eq(list->name, name))
        list = list->next;
    return list;
}

static nacre_status ref_fragment(struct schema_compiler *c, struct schema_resource *resource,
                                 struct slice fragment, struct slice *out_anchor, struct val *out) {
    *out = val_missing();
    if (fragment.n == 0) {
        *out = resource->root;
        return NACRE_OK;
    }
    if (fragment.p[0] == '/') return ref_pointer(c, resource, fragment, out);
    const struct schema_anchor *a = ref_anchor(resource->anchors, fragment);
    const struct schema_anchor *dynamic = ref_anchor(resource->dynamic, fragment);
    if (dynamic) *out_anchor = dynamic->name;
    if (!a) a = dynamic;
    if (a) *out = a->schema;
    return NACRE_OK;
}

nacre_status schema_ref_resolve(struct schema_compiler *c, const struct schema_place *p,
                                struct slice keyword, struct val ref, struct slice *out_anchor,
                                struct val *out) {
    struct slice uri, fragment;
    struct schema_resource *resource = NULL;
    *out_anchor = (struct slice){0};
    if (ref.type != VAL_STRING) return schema_refuse(c, p, keyword, "a URI reference", ref);
    if (!schema_uri_resolve(&c->ctx->arena, p->resource->uri, val_slice(ref), &uri, &fragment))
        return err_nomem(c->ctx);
    TRY(schema_load_uri(c, uri, &resource));
    if (!resource)
        return schema_refuse(c, p, keyword,
                             "a reference into this schema or to the metaschema of draft 2020-12",
                             ref);
    TRY(ref_fragment(c, resource, fragment, out_anchor, out));
    if (out->type == VAL_MISSING)
        return schema_refuse(c, p, keyword, "a reference to a schema that is there", ref);
    return NACRE_OK;
}
