#include "support/model_lease.h"

#include <stdlib.h>
#include <string.h>

#include "base/err/check.h"
#include "doc/path.h"
#include "support/model_schema.h"

enum { DAY_MS = 24 * 3600 * 1000, BSON_EMPTY = 5 };

// {"$set":…} of {path: value}.
static struct slice set_patch(struct model *m, const char *set) {
    struct buf json BUF_CLEANUP = {0};
    buf_init(&json, NULL, SIZE_MAX);
    buf_printf(&json, "{\"$set\":%s}", set);
    buf_put_u8(&json, 0);
    return model_json(m, (const char *)json.p);
}

static nacre_status apply_object(struct model *m, struct slice bson, struct slice body,
                                 struct buf *out) {
    struct patch patch;
    nacre_status status = patch_of_object(&m->ctx, bson, &patch);
    return status == NACRE_OK ? patch_apply(&m->ctx, &patch, body, (int64_t)m->now_ms, out)
                              : status;
}

struct model_doc *model_claim_choose(struct model *m, const struct model_collection *c,
                                     const struct model_claim *claim) {
    struct model_rows rows;
    model_select(m, c, claim->cond, &claim->order, true, &rows);
    return rows.count ? rows.docs[0] : NULL;
}

nacre_status model_claim_take(struct model *m, struct model_collection *c, struct model_doc *doc,
                              const struct model_claim *claim) {
    struct buf body BUF_CLEANUP = {0};
    struct model_lease lease = {.there = true,
                                .until_ms = m->now_ms + claim->lease_ms,
                                .holder = claim->holder,
                                .body_before = doc->body};
    nacre_status status = NACRE_OK;
    buf_init(&body, NULL, SIZE_MAX);
    if (claim->set) {
        lease.set = set_patch(m, claim->set);
        status = apply_object(m, lease.set, doc->body, &body);
        if (status == NACRE_OK) status = model_schema_fit(m, c, doc->body, &body);
    } else {
        buf_put_slice(&body, doc->body);
    }
    if (status != NACRE_OK) return status;
    if (claim->on_expire) lease.on_expire = model_json(m, claim->on_expire);
    lease.body_after = buf_slice(&body);
    memcpy(lease.token, claim->token, sizeof lease.token);
    struct model_doc *fresh = model_doc_new(&doc->id, buf_slice(&body));
    fresh->expires_ms = doc->expires_ms;
    model_doc_lease(fresh, &lease);
    return model_store(m, c, fresh, claim->answered == NACRE_UNIQUE_VIOLATION);
}

// --- taking back what a claim has set ---------------------------------------------------

static struct val at(struct model *m, struct slice body, struct slice name) {
    struct path path;
    uint8_t scratch[64];
    struct doc doc = {.body = body};
    CHECK(path_parse(&m->ctx, name, &path) == NACRE_OK);
    return doc_get(&doc, &path, scratch);
}

// Every field still holds what the claim wrote.
static bool untouched(struct model *m, const struct model_lease *lease, struct slice body) {
    struct bson_iter it = bson_iter_of(val_slice(bson_find(lease->set, SLICE_LIT("$set"))));
    struct slice name;
    struct val v;
    bool all = true;
    while (bson_next(&it, &name, &v))
        all &= val_identical(at(m, body, name), at(m, lease->body_after, name));
    return all;
}

static nacre_status give_back_field(struct model *m, const struct model_lease *lease,
                                    struct slice name, struct buf *body) {
    struct buf ops BUF_CLEANUP = {0}, next BUF_CLEANUP = {0};
    struct bson_writer w;
    struct val old = at(m, lease->body_before, name);
    buf_init(&ops, NULL, SIZE_MAX);
    buf_init(&next, NULL, SIZE_MAX);
    bson_begin(&w, &ops);
    bson_open_object(&w, slice_str(old.type == VAL_MISSING ? "$unset" : "$set"));
    bson_put(&w, name, old.type == VAL_MISSING ? val_bool(true) : old);
    bson_close(&w);
    bson_end(&w);
    nacre_status status = apply_object(m, buf_slice(&ops), buf_slice(body), &next);
    buf_reset(body);
    buf_put_slice(body, buf_slice(&next));
    return status;
}

// The first parts of a dotted path.
static struct slice leading(struct slice name, size_t parts) {
    for (size_t i = 0; i < name.n; i++)
        if (name.p[i] == '.' && --parts == 0) return slice_of(name.p, i);
    return name;
}

// Objects that the claim made on the way to a field go with it once nothing is in them.
static nacre_status give_back_parents(struct model *m, const struct model_lease *lease,
                                      struct slice name, struct buf *body) {
    size_t parts = 1;
    for (size_t i = 0; i < name.n; i++)
        parts += name.p[i] == '.';
    while (--parts) {
        struct slice parent = leading(name, parts);
        struct val v = at(m, buf_slice(body), parent);
        bool made = at(m, lease->body_before, parent).type == VAL_MISSING;
        bool in_object =
            parts == 1 || at(m, buf_slice(body), leading(name, parts - 1)).type == VAL_OBJECT;
        if (!made || v.type != VAL_OBJECT || v.n > BSON_EMPTY || !in_object) break;
        nacre_status status = give_back_field(m, lease, parent, body);
        if (status != NACRE_OK) return status;
    }
    return NACRE_OK;
}

// The body without what the claim has set, appended to out.
static nacre_status give_back(struct model *m, const struct model_doc *doc, struct buf *out) {
    struct slice name;
    struct val v;
    buf_put_slice(out, doc->body);
    if (!doc->lease.set.n || !untouched(m, &doc->lease, doc->body)) return NACRE_OK;
    struct val fields = bson_find(doc->lease.set, SLICE_LIT("$set"));
    for (int missing = 0; missing < 2; missing++) { // what was there first, as the engine does
        struct bson_iter it = bson_iter_of(val_slice(fields));
        while (bson_next(&it, &name, &v)) {
            bool was_missing = at(m, doc->lease.body_before, name).type == VAL_MISSING;
            nacre_status status =
                was_missing == missing ? give_back_field(m, &doc->lease, name, out) : NACRE_OK;
            if (status != NACRE_OK) return status;
        }
    }
    struct bson_iter it = bson_iter_of(val_slice(fields));
    while (bson_next(&it, &name, &v)) {
        nacre_status status = give_back_parents(m, &doc->lease, name, out);
        if (status != NACRE_OK) return status;
    }
    return NACRE_OK;
}

// --- release, extend --------------------------------------------------------------------

static nacre_status find_leased(struct model *m, const struct model_collection *c,
                                const struct model_id *id, const uint8_t *token,
                                struct model_doc **out) {
    *out = model_find(c, id);
    if (!*out || !(*out)->live) return NACRE_DOCUMENT_NOT_FOUND;
    bool mine =
        model_lease_lives(m, *out) && memcmp((*out)->lease.token, token, ROW_LEASE_TOKEN_SIZE) == 0;
    return mine ? NACRE_OK : NACRE_LEASE_LOST;
}

nacre_status model_release(struct model *m, struct model_collection *c, const struct model_id *id,
                           const uint8_t *token, const char *set, nacre_status answered) {
    struct buf body BUF_CLEANUP = {0};
    struct model_doc *doc;
    nacre_status status = find_leased(m, c, id, token, &doc);
    if (status != NACRE_OK) return status;
    buf_init(&body, NULL, SIZE_MAX);
    status = set ? apply_object(m, set_patch(m, set), doc->body, &body) : give_back(m, doc, &body);
    if (status == NACRE_OK) status = model_schema_fit(m, c, doc->body, &body);
    if (status != NACRE_OK) return status;
    struct model_doc *fresh = model_doc_new(id, buf_slice(&body));
    fresh->expires_ms = doc->expires_ms;
    return model_store(m, c, fresh, answered == NACRE_UNIQUE_VIOLATION);
}

nacre_status model_extend(struct model *m, struct model_collection *c, const struct model_id *id,
                          const uint8_t *token, uint64_t lease_ms) {
    struct model_doc *doc;
    nacre_status status = find_leased(m, c, id, token, &doc);
    if (status != NACRE_OK) return status;
    struct model_doc *fresh = model_doc_new(id, doc->body);
    fresh->expires_ms = doc->expires_ms;
    model_doc_lease(fresh, &doc->lease);
    fresh->lease.until_ms = m->now_ms + lease_ms;
    return model_store(m, c, fresh, false);
}

// --- the sweeper ------------------------------------------------------------------------

struct due {
    uint64_t ms;
    enum due_what what;
    struct model_id id;
};

static int cmp_dues(const void *a, const void *b) {
    const struct due *x = a, *y = b;
    if (x->ms != y->ms) return x->ms < y->ms ? -1 : 1;
    if (x->what != y->what) return (int)x->what - (int)y->what;
    return model_id_cmp(&x->id, &y->id);
}

static void end_lease(struct model *m, struct model_collection *c, struct model_doc *doc) {
    struct buf body BUF_CLEANUP = {0};
    struct model_id id = doc->id;
    buf_init(&body, NULL, SIZE_MAX);
    nacre_status status = doc->lease.on_expire.n
                              ? apply_object(m, doc->lease.on_expire, doc->body, &body)
                              : give_back(m, doc, &body);
    if (status == NACRE_OK) status = model_schema_fit(m, c, doc->body, &body);
    struct model_doc *plain = model_doc_new(&id, doc->body);
    struct model_doc *changed = status == NACRE_OK ? model_doc_new(&id, buf_slice(&body)) : NULL;
    plain->expires_ms = doc->expires_ms;
    if (changed) {
        changed->expires_ms = doc->expires_ms;
        bool maybe = model_index_verdict(c, changed).maybe;
        // The fields stay as they are if they cannot go back; the lease ends all the same.
        if (model_store(m, c, changed, maybe && !m->engine_has(m->arg, c, changed)) == NACRE_OK) {
            model_doc_free(plain);
            return;
        }
    }
    CHECK(model_store(m, c, plain, false) == NACRE_OK);
}

static void end_one(struct model *m, struct model_collection *c, const struct due *due) {
    struct model_doc *doc = model_find(c, &due->id);
    if (due->what == DUE_MARKER) {
        if (doc && !doc->live && doc->updated_ms + DAY_MS == due->ms) model_forget(c, &due->id);
    } else if (due->what == DUE_TTL) {
        if (doc && doc->live && doc->expires_ms == due->ms)
            CHECK(model_store(m, c, model_doc_new(&due->id, (struct slice){0}), false) == NACRE_OK);
    } else if (doc && doc->live && doc->lease.there && doc->lease.until_ms == due->ms) {
        end_lease(m, c, doc);
    }
}

static uint32_t sweep_records(struct model *m, struct model_collection *c) {
    uint32_t kept = 0, all = c->record_count;
    for (uint32_t i = 0; i < all; i++)
        if (c->records[i].due_ms > m->now_ms) c->records[kept++] = c->records[i];
    c->record_count = kept;
    return all - kept;
}

static uint32_t list_dues(const struct model *m, const struct model_collection *c,
                          struct due *out) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < c->count; i++) {
        const struct model_doc *doc = c->docs[i];
        if (!doc->live && doc->updated_ms + DAY_MS <= m->now_ms)
            out[n++] = (struct due){doc->updated_ms + DAY_MS, DUE_MARKER, doc->id};
        if (doc->live && doc->expires_ms && doc->expires_ms <= m->now_ms)
            out[n++] = (struct due){doc->expires_ms, DUE_TTL, doc->id};
        if (doc->live && doc->lease.there && doc->lease.until_ms <= m->now_ms)
            out[n++] = (struct due){doc->lease.until_ms, DUE_LEASE, doc->id};
    }
    return n;
}

uint32_t model_sweep(struct model *m, struct model_collection *c) {
    struct due *dues = ARENA_ARRAY(&m->scratch, struct due, 2 * (size_t)c->count + 1);
    CHECK(dues != NULL);
    uint32_t n = list_dues(m, c, dues);
    qsort(dues, n, sizeof *dues, cmp_dues);
    for (uint32_t i = 0; i < n; i++)
        end_one(m, c, &dues[i]);
    return n + sweep_records(m, c);
}
