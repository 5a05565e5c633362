// COMMAND_CHUNK: a part of a change of all that match a filter. The record of its idempotency key
// holds how far the whole has come, written in the chunk's own batch: a chunk that comes again
// after a crash, or from a second hand, finds that it was done and is answered with where to go on.
#include "txn/apply.h"

static bool is_passed_over(nacre_status status) {
    return status == NACRE_CONDITION_FAILED || status == NACRE_DOCUMENT_NOT_FOUND;
}

static nacre_status run_op(struct txn *t, const struct write_op *op, uint64_t *changed) {
    struct apply_change change;
    struct op_result ignored;
    nacre_status status = apply_op_check(t, op, &change);
    if (is_passed_over(status)) {
        err_clear(&t->ctx);
        return NACRE_OK;
    }
    if (status == NACRE_OK) status = apply_op_run(t, op, &change, &ignored);
    if (status == NACRE_OK) ++*changed;
    return status;
}

static nacre_status run_ops(struct txn *t, const struct command_chunk *c, struct result *out,
                            uint64_t *changed) {
    if (c->op_count > 1) t->use_overlay = true;
    for (uint32_t i = 0; i < c->op_count; i++) {
        out->failed_op = i;
        TRY(run_op(t, &c->ops[i], changed));
    }
    out->failed_op = 0;
    return NACRE_OK;
}

nacre_status apply_chunk(struct txn *t, const struct command_chunk *c, struct result *out) {
    struct op_result progress = {.id_key = c->after};
    bool known;
    TRY(apply_replay(t, &c->idempotency, out, &known));
    if (known && (!(out->flags & RESULT_PARTIAL) || out->count != 1)) return NACRE_OK;
    if (known && !slice_eq(out->ops[0].id_key, c->after)) return NACRE_OK; // it is further
    if (!known && c->after.n)
        return err_set(&t->ctx, NACRE_CONFLICT,
                       "how far the change has come is not known any more: it is kept for a day");
    if (known) progress = out->ops[0];
    *out = (struct result){0};
    TRY(run_ops(t, c, out, &progress.version));
    progress.begin_ts += c->found;
    if (c->op_count) progress.id_key = c->ops[c->op_count - 1].id_key;
    if (!c->last) out->flags |= RESULT_PARTIAL;
    TRY(apply_result_one(t, out, &progress));
    return apply_remember_anew(t, &c->idempotency, out);
}
