#include "support/model_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err/check.h"
#include "base/text/time.h"
#include "doc/json.h"
#include "support/model_schema.h"

void model_init(struct model *m) {
    static const char *const names[MODEL_COLLECTIONS][2] = {
        {"main", "c0"}, {"main", "c1"}, {"main", "c2"}, {"side", "d0"}};
    *m = (struct model){0};
    ctx_init(&m->ctx, &world_system, NULL, SIZE_MAX);
    arena_init(&m->scratch, NULL, SIZE_MAX);
    for (int i = 0; i < MODEL_COLLECTIONS; i++) {
        m->collections[i].database = names[i][0];
        m->collections[i].name = names[i][1];
    }
}

void model_begin(struct model *m, uint64_t now_ms) {
    arena_reset(&m->scratch);
    ctx_reset(&m->ctx);
    m->now_ms = now_ms;
}

void model_drop(struct model_collection *c) {
    for (uint32_t i = 0; i < c->count; i++)
        model_doc_free(c->docs[i]);
    for (uint32_t i = 0; i < c->index_count; i++)
        arena_free(&c->indexes[i].arena);
    free(c->docs);
    model_schema_free(c->schema);
    model_schema_free(c->next_schema);
    *c = (struct model_collection){.database = c->database, .name = c->name};
}

void model_free(struct model *m) {
    for (int i = 0; i < MODEL_COLLECTIONS; i++)
        model_drop(&m->collections[i]);
    arena_free(&m->scratch);
    ctx_free(&m->ctx);
}

void model_history(const struct model *m, struct model_collection *c, uint64_t seconds) {
    if (!seconds)
        c->history_from_ms = 0;
    else if (!c->history_seconds)
        c->history_from_ms = m->now_ms;
    c->history_seconds = seconds;
}

// --- ids --------------------------------------------------------------------------------

bool model_id_eq(const struct model_id *a, const struct model_id *b) {
    return model_id_cmp(a, b) == 0;
}

int model_id_cmp(const struct model_id *a, const struct model_id *b) {
    if (a->is_int != b->is_int) return a->is_int ? -1 : 1;
    if (a->is_int) return (a->number > b->number) - (a->number < b->number);
    return strcmp(a->text, b->text);
}

struct val model_id_val(const struct model_id *id) {
    return id->is_int ? val_int(id->number) : val_str(slice_str(id->text));
}

void model_id_json(struct buf *out, const struct model_id *id) {
    if (id->is_int)
        buf_printf(out, "%lld", (long long)id->number);
    else
        buf_printf(out, "\"%s\"", id->text);
}

struct model_id model_id_of(struct val v) {
    struct model_id id = {.is_int = v.type == VAL_INT};
    if (id.is_int) {
        id.number = v.i;
        return id;
    }
    CHECK(v.type == VAL_STRING && v.n < sizeof id.text);
    memcpy(id.text, v.p, v.n);
    return id;
}

// --- documents --------------------------------------------------------------------------

static uint32_t place(const struct model_collection *c, const struct model_id *id) {
    uint32_t i = 0;
    while (i < c->count && !model_id_eq(&c->docs[i]->id, id))
        i++;
    return i;
}

struct model_doc *model_find(const struct model_collection *c, const struct model_id *id) {
    uint32_t i = place(c, id);
    return i < c->count ? c->docs[i] : NULL;
}

struct model_doc *model_swap(struct model_collection *c, struct model_doc *fresh) {
    uint32_t i = place(c, &fresh->id);
    struct model_doc *old = i < c->count ? c->docs[i] : NULL;
    if (c->count == c->cap) {
        c->cap = c->cap ? c->cap * 2 : 64;
        c->docs = realloc(c->docs, c->cap * sizeof(struct model_doc *));
        CHECK(c->docs != NULL);
    }
    if (!old) c->count++;
    c->docs[i] = fresh;
    return old;
}

void model_forget(struct model_collection *c, const struct model_id *id) {
    uint32_t i = place(c, id);
    CHECK(i < c->count);
    model_doc_free(c->docs[i]);
    c->docs[i] = c->docs[--c->count];
}

static struct slice keep(struct arena *arena, struct slice s) {
    if (!s.n) return s;
    void *p = arena_copy(arena, s.p, s.n);
    CHECK(p != NULL);
    return slice_of(p, s.n);
}

struct model_doc *model_doc_new(const struct model_id *id, struct slice body) {
    struct model_doc *doc = calloc(1, sizeof *doc);
    CHECK(doc != NULL);
    doc->id = *id;
    doc->live = body.n > 0;
    arena_init(&doc->arena, NULL, SIZE_MAX);
    doc->body = keep(&doc->arena, body);
    if (doc->live) doc->tree = naive_of_bson(&doc->arena, doc->body);
    return doc;
}

void model_doc_lease(struct model_doc *doc, const struct model_lease *lease) {
    doc->lease = *lease;
    doc->lease.set = keep(&doc->arena, lease->set);
    doc->lease.body_before = keep(&doc->arena, lease->body_before);
    doc->lease.body_after = keep(&doc->arena, lease->body_after);
    doc->lease.on_expire = keep(&doc->arena, lease->on_expire);
}

void model_doc_free(struct model_doc *doc) {
    if (!doc) return;
    arena_free(&doc->arena);
    free(doc);
}

void model_copy(struct model_collection *out, const struct model_collection *c) {
    *out = *c;
    out->index_count = out->record_count = 0;
    out->count = out->cap = 0;
    out->docs = NULL;
    out->schema = out->next_schema = NULL;
    for (uint32_t i = 0; i < c->count; i++) {
        const struct model_doc *doc = c->docs[i];
        struct model_doc *copy = model_doc_new(&doc->id, doc->live ? doc->body : slice_of(NULL, 0));
        copy->version = doc->version;
        copy->created_ms = doc->created_ms;
        copy->updated_ms = doc->updated_ms;
        copy->expires_ms = doc->expires_ms;
        model_doc_lease(copy, &doc->lease);
        CHECK(model_swap(out, copy) == NULL);
    }
}

// --- as readers see it ------------------------------------------------------------------

struct slice model_json(struct model *m, const char *json) {
    struct buf out BUF_CLEANUP = {0};
    struct json_options options = {.allow_dollar_names = true};
    buf_init(&out, NULL, SIZE_MAX);
    nacre_status status = json_parse(&m->ctx, slice_str(json), &options, &out);
    if (status != NACRE_OK) fprintf(stderr, "%s: %s\n", json, m->ctx.err.detail);
    CHECK(status == NACRE_OK);
    return keep(&m->scratch, buf_slice(&out));
}

static void add_time(struct model *m, struct naive *parent, const char *name, uint64_t ms) {
    char text[TIME_TEXT_MAX + 1];
    text[time_print((int64_t)ms, text)] = 0;
    naive_add(&m->scratch, parent, slice_str(name), naive_text(&m->scratch, text));
}

const struct naive *model_root(struct model *m, const struct model_doc *doc) {
    struct naive *root = naive_new(&m->scratch, NAIVE_OBJECT);
    for (uint32_t i = 0; i < doc->tree->count; i++)
        naive_add(&m->scratch, root, doc->tree->names[i], doc->tree->kids[i]);
    naive_add(&m->scratch, root, SLICE_LIT("_version"),
              naive_int(&m->scratch, (int64_t)doc->version));
    add_time(m, root, "_created", doc->created_ms);
    add_time(m, root, "_updated", doc->updated_ms);
    if (doc->expires_ms) add_time(m, root, "_expires", doc->expires_ms);
    if (!model_lease_lives(m, doc)) return root;
    struct naive *lease = naive_new(&m->scratch, NAIVE_OBJECT);
    add_time(m, lease, "until", doc->lease.until_ms);
    if (doc->lease.holder)
        naive_add(&m->scratch, lease, SLICE_LIT("holder"),
                  naive_text(&m->scratch, doc->lease.holder));
    naive_add(&m->scratch, root, SLICE_LIT("_lease"), lease);
    return root;
}
