#include "support/model_index.h"

#include "base/err/check.h"

// Where the first array on the way of a path lies, in parts; 0 = nowhere.
static uint32_t array_depth(const struct naive *v, const char *path) {
    uint32_t depth = 0;
    while (path && v && v->kind == NAIVE_OBJECT) {
        const char *end = strchr(path, '.');
        struct slice name = end ? slice_of(path, (size_t)(end - path)) : slice_str(path);
        v = naive_field(v, name);
        path = end ? end + 1 : NULL;
        depth++;
        if (v && v->kind == NAIVE_ARRAY) return depth;
    }
    return 0;
}

static size_t prefix_size(const char *path, uint32_t parts) {
    size_t n = 0;
    while (path[n] && (path[n] != '.' || --parts))
        n++;
    return n;
}

static bool same_parts(const char *a, const char *b, uint32_t parts) {
    return slice_eq(slice_of(a, prefix_size(a, parts)), slice_of(b, prefix_size(b, parts)));
}

static bool covers(const struct model_index *index, const struct naive *root) {
    return !index->where || naive_holds(index->where, root);
}

// Two fields that are arrays, unless it is one and the same; in a unique index not even then.
static bool has_parallel_arrays(const struct model_index *index, const struct naive *root) {
    const char *first = NULL;
    uint32_t depth = 0;
    for (uint32_t i = 0; i < index->field_count; i++) {
        uint32_t d = array_depth(root, index->paths[i]);
        if (!d) continue;
        if (first && (index->unique || d != depth || !same_parts(first, index->paths[i], d)))
            return true;
        if (!first) {
            first = index->paths[i];
            depth = d;
        }
    }
    return false;
}

struct values { // of one field; all must be there to collide
    const struct naive *items[256];
    uint32_t count;
};

static void values_of(const struct naive *root, const char *path, struct values *out) {
    struct naive_found found;
    out->count = 0;
    naive_reach(root, path, &found);
    for (uint32_t i = 0; i < found.count; i++) {
        const struct naive *v = found.items[i];
        uint32_t n = v->kind == NAIVE_ARRAY ? v->count : 1;
        for (uint32_t k = 0; k < n; k++) {
            const struct naive *one = v->kind == NAIVE_ARRAY ? v->kids[k] : v;
            CHECK(out->count < 256);
            if (one->kind > NAIVE_NULL) out->items[out->count++] = one;
        }
    }
}

static bool share_value(const struct naive *a, const struct naive *b, const char *path) {
    struct values va, vb;
    bool any = false;
    values_of(a, path, &va);
    values_of(b, path, &vb);
    for (uint32_t i = 0; i < va.count; i++)
        for (uint32_t k = 0; k < vb.count; k++)
            any |= naive_cmp(va.items[i], vb.items[k]) == 0;
    return any;
}

// At most one field is an array, so combinations collide if each field does.
static bool collide(const struct model_index *index, const struct naive *a, const struct naive *b) {
    if (!covers(index, a) || !covers(index, b)) return false;
    for (uint32_t i = 0; i < index->field_count; i++)
        if (!share_value(a, b, index->paths[i])) return false;
    return true;
}

static bool collides(const struct model_collection *c, const struct model_index *index,
                     const struct model_doc *doc) {
    for (uint32_t i = 0; i < c->count; i++) {
        const struct model_doc *other = c->docs[i];
        if (!other->live || model_id_eq(&other->id, &doc->id)) continue;
        if (collide(index, doc->tree, other->tree)) return true;
    }
    return false;
}

// The document was stored before the index was made, and the build has not come to it.
static bool was_misfit(const struct model_collection *c, const struct model_index *index,
                       const struct model_doc *doc) {
    const struct model_doc *old = model_find(c, &doc->id);
    return index->state == MODEL_BUILDING && old && old->live && covers(index, old->tree) &&
           has_parallel_arrays(index, old->tree);
}

struct model_verdict model_index_verdict(const struct model_collection *c,
                                         const struct model_doc *doc) {
    struct model_verdict verdict = {NACRE_OK, false};
    for (uint32_t i = 0; i < c->index_count; i++) {
        const struct model_index *index = &c->indexes[i];
        if (!index->unique || index->state == MODEL_FAILED || !covers(index, doc->tree)) continue;
        bool misfit = has_parallel_arrays(index, doc->tree);
        if (misfit && was_misfit(c, index, doc)) continue;
        if (misfit) return (struct model_verdict){NACRE_INVALID_ARGUMENT, verdict.maybe};
        if (!collides(c, index, doc)) continue;
        if (index->state == MODEL_READY)
            return (struct model_verdict){NACRE_UNIQUE_VIOLATION, verdict.maybe};
        verdict.maybe = true;
    }
    for (uint32_t i = 0; i < c->index_count; i++) {
        const struct model_index *index = &c->indexes[i];
        if (index->unique || index->state == MODEL_FAILED || !covers(index, doc->tree)) continue;
        if (has_parallel_arrays(index, doc->tree) && !was_misfit(c, index, doc))
            verdict.status = NACRE_INVALID_ARGUMENT;
    }
    return verdict;
}

bool model_index_fits(const struct model_collection *c, const struct model_index *index) {
    for (uint32_t i = 0; i < c->count; i++) {
        const struct model_doc *doc = c->docs[i];
        if (!doc->live || !covers(index, doc->tree)) continue;
        if (has_parallel_arrays(index, doc->tree)) return false;
        if (index->unique && collides(c, index, doc)) return false;
    }
    return true;
}

void model_index_note(struct model_collection *c, const struct model_doc *doc) {
    for (uint32_t i = 0; i < c->index_count; i++) {
        struct model_index *index = &c->indexes[i];
        if (index->state != MODEL_BUILDING || !covers(index, doc->tree)) continue;
        index->may_fail |=
            has_parallel_arrays(index, doc->tree) || (index->unique && collides(c, index, doc));
    }
}
