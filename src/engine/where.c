#include "engine/where.h"

#include <stdio.h>

#include "base/bits/bits.h"
#include "doc/json.h"
#include "engine/internal.h"
#include "engine/where_search.h"

enum {
    CHUNK_DOCUMENTS = 1000,
    CHUNK_BYTES = 4 * 1024 * 1024,
    CHUNK_TRIES = 100,
    TRIES_UNTIL_SMALLER = 4,
    KEY_BYTES = 16
};

struct where {
    struct engine *e;
    const struct where_request *r;
    struct where_result *out;
    const struct filter *filter;
    struct write_op plain; // what is done to each, without its id
    uint32_t tablet;
    struct command_idempotency idempotency; // the caller's, or made up when there is a second chunk
    struct where_search search;
    struct buf after; // id of the last document of the chunks that are done
    bool finished;
};

// --- preparing --------------------------------------------------------------------------

static nacre_status parse_filter(struct ctx *ctx, const struct where_request *r,
                                 const struct filter **out) {
    struct filter *filter;
    nacre_status status = filter_parse_any(ctx, r->filter, &filter_regex_pcre2, &filter);
    if (status != NACRE_OK) err_parameter(ctx, "filter");
    *out = filter;
    return status;
}

static nacre_status prepare_plain(struct ctx *ctx, struct where *w) {
    struct write_item item = {.kind = w->r->kind, .body = w->r->body, .format = w->r->format};
    w->plain = (struct write_op){.kind = w->r->kind};
    TRY(parse_filter(ctx, w->r, &w->filter));
    if (filter_is_pure(w->filter)) {
        w->plain.filter = w->filter->canonical;
        w->plain.flags |= WRITE_IF_FILTER;
    }
    return item.kind == WRITE_PATCH ? prepare_patch_of_many(ctx, &item, &w->plain) : NACRE_OK;
}

static nacre_status find_scope(struct ctx *ctx, struct where *w, const struct idempotency *given) {
    return prepare_idempotency(ctx, given, w->r->kind == WRITE_PATCH ? "update" : "delete",
                               w->tablet, slice_of(NULL, 0), &w->idempotency);
}

static nacre_status make_key(struct ctx *ctx, struct where *w) {
    uint8_t bytes[KEY_BYTES];
    struct idempotency given = w->r->idempotency;
    world_random(w->e->world, bytes, sizeof bytes);
    size_t n = base64url_encode(bytes, sizeof bytes, w->out->key);
    w->out->key[n] = 0;
    given.key = slice_of(w->out->key, n);
    return find_scope(ctx, w, &given);
}

// The filter may be one that apply cannot run, the schema one whose patterns it cannot: then the
// document is looked at here, as it is now, and the operation is for that version only. *goes: it
// is there and matches.
static nacre_status look(struct ctx *ctx, struct where *w, const struct collection *collection,
                         struct write_op *op, bool *goes) {
    bool patterns = op->kind == WRITE_PATCH && prepare_has_patterns(collection);
    nacre_status status = NACRE_OK;
    if (patterns || !(op->flags & WRITE_IF_FILTER))
        status = prepare_impure(ctx, w->e, NULL, w->filter, op);
    bool gone = status == NACRE_CONDITION_FAILED;
    if (status == NACRE_OK && patterns)
        status = prepare_schema(ctx, w->e, NULL, collection, op, NULL);
    *goes = status == NACRE_OK;
    gone |= status == NACRE_DOCUMENT_NOT_FOUND;
    if (gone) err_clear(ctx);
    return gone ? NACRE_OK : status;
}

static nacre_status prepare_ops(struct ctx *ctx, struct where *w, const struct where_chunk *chunk,
                                const struct collection *collection, struct command_chunk *out,
                                uint32_t *failed) {
    out->ops = ARENA_ARRAY(&ctx->arena, struct write_op, chunk->count + 1u);
    if (!out->ops) return err_nomem(ctx);
    for (uint32_t i = 0; i < chunk->count; i++) {
        struct write_op *op = &out->ops[out->op_count];
        bool goes;
        *failed = i;
        *op = w->plain;
        op->tablet = w->tablet;
        op->id_key = chunk->ids[i];
        TRY(look(ctx, w, collection, op, &goes));
        if (!goes) continue;
        if (out->op_count && op->body.p == op[-1].body.p && op->body.n == op[-1].body.n)
            op->flags |= WRITE_AGAIN;
        out->op_count++;
    }
    return NACRE_OK;
}

// --- chunks -----------------------------------------------------------------------------

static bool is_about_document(nacre_status status) {
    return status == NACRE_INVALID_ARGUMENT || status == NACRE_UNIQUE_VIOLATION ||
           status == NACRE_SCHEMA_VIOLATION || status == NACRE_DOCUMENT_TOO_LARGE ||
           status == NACRE_QUOTA_EXCEEDED || status == NACRE_CONDITION_FAILED;
}

static void name_document(struct ctx *ctx, struct slice id_key) {
    struct buf text BUF_CLEANUP = {0};
    char detail[ERR_DETAIL_MAX];
    struct val id;
    struct err err = ctx->err;
    buf_init(&text, NULL, SIZE_MAX);
    bool read = key_decode(ctx, &id_key, false, KEY_TB_PLAIN, &id) == NACRE_OK;
    ctx->err = err;
    if (read) id_print(&text, id);
    if (!read || buf_status(&text) != NACRE_OK) return;
    snprintf(detail, sizeof detail, "document \"%.*s\": %.360s", text.n < 128 ? (int)text.n : 128,
             (const char *)text.p, err.detail);
    memcpy(ctx->err.detail, detail, sizeof detail);
}

static nacre_status submit(struct ctx *ctx, struct where *w, const struct where_chunk *chunk,
                           struct result *result) {
    struct command_chunk c = {.idempotency = w->idempotency,
                              .after = buf_slice(&w->after),
                              .last = chunk->last,
                              .found = chunk->count};
    struct buf payload BUF_CLEANUP = {0};
    static const struct command_idempotency none = {0}; // it is in flight for the whole call
    struct engine_command command = {
        .type = COMMAND_CHUNK, .durability = w->r->durability, .tablet = w->tablet};
    uint32_t failed = 0;
    struct view *view = engine_view(w->e);
    const struct collection *collection = catalog_by_tablet(view->catalog, w->tablet);
    nacre_status status =
        collection ? prepare_ops(ctx, w, chunk, collection, &c, &failed)
                   : err_set(ctx, NACRE_COLLECTION_NOT_FOUND, "the collection was dropped");
    txn_view_release(view);
    bool prepared = status == NACRE_OK;
    if (prepared) {
        buf_init(&payload, &w->e->budget, COMMAND_BYTES_MAX);
        command_chunk_encode(&payload, &c);
        status = engine_submit_keyed(ctx, w->e, &command, &payload, &none, result);
        failed = result->failed_op;
    }
    if (!is_about_document(status)) return status;
    if (prepared && failed < c.op_count) name_document(ctx, c.ops[failed].id_key);
    if (!prepared && chunk->count) name_document(ctx, chunk->ids[failed]);
    return status;
}

// Somebody was faster, or the catalog is another one: the chunk is prepared anew, and made smaller
// when that goes on.
static nacre_status submit_patiently(struct ctx *ctx, struct where *w, struct where_chunk *chunk,
                                     struct result *result) {
    for (int i = 1;; i++) {
        uint64_t epoch = atomic_load(&w->e->catalog_epoch);
        *result = (struct result){0};
        nacre_status status = submit(ctx, w, chunk, result);
        bool again = status == NACRE_VERSION_MISMATCH ||
                     (status == NACRE_CONFLICT && atomic_load(&w->e->catalog_epoch) != epoch);
        if (!again || i == CHUNK_TRIES) return status;
        if (i % TRIES_UNTIL_SMALLER || chunk->count < 2 || w->r->atomic) continue;
        chunk->count /= 2;
        chunk->last = false;
        where_search_close(&w->search);
    }
}

static nacre_status take_answer(struct ctx *ctx, struct where *w, const struct result *result) {
    struct where_result *out = w->out;
    if (result->count != 1)
        return err_set(ctx, NACRE_CORRUPT, "what is known of this change is damaged");
    const struct op_result *progress = &result->ops[0];
    bool before = result->flags & RESULT_REPLAYED;
    out->matched = progress->begin_ts;
    out->changed = progress->version;
    out->seq = result->seq;
    out->commit_ts = result->commit_ts;
    out->generation = result->generation;
    out->replayed = before && !(result->flags & RESULT_PARTIAL);
    w->finished = !(result->flags & RESULT_PARTIAL);
    if (before) where_search_close(&w->search); // goes on elsewhere
    buf_reset(&w->after);
    buf_put_slice(&w->after, progress->id_key);
    return buf_status(&w->after) == NACRE_OK ? NACRE_OK : err_nomem(ctx);
}

static nacre_status too_large(struct ctx *ctx) {
    nacre_status status = err_set(ctx, NACRE_TRANSACTION_TOO_LARGE,
                                  "more than %d documents or %d bytes of them match, too many to "
                                  "be changed at once",
                                  TRANSACTION_OPS_MAX, COMMAND_BYTES_MAX);
    err_hint(ctx, "leave out atomic: it is done in chunks");
    return status;
}

static nacre_status open_search(struct ctx *ctx, struct where *w) {
    struct query_target target = {
        .view = engine_view(w->e), .cache = w->e->cache, .spill = engine_spill(w->e)};
    target.collection = catalog_by_tablet(target.view->catalog, w->tablet);
    if (target.collection)
        return where_search_open(ctx, &w->search, &target, w->filter, buf_slice(&w->after));
    txn_view_release(target.view);
    return err_set(ctx, NACRE_COLLECTION_NOT_FOUND, "the collection was dropped");
}

static nacre_status tell(struct ctx *ctx, struct where *w) {
    bool goes_on = !w->r->progress || w->r->progress(w->r->arg, w->out);
    if (goes_on || w->finished) return NACRE_OK;
    return err_set(ctx, NACRE_CANCELLED, "the change was cancelled between two chunks");
}

static nacre_status next_chunk(struct ctx *ctx, struct where *w) {
    const struct where_request *r = w->r;
    struct where_chunk chunk = {.max = r->atomic  ? TRANSACTION_OPS_MAX
                                       : r->chunk ? r->chunk
                                                  : CHUNK_DOCUMENTS,
                                .max_bytes = r->atomic ? COMMAND_BYTES_MAX : CHUNK_BYTES};
    struct result result;
    if (!w->search.query) TRY(open_search(ctx, w));
    TRY(where_search_next(ctx, &w->search, &chunk));
    if (r->atomic && !chunk.last) return too_large(ctx);
    if (!chunk.last && !w->idempotency.present) TRY(make_key(ctx, w));
    w->finished = true;
    if (!chunk.count && !w->idempotency.present) return NACRE_OK;
    TRY(submit_patiently(ctx, w, &chunk, &result));
    TRY(take_answer(ctx, w, &result));
    return tell(ctx, w);
}

static nacre_status run(struct ctx *ctx, struct where *w) {
    nacre_status status = NACRE_OK;
    struct arena_mark mark = arena_mark(&ctx->arena);
    while (status == NACRE_OK && !w->finished) {
        arena_rewind(&ctx->arena, mark);
        status = next_chunk(ctx, w);
    }
    where_search_close(&w->search);
    return status;
}

// --- in a transaction -------------------------------------------------------------------

static nacre_status write_chunk(struct ctx *ctx, struct where *w, const struct where_chunk *chunk) {
    const struct where_request *r = w->r;
    struct result result;
    struct write_request request = {
        .target = r->target, .atomic = true, .count = chunk->count, .durability = r->durability};
    request.items = ARENA_ARRAY(&ctx->arena, struct write_item, (size_t)chunk->count + 1);
    if (!request.items) return err_nomem(ctx);
    for (uint32_t i = 0; i < chunk->count; i++) {
        struct slice in = chunk->ids[i];
        request.items[i] =
            (struct write_item){.kind = r->kind, .body = r->body, .format = r->format};
        TRY(key_decode(ctx, &in, false, KEY_TB_PLAIN, &request.items[i].id));
    }
    nacre_status status = engine_tx_write(ctx, r->tx, &request, &result);
    if (is_about_document(status) && result.failed_op < chunk->count)
        name_document(ctx, chunk->ids[result.failed_op]);
    if (status == NACRE_OK) w->out->changed += chunk->count;
    return status;
}

static nacre_status next_in_tx(struct ctx *ctx, struct where *w, uint32_t documents) {
    const struct where_request *r = w->r;
    struct where_chunk chunk = {.max = documents, .max_bytes = COMMAND_BYTES_MAX};
    TRY(where_search_next(ctx, &w->search, &chunk));
    if (r->atomic && !chunk.last) {
        nacre_status status = err_set(ctx, NACRE_TRANSACTION_TOO_LARGE,
                                      "more than %u documents match, too many for one statement "
                                      "of a transaction",
                                      documents);
        err_hint(ctx, "leave out atomic: the transaction is all or nothing in any case");
        return status;
    }
    w->out->matched += chunk.count;
    w->finished = chunk.last;
    if (chunk.count) TRY(write_chunk(ctx, w, &chunk));
    return tell(ctx, w);
}

static nacre_status run_in_tx(struct ctx *ctx, struct where *w) {
    const struct where_request *r = w->r;
    struct engine_collection handle = {.target = r->target};
    struct query_target target = {.spill = engine_spill(w->e)};
    TRY(engine_tx_unkeyed(ctx, &r->idempotency));
    TRY(engine_tx_view(ctx, r->tx, &target.view, &target.cache));
    nacre_status status = engine_tx_resolve(ctx, r->tx, &handle);
    if (status != NACRE_OK) {
        txn_view_release(target.view);
        return status;
    }
    target.collection = catalog_by_tablet(target.view->catalog, handle.tablet);
    uint32_t documents = r->atomic ? WRITE_OPS_MAX : r->chunk ? r->chunk : CHUNK_DOCUMENTS;
    TRY(where_search_open(ctx, &w->search, &target, w->filter, slice_of(NULL, 0)));
    struct arena_mark mark = arena_mark(&ctx->arena);
    while (status == NACRE_OK && !w->finished) {
        arena_rewind(&ctx->arena, mark);
        status = next_in_tx(ctx, w, documents);
    }
    where_search_close(&w->search);
    return status;
}

// --- the call ---------------------------------------------------------------------------

static nacre_status where(struct ctx *ctx, struct where *w) {
    struct engine_collection handle = {0};
    TRY(engine_writable(ctx, w->e));
    TRY(prepare_plain(ctx, w));
    if (w->r->tx) return run_in_tx(ctx, w);
    TRY(engine_resolve(ctx, w->e, w->r->target, &handle));
    w->tablet = handle.tablet;
    TRY(find_scope(ctx, w, &w->r->idempotency));
    struct command_idempotency whole = w->idempotency;
    TRY(engine_inflight_begin(ctx, w->e, &whole));
    nacre_status status = run(ctx, w);
    engine_inflight_end(w->e, &whole);
    return status;
}

nacre_status engine_where(struct ctx *ctx, struct engine *e, const struct where_request *r,
                          struct where_result *out) {
    struct where w = {.e = e, .r = r, .out = out};
    *out = (struct where_result){0};
    buf_init(&w.after, NULL, SIZE_MAX);
    nacre_status status = where(ctx, &w);
    buf_free(&w.after);
    return engine_recorded(ctx, status);
}
