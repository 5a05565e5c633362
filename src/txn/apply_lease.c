// Operations on leases of one document: what they ask of it, and the row they make.
#include "txn/apply.h"
#include "txn/lease.h"

nacre_status apply_lease_check(struct txn *t, const struct write_op *op,
                               const struct apply_doc *doc) {
    const struct row *row = &doc->row;
    bool leased = row->flags & ROW_LEASE;
    if (op->kind == WRITE_CLAIM && leased)
        return err_set(&t->ctx, NACRE_CONFLICT, "somebody else has claimed the document");
    bool ends = leased && row->lease.until_ms <= apply_now_ms(t) &&
                memcmp(row->lease.token, op->token, sizeof op->token) == 0;
    if (op->kind == WRITE_LEASE_END && !ends)
        return err_set(&t->ctx, NACRE_CONDITION_FAILED, "this lease has not ended");
    return NACRE_OK;
}

static void keep_expiry(const struct row *before, struct row *after) {
    if (!(before->flags & ROW_EXPIRY)) return;
    after->flags |= ROW_EXPIRY;
    after->expires_ms = before->expires_ms;
}

static nacre_status claim(struct txn *t, const struct write_op *op, const struct write_lease *lease,
                          struct apply_change *c) {
    const struct row *before = &c->before.row;
    struct row *after = &c->after;
    struct buf undo BUF_CLEANUP = {0};
    bool changed = false;
    buf_reset(&t->body);
    after->body = op->body.n ? op->body : before->body;
    if (!op->body.n)
        TRY(lease_set_body(&t->ctx, lease->set, before->body, (int64_t)apply_now_ms(t), &t->body,
                           &changed));
    if (changed) after->body = buf_slice(&t->body);
    TRY(apply_schema(t, c)); // what it fills in stands in what the claim has written
    c->checked = c->collection->schema_epoch;
    buf_init(&undo, NULL, DOC_BYTES_MAX);
    if (lease->set.n) TRY(lease_undo_record(&t->ctx, before->body, after->body, lease->set, &undo));
    after->flags |= ROW_LEASE;
    after->lease = (struct row_lease){.until_ms = apply_now_ms(t) + lease->lease_ms,
                                      .holder = lease->holder,
                                      .undo = buf_slice(&undo),
                                      .on_expire = lease->on_expire};
    memcpy(after->lease.token, op->token, sizeof op->token);
    return apply_change(t, c); // which copies undo
}

static nacre_status release(struct txn *t, const struct write_op *op,
                            const struct write_lease *lease, struct apply_change *c) {
    const struct row *before = &c->before.row;
    bool changed = false;
    buf_reset(&t->body);
    c->after.body = op->body.n ? op->body : before->body;
    if (!op->body.n)
        TRY(lease_release_body(&t->ctx, before, lease->set, (int64_t)apply_now_ms(t), &t->body,
                               &changed));
    if (changed) c->after.body = buf_slice(&t->body);
    return apply_change(t, c);
}

static nacre_status extend(struct txn *t, const struct write_lease *lease, struct apply_change *c) {
    c->after.body = c->before.row.body;
    c->after.flags |= ROW_LEASE;
    c->after.lease = c->before.row.lease;
    c->after.lease.until_ms = apply_now_ms(t) + lease->lease_ms;
    return apply_change(t, c);
}

nacre_status apply_lease_run(struct txn *t, const struct write_op *op, struct apply_change *c) {
    struct write_lease lease = {0};
    if (op->kind == WRITE_LEASE_END)
        return apply_lease_end(t, c, op->body.n ? op->body : c->before.row.body);
    if (!lease_decode(op->lease, &lease))
        return err_set(&t->ctx, NACRE_CORRUPT, "a logged operation on a lease is malformed");
    keep_expiry(&c->before.row, &c->after);
    if (op->kind == WRITE_CLAIM) return claim(t, op, &lease, c);
    return op->kind == WRITE_RELEASE ? release(t, op, &lease, c) : extend(t, &lease, c);
}

nacre_status apply_lease_end(struct txn *t, struct apply_change *c, struct slice body) {
    struct apply_mark mark = apply_mark(t);
    keep_expiry(&c->before.row, &c->after);
    struct apply_change plain = *c;
    c->after.body = body;
    nacre_status status = apply_change(t, c);
    if (status == NACRE_OK || !apply_is_result(status)) return status;
    // What comes back collides with a unique index or a quota, or does not fit the schema: the
    // document keeps its fields and loses the lease.
    apply_rollback(t, mark);
    plain.after.body = plain.before.row.body;
    plain.checked = 0;
    nacre_status plainly = apply_change(t, &plain);
    *c = plain;
    return plainly;
}
