#include "support/model_write.h"

#include <string.h>

#include "base/err/check.h"
#include "support/model_schema.h"

static bool is_live(const struct model_doc *doc) { return doc && doc->live; }

static uint32_t live_count(const struct model_collection *c) {
    uint32_t live = 0;
    for (uint32_t i = 0; i < c->count; i++)
        live += c->docs[i]->live;
    return live;
}

static nacre_status may_store(const struct model_collection *c, const struct model_doc *old,
                              const struct model_doc *fresh, bool may_collide) {
    if (!fresh->live) return NACRE_OK;
    struct model_verdict verdict = model_index_verdict(c, fresh);
    if (verdict.maybe && may_collide) return NACRE_UNIQUE_VIOLATION;
    if (verdict.status != NACRE_OK) return verdict.status;
    bool full = c->quota_documents && !is_live(old) && live_count(c) >= c->quota_documents;
    return full ? NACRE_QUOTA_EXCEEDED : NACRE_OK;
}

// Stamps fresh and puts it in place; *out_old is what it replaced.
static nacre_status put_in_place(struct model *m, struct model_collection *c,
                                 struct model_doc *fresh, bool may_collide,
                                 struct model_doc **out_old) {
    struct model_doc *old = model_find(c, &fresh->id);
    nacre_status status = may_store(c, old, fresh, may_collide);
    if (status != NACRE_OK) return status;
    fresh->version = old ? old->version + 1 : 1;
    fresh->updated_ms = m->now_ms;
    fresh->created_ms = is_live(old) ? old->created_ms : m->now_ms;
    *out_old = model_swap(c, fresh);
    if (fresh->live) model_index_note(c, fresh);
    return NACRE_OK;
}

nacre_status model_store(struct model *m, struct model_collection *c, struct model_doc *fresh,
                         bool may_collide) {
    struct model_doc *old = NULL;
    nacre_status status = put_in_place(m, c, fresh, may_collide, &old);
    model_doc_free(status == NACRE_OK ? old : fresh);
    return status;
}

// --- conditions -------------------------------------------------------------------------

static bool version_fits(const struct model_op *op, const struct model_doc *doc) {
    bool listed = !op->version_count;
    for (uint32_t i = 0; i < op->version_count; i++)
        listed |= op->versions[i] == doc->version;
    return listed && (!op->body_version || op->body_version == doc->version);
}

static bool cond_fits(struct model *m, const struct model_op *op, const struct model_doc *doc) {
    return is_live(doc) && naive_holds(op->cond, model_root(m, doc));
}

static nacre_status presence(const struct model_op *op, bool live) {
    if (!live && op->kind >= WRITE_PATCH) return NACRE_DOCUMENT_NOT_FOUND;
    if (live && op->kind == WRITE_INSERT) return NACRE_ALREADY_EXISTS;
    if (live && op->if_absent) return NACRE_VERSION_MISMATCH;
    if (!live && op->if_present) return NACRE_VERSION_MISMATCH;
    return NACRE_OK;
}

static nacre_status conditions(struct model *m, const struct model_op *op,
                               const struct model_doc *doc) {
    bool live = is_live(doc);
    nacre_status status = presence(op, live);
    if (status != NACRE_OK) return status;
    if ((op->version_count || op->body_version) && (!live || !version_fits(op, doc)))
        return NACRE_VERSION_MISMATCH;
    if (op->fenced && !(live && model_lease_lives(m, doc) &&
                        memcmp(doc->lease.token, op->token, sizeof op->token) == 0))
        return NACRE_LEASE_LOST;
    if (op->cond && !cond_fits(m, op, doc)) return NACRE_CONDITION_FAILED;
    bool times_fit = op->times == MODEL_TIMES_NONE || (op->times == MODEL_TIMES_RIGHT && live);
    return times_fit ? NACRE_OK : NACRE_INVALID_ARGUMENT;
}

// What is decided before the write gets its place among the others.
static nacre_status early_conditions(struct model *m, const struct model_op *op,
                                     const struct model_doc *doc) {
    if (!op->cond_has_regex) return NACRE_OK;
    if (!is_live(doc) && op->kind >= WRITE_PATCH) return NACRE_DOCUMENT_NOT_FOUND;
    return cond_fits(m, op, doc) ? NACRE_OK : NACRE_CONDITION_FAILED;
}

// --- bodies -----------------------------------------------------------------------------

static nacre_status patched(struct model *m, const struct model_op *op, const struct model_doc *doc,
                            struct buf *out) {
    struct patch patch;
    struct slice bson = model_json(m, op->patch);
    nacre_status status = op->patch_kind == PATCH_JSON    ? patch_of_ops(&m->ctx, bson, &patch)
                          : op->patch_kind == PATCH_MERGE ? patch_of_merge(&m->ctx, bson, &patch)
                                                          : patch_of_object(&m->ctx, bson, &patch);
    if (status != NACRE_OK) return status;
    return patch_apply(&m->ctx, &patch, doc->body, (int64_t)m->now_ms, out);
}

// A document given as a whole, as it is stored.
static nacre_status given_body(struct model *m, const struct model_collection *c,
                               const struct model_op *op, struct buf *out) {
    struct buf json BUF_CLEANUP = {0};
    if (op->kind > WRITE_INSERT) return NACRE_OK;
    buf_init(&json, NULL, SIZE_MAX);
    buf_put_str(&json, "{\"_id\":");
    model_id_json(&json, &op->id);
    buf_printf(&json, "%s%s}", op->fields[0] ? "," : "", op->fields);
    buf_put_u8(&json, 0);
    buf_put_slice(out, model_json(m, (const char *)json.p));
    return model_schema_fit(m, c, slice_of(NULL, 0), out);
}

static void carry_over(const struct model *m, const struct model_collection *c,
                       const struct model_op *op, const struct model_doc *old,
                       struct model_doc *fresh) {
    bool patch = op->kind == WRITE_PATCH;
    uint64_t ttl = patch ? 0 : c->ttl_seconds;
    if (!fresh->live) return;
    if (is_live(old) && old->lease.there) model_doc_lease(fresh, &old->lease);
    if (patch) fresh->expires_ms = old->expires_ms;
    if (op->has_ttl) {
        ttl = op->ttl_seconds;
        fresh->expires_ms = 0;
    }
    if (ttl) fresh->expires_ms = m->now_ms + ttl * 1000;
}

// --- operations -------------------------------------------------------------------------

static nacre_status run(struct model *m, struct model_collection *c, struct model_op *op,
                        struct model_doc **out_old) {
    struct buf body BUF_CLEANUP = {0};
    struct model_doc *doc = model_find(c, &op->id);
    buf_init(&body, NULL, SIZE_MAX);
    nacre_status status = early_conditions(m, op, doc);
    if (status == NACRE_OK) status = given_body(m, c, op, &body);
    if (status == NACRE_OK) status = conditions(m, op, doc);
    if (status != NACRE_OK) return status;
    op->version = doc ? doc->version : 0;
    if (op->kind == WRITE_GET) return NACRE_OK;
    if (op->kind == WRITE_PATCH) {
        status = patched(m, op, doc, &body);
        if (status == NACRE_OK) status = model_schema_fit(m, c, doc->body, &body);
        if (status != NACRE_OK) return status;
    }
    struct model_doc *fresh = model_doc_new(&op->id, buf_slice(&body));
    carry_over(m, c, op, doc, fresh);
    op->created = fresh->live && !is_live(doc);
    status = put_in_place(m, c, fresh, op->answered == NACRE_UNIQUE_VIOLATION, out_old);
    if (fresh->live) op->version = fresh->version; // a delete tells of what it deleted
    if (status != NACRE_OK) model_doc_free(fresh);
    return status;
}

void model_write_one(struct model *m, struct model_collection *c, struct model_op *op) {
    struct model_doc *old = NULL;
    op->status = run(m, c, op, &old);
    model_doc_free(old);
}

// Documents given as a whole are looked at before anything is done.
static nacre_status refuse_given(struct model *m, const struct model_collection *c,
                                 const struct model_op *ops, uint32_t count, uint32_t *failed_op) {
    nacre_status status = NACRE_OK;
    for (uint32_t i = 0; i < count && status == NACRE_OK; i++) {
        struct buf body BUF_CLEANUP = {0};
        buf_init(&body, NULL, SIZE_MAX);
        status = given_body(m, c, &ops[i], &body);
        *failed_op = i;
    }
    return status;
}

nacre_status model_write_batch(struct model *m, struct model_collection *c, struct model_op *ops,
                               uint32_t count, bool atomic, uint32_t *failed_op) {
    nacre_status status = refuse_given(m, c, ops, count, failed_op);
    if (status != NACRE_OK) return status;
    struct model_doc **old = mem_zalloc((count + 1) * sizeof *old);
    uint32_t done = 0;
    CHECK(old != NULL);
    for (; done < count && status == NACRE_OK; done++) {
        ops[done].status = run(m, c, &ops[done], &old[done]);
        if (!atomic || ops[done].status == NACRE_OK) continue;
        status = ops[done].status;
        *failed_op = done;
    }
    for (uint32_t i = done; status != NACRE_OK && i-- > 0;) { // take it all back, newest first
        if (ops[i].status != NACRE_OK || ops[i].kind == WRITE_GET) continue;
        if (old[i])
            model_doc_free(model_swap(c, old[i]));
        else
            model_forget(c, &ops[i].id);
    }
    for (uint32_t i = 0; status == NACRE_OK && i < done; i++)
        model_doc_free(old[i]);
    mem_free(old);
    return status;
}
