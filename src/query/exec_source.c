// Documents of a path, one after the other, and those of them that match.
#include "catalog/keyspace.h"
#include "index/entry.h"
#include "query/exec.h"

enum { SOURCE_CHECK = 256, SOURCE_BATCH_LEAST = 8, SOURCE_BATCH_FIRST = 64 };

static nacre_status check_now_and_then(struct ctx *ctx, struct query *q) {
    if (++q->steps % SOURCE_CHECK) return NACRE_OK;
    if (ctx->watch) atomic_store_explicit(&ctx->watch->examined, q->examined, memory_order_relaxed);
    return ctx_check(ctx);
}

// How many documents the next batch has: what is still wanted, by the luck so far.
static uint32_t batch_size(const struct query *q) {
    uint32_t limit = q->request.limit;
    uint64_t looked = q->examined + q->told_rows;
    uint64_t want = looked ? FETCH_MAX : SOURCE_BATCH_FIRST;
    if (limit != QUERY_UNLIMITED && !q->one_run) {
        want = (uint64_t)q->skip + limit - q->returned + 1;
        if (q->matched)
            want = want * looked / q->matched;
        else if (looked)
            want = FETCH_MAX;
    }
    if (want < SOURCE_BATCH_LEAST) want = SOURCE_BATCH_LEAST;
    return want > FETCH_MAX ? FETCH_MAX : (uint32_t)want;
}

static nacre_status note_run(struct ctx *ctx, struct query *q, struct slice components,
                             uint64_t *out) {
    *out = q->one_run;
    if (q->one_run || q->options.any_order) return NACRE_OK;
    struct slice run = scan_run(q->plan, components);
    if (run.n == 0) return NACRE_OK;
    if (q->run == 0 || !slice_eq(run, buf_slice(&q->run_key))) {
        q->run++;
        buf_reset(&q->run_key);
        buf_put_slice(&q->run_key, run);
        if (buf_status(&q->run_key) != NACRE_OK) return err_buf(ctx, &q->run_key);
    }
    *out = q->run;
    return NACRE_OK;
}

static nacre_status add_entry(struct ctx *ctx, struct query *q, bool *found) {
    struct slice components, id_key;
    uint64_t run;
    TRY(scan_next(ctx, &q->scan, found));
    if (!*found) return NACRE_OK;
    if (q->options.counts && q->scan.told) {
        q->told++;
        return check_now_and_then(ctx, q);
    }
    TRY(index_key_split(ctx, q->plan->index, q->scan.key, &components, &id_key));
    if (q->tells) {
        bool told = q->scan.cover && q->scan.told;
        if (!q->scan.cover)
            TRY(cover_tell(ctx, &q->cover, components, id_key, q->scan.iter->value, &told));
        if (told) return fetch_add_told(ctx, &q->fetch, id_key, buf_slice(&q->cover.bson));
    }
    TRY(note_run(ctx, q, components, &run));
    if (q->repeats) TRY(exec_keep_entry(ctx, q, components));
    return fetch_add(ctx, &q->fetch, id_key, run);
}

static nacre_status add_id(struct ctx *ctx, struct query *q, bool *found) {
    struct slice id_key;
    *found = gather_next(&q->gather, &id_key);
    if (!*found) return NACRE_OK;
    if (!q->plan->index && !q->plan->join) q->stats.keys_examined++;
    return fetch_add(ctx, &q->fetch, id_key, q->one_run);
}

static nacre_status fill(struct ctx *ctx, struct query *q) {
    uint32_t size = batch_size(q);
    uint64_t clock = exec_clock(ctx, q);
    bool found = true;
    fetch_reset(&q->fetch);
    while (found && q->fetch.count < size)
        TRY(q->source == EXEC_ENTRIES ? add_entry(ctx, q, &found) : add_id(ctx, q, &found));
    exec_spent(ctx, q, EXEC_ACCESS, clock);
    clock = exec_clock(ctx, q);
    TRY(fetch_load(ctx, &q->fetch));
    exec_spent(ctx, q, EXEC_FETCH, clock);
    return NACRE_OK;
}

static nacre_status next_fetched(struct ctx *ctx, struct query *q, struct query_row *out,
                                 uint64_t *run, bool *found) {
    *found = false;
    for (;;) {
        if (q->fetch.next == q->fetch.count) {
            TRY(fill(ctx, q));
            if (q->fetch.count == 0) return NACRE_OK;
        }
        TRY(fetch_next(ctx, &q->fetch, out, run, found));
        if (*found) return NACRE_OK;
        if (q->plan->by_keys)
            return err_set(ctx, NACRE_CORRUPT, "index \"%s\" names a document that is not there",
                           (q->plan->join ? q->plan->parts : q->plan)->index->name);
    }
}

static nacre_status next_document(struct ctx *ctx, struct query *q, struct query_row *out,
                                  bool *found) {
    for (;;) {
        TRY(check_now_and_then(ctx, q));
        TRY(scan_next(ctx, &q->scan, found));
        if (!*found) return NACRE_OK;
        struct slice key = q->scan.key;
        TRY(row_decode(ctx, keyspace_local(key), q->scan.iter->value, true, &out->row));
        out->id_key = slice_skip(key, KEYSPACE_PREFIX);
        if (!(out->row.flags & ROW_DELETED)) return NACRE_OK;
    }
}

static nacre_status next_any(struct ctx *ctx, struct query *q, struct query_row *out, uint64_t *run,
                             bool *found) {
    if (q->source != EXEC_DOCUMENTS) return next_fetched(ctx, q, out, run, found);
    uint64_t clock = exec_clock(ctx, q);
    *run = q->one_run;
    nacre_status status = next_document(ctx, q, out, found);
    exec_spent(ctx, q, EXEC_ACCESS, clock);
    return status;
}

static nacre_status matches(struct ctx *ctx, struct query *q, const struct query_row *row,
                            bool *out) {
    struct doc_sys sys;
    struct doc doc;
    *out = true;
    if (q->source != EXEC_DOCUMENTS && q->fetch.gave_told) { // the path has told that it does
        q->told_rows++;
        return NACRE_OK;
    }
    q->examined++;
    if (!q->request.filter) return NACRE_OK;
    uint64_t clock = exec_clock(ctx, q);
    row_doc(&row->row, q->request.now_ms, &sys, &doc);
    nacre_status status = filter_eval(ctx, q->request.filter, &doc, out);
    exec_spent(ctx, q, EXEC_FILTER, clock);
    return status;
}

nacre_status exec_match(struct ctx *ctx, struct query *q, struct query_row *out, uint64_t *run,
                        bool *found) {
    for (;;) {
        bool match;
        TRY(check_now_and_then(ctx, q));
        TRY(next_any(ctx, q, out, run, found));
        if (!*found) return NACRE_OK;
        TRY(matches(ctx, q, out, &match));
        if (match && q->repeats) TRY(exec_is_first(ctx, q, out, &match));
        if (!match) continue;
        q->matched++;
        return NACRE_OK;
    }
}
