// COMMAND_WRITE: one or many operations on documents, each seeing those before it.
#include "txn/apply.h"

#include <stdio.h>

#include "base/bits/bits.h"

static nacre_status version_mismatch(struct txn *t, const struct apply_doc *doc,
                                     const char *wanted) {
    struct err *err = &t->ctx.err;
    if (doc->live)
        err_set(&t->ctx, NACRE_VERSION_MISMATCH, "expected %s; the document has version %llu",
                wanted, (unsigned long long)doc->row.version);
    else
        err_set(&t->ctx, NACRE_VERSION_MISMATCH, "expected %s; the document is not there", wanted);
    err_version(&t->ctx, doc->live ? doc->row.version : 0);
    return err->status;
}

static nacre_status check_versions(struct txn *t, const struct write_op *op,
                                   const struct apply_doc *doc) {
    char wanted[64];
    if (doc->live)
        for (size_t i = 0; i + 8 <= op->versions.n; i += 8)
            if (bits_le64(op->versions.p + i) == doc->row.version) return NACRE_OK;
    buf_reset(&t->scratch);
    if (bits_le64(op->versions.p) == UINT64_MAX)
        buf_put_str(&t->scratch, "another version");
    else
        buf_printf(&t->scratch, "version %llu%s", (unsigned long long)bits_le64(op->versions.p),
                   op->versions.n > 8 ? " (or another of the list)" : "");
    size_t n = t->scratch.n < sizeof wanted - 1 ? t->scratch.n : sizeof wanted - 1;
    memcpy(wanted, t->scratch.p, n);
    wanted[n] = 0;
    return version_mismatch(t, doc, wanted);
}

static nacre_status parse_condition(struct txn *t, struct slice bson, struct filter **out) {
    if (t->parsed_of.p != bson.p || t->parsed_of.n != bson.n) {
        TRY(filter_parse(&t->ctx, bson, NULL, &t->parsed));
        t->parsed_of = bson;
    }
    *out = t->parsed;
    return NACRE_OK;
}

static nacre_status check_filter(struct txn *t, const struct write_op *op,
                                 const struct apply_doc *doc) {
    bool match = false;
    if (doc->live) {
        struct filter *filter;
        struct doc_sys sys;
        struct doc view;
        TRY(parse_condition(t, op->filter, &filter));
        row_doc(&doc->row, (int64_t)apply_now_ms(t), &sys, &view);
        TRY(filter_eval(&t->ctx, filter, &view, &match));
    }
    if (match) return NACRE_OK;
    nacre_status status =
        err_set(&t->ctx, NACRE_CONDITION_FAILED,
                doc->live ? "the document does not match the condition"
                          : "the document is not there, so it cannot match the condition");
    err_version(&t->ctx, doc->live ? doc->row.version : 0);
    return status;
}

// Names of system fields and their stored values are short.
static nacre_status refuse_sys(struct txn *t, struct slice name, struct val stored,
                               struct val given) {
    char pointer[32], expected[96] = "no such member", got[96];
    bool text = given.type == VAL_STRING;
    nacre_status status =
        err_set(&t->ctx, NACRE_INVALID_ARGUMENT,
                "%.*s is kept by the database: leave it out, or give it as it is stored",
                (int)name.n, (const char *)name.p);
    snprintf(pointer, sizeof pointer, "/%.*s", (int)name.n, (const char *)name.p);
    if (stored.type == VAL_STRING)
        snprintf(expected, sizeof expected, "\"%.*s\", or no such member", (int)stored.n,
                 (const char *)stored.p);
    snprintf(got, sizeof got, text ? "\"%.*s\"" : "%.*s",
             text && given.n > 40 ? 40
             : text               ? (int)given.n
                                  : 40,
             text ? (const char *)given.p : val_type_name(given.type));
    err_expected(&t->ctx, pointer, expected, got);
    return status;
}

// System fields in a body are accepted only as they are stored, so that what was read can be
// written back.
static nacre_status check_sys(struct txn *t, const struct write_op *op,
                              const struct apply_doc *doc) {
    struct doc_sys sys = {0};
    struct doc view = {.sys = &sys};
    if (doc->live) row_doc(&doc->row, (int64_t)apply_now_ms(t), &sys, &view);
    view.body = view.footer = slice_of(NULL, 0);
    struct bson_iter it = bson_iter_of(op->sys);
    struct slice name;
    struct val given;
    while (bson_next(&it, &name, &given)) {
        struct path path;
        uint8_t scratch[64];
        TRY(path_parse(&t->ctx, name, &path));
        struct val stored = doc->live ? doc_get(&view, &path, scratch) : val_missing();
        if (stored.type == VAL_STRING && val_eq(stored, given)) continue;
        return refuse_sys(t, name, stored, given);
    }
    return NACRE_OK;
}

static bool token_is_current(const struct txn *t, const struct apply_doc *doc,
                             const uint8_t token[ROW_LEASE_TOKEN_SIZE]) {
    const struct row *row = &doc->row;
    return doc->live && (row->flags & ROW_LEASE) && row->lease.until_ms > apply_now_ms(t) &&
           memcmp(row->lease.token, token, ROW_LEASE_TOKEN_SIZE) == 0;
}

static nacre_status check_presence(struct txn *t, const struct write_op *op,
                                   const struct apply_doc *doc) {
    if (!doc->live && op->kind >= WRITE_PATCH)
        return err_set(&t->ctx, NACRE_DOCUMENT_NOT_FOUND, "the document is not there");
    if (doc->live && op->kind == WRITE_INSERT) {
        nacre_status status =
            err_set(&t->ctx, NACRE_ALREADY_EXISTS, "a document with this id is already there");
        err_hint(&t->ctx, "use put to replace it, or another id");
        err_version(&t->ctx, doc->row.version);
        return status;
    }
    if (doc->live && (op->flags & WRITE_IF_ABSENT)) return version_mismatch(t, doc, "no document");
    if (!doc->live && (op->flags & WRITE_IF_PRESENT)) return version_mismatch(t, doc, "a document");
    return NACRE_OK;
}

static nacre_status check_conditions(struct txn *t, const struct write_op *op,
                                     const struct apply_doc *doc) {
    TRY(check_presence(t, op, doc));
    if (op->flags & WRITE_IF_VERSIONS) TRY(check_versions(t, op, doc));
    if ((op->flags & WRITE_LEASE) && !token_is_current(t, doc, op->token))
        return err_set(&t->ctx, NACRE_LEASE_LOST, "the lease token is not current");
    if (op->kind >= WRITE_CLAIM) TRY(apply_lease_check(t, op, doc));
    if (op->flags & WRITE_IF_FILTER) TRY(check_filter(t, op, doc));
    if (op->flags & WRITE_SYS) TRY(check_sys(t, op, doc));
    return NACRE_OK;
}

// Lease and, for patches, expiry stay as they were.
static void carry_over(const struct write_op *op, const struct apply_change *c, struct row *after) {
    if (!c->before.live) return;
    if (c->before.row.flags & ROW_LEASE) {
        after->flags |= ROW_LEASE;
        after->lease = c->before.row.lease;
    }
    if (op->kind == WRITE_PATCH && (c->before.row.flags & ROW_EXPIRY)) {
        after->flags |= ROW_EXPIRY;
        after->expires_ms = c->before.row.expires_ms;
    }
}

static void set_expiry(const struct txn *t, const struct write_op *op,
                       const struct collection *collection, struct row *after) {
    uint64_t ttl_ms = op->kind == WRITE_PATCH ? 0 : collection->ttl_seconds * 1000;
    if (op->flags & WRITE_TTL) {
        after->flags &= (uint8_t)~ROW_EXPIRY;
        ttl_ms = op->ttl_ms;
    }
    if (!ttl_ms) return;
    after->flags |= ROW_EXPIRY;
    after->expires_ms = (int64_t)(apply_now_ms(t) + ttl_ms);
}

static nacre_status new_body(struct txn *t, const struct write_op *op, const struct apply_doc *doc,
                             struct slice *out) {
    if (op->kind != WRITE_PATCH) {
        *out = op->body;
        return NACRE_OK;
    }
    struct patch patch = {.kind = op->patch_kind};
    if (op->patch_kind == PATCH_JSON)
        TRY(patch_of_ops(&t->ctx, op->body, &patch));
    else if (op->patch_kind == PATCH_OPERATORS)
        TRY(patch_of_object(&t->ctx, op->body, &patch));
    else
        TRY(patch_of_merge(&t->ctx, op->body, &patch));
    buf_reset(&t->body);
    nacre_status status =
        patch_apply(&t->ctx, &patch, doc->row.body, (int64_t)apply_now_ms(t), &t->body);
    if (status == NACRE_CONDITION_FAILED) err_version(&t->ctx, doc->row.version); // a JSON Patch's
    TRY(status);
    *out = buf_slice(&t->body);
    return NACRE_OK;
}

nacre_status apply_op_check(struct txn *t, const struct write_op *op, struct apply_change *c) {
    *c = (struct apply_change){.id_key = op->id_key, .remove = op->kind == WRITE_DELETE};
    TRY(apply_collection(t, op->tablet, &c->collection));
    TRY(apply_read(t, op->tablet, op->id_key, &c->before));
    return check_conditions(t, op, &c->before);
}

static nacre_status carry_out(struct txn *t, const struct write_op *op, struct apply_change *c) {
    if (op->flags & WRITE_SCHEMA) c->checked = op->schema_epoch;
    if (op->kind >= WRITE_CLAIM) return apply_lease_run(t, op, c);
    if (!c->remove) {
        TRY(new_body(t, op, &c->before, &c->after.body));
        carry_over(op, c, &c->after);
        set_expiry(t, op, c->collection, &c->after);
    }
    return apply_change(t, c);
}

nacre_status apply_op_run(struct txn *t, const struct write_op *op, struct apply_change *c,
                          struct op_result *out) {
    TRY(carry_out(t, op, c));
    out->flags = !c->before.live && !c->remove ? RESULT_CREATED : 0;
    out->version = c->remove ? c->before.row.version : c->version;
    out->begin_ts = t->commit_ts;
    if (op->flags & WRITE_WANT_ROW) out->row = c->after_row;
    return NACRE_OK;
}

static nacre_status run_op(struct txn *t, const struct write_op *op, struct op_result *out) {
    struct apply_change c;
    *out = (struct op_result){.id_key = op->id_key};
    TRY(apply_op_check(t, op, &c));
    if (op->kind != WRITE_GET) return apply_op_run(t, op, &c, out);
    out->version = c.before.row.version;
    out->begin_ts = c.before.row.begin_ts;
    out->row = c.before.bytes;
    return NACRE_OK;
}

static nacre_status keep_error(struct txn *t, nacre_status status, struct op_result *out) {
    buf_reset(&t->scratch);
    result_error_put(&t->scratch, &t->ctx.err);
    const uint8_t *p = arena_copy(&t->ctx.arena, t->scratch.p, t->scratch.n);
    if (!p) return err_nomem(&t->ctx);
    out->status = status;
    out->flags = 0;
    out->row = slice_of(NULL, 0);
    out->version = t->ctx.err.has_current_version ? t->ctx.err.current_version : 0;
    out->error = slice_of(p, t->scratch.n);
    return NACRE_OK;
}

nacre_status apply_write(struct txn *t, const struct command_write *c, struct result *out) {
    bool replayed;
    TRY(apply_replay(t, &c->idempotency, out, &replayed));
    if (replayed) return NACRE_OK;
    out->ops = ARENA_ARRAY(&t->ctx.arena, struct op_result, c->count + 1u);
    if (!out->ops) return err_nomem(&t->ctx);
    out->count = c->count;
    if (c->count > 1) t->use_overlay = true;
    for (uint32_t i = 0; i < c->count; i++) {
        struct apply_mark mark = apply_mark(t);
        nacre_status status = run_op(t, &c->ops[i], &out->ops[i]);
        if (status == NACRE_OK) continue;
        out->failed_op = i;
        if (c->atomic || !apply_is_result(status)) return status;
        apply_rollback(t, mark);
        TRY(keep_error(t, status, &out->ops[i]));
    }
    if (!c->count) return NACRE_OK; // it asked for a record, and there is none
    return apply_remember(t, &c->idempotency, out);
}

nacre_status apply_result_one(struct txn *t, struct result *out, const struct op_result *op) {
    out->ops = ARENA_NEW(&t->ctx.arena, struct op_result);
    if (!out->ops) return err_nomem(&t->ctx);
    out->ops[0] = *op;
    out->count = 1;
    return NACRE_OK;
}
