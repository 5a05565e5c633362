// A change of the schema of a collection that holds documents: they are held against the next
// schema here, part by part, over views that know of it, and what is found is logged
// (txn/apply_schema.c). It is done by this program and not by apply, because patterns need a
// library; that is right all the same: what a view had and was not written since was looked at, and
// what was written since was checked when it was written.
#include <stdio.h>

#include "engine/internal.h"

enum { PART_DOCUMENTS = 2000, PART_BYTES = 8 * 1024 * 1024 };

struct part {
    struct engine *e;
    struct view *view;
    const struct collection *collection;
    struct buf after, last; // typed ids
    uint64_t documents;
    bool done;
    uint32_t offenders;
    struct err found;
};

// ctx->err is what was found at one document: its first place, with the document's id before it.
static nacre_status keep_offender(struct ctx *ctx, struct part *p, struct slice id_key) {
    struct buf id BUF_CLEANUP = {0};
    struct err_item *item = &p->found.items[p->found.item_count];
    struct err_item place = {0};
    struct val v;
    if (ctx->err.item_count) place = ctx->err.items[0];
    err_clear(ctx);
    p->offenders++;
    if (p->found.item_count == ERR_ITEMS_MAX) return NACRE_OK;
    TRY(key_decode(ctx, &id_key, false, KEY_TB_PLAIN, &v));
    buf_init(&id, NULL, SIZE_MAX);
    id_print(&id, v);
    TRY(buf_status(&id));
    *item = place;
    snprintf(item->pointer, sizeof item->pointer, "%.*s%.100s", id.n < 80 ? (int)id.n : 80,
             (const char *)id.p, place.pointer);
    p->found.item_count++;
    return NACRE_OK;
}

static nacre_status check_row(struct ctx *ctx, struct part *p, const struct kv_iter *it) {
    struct row row;
    TRY(row_decode(ctx, keyspace_local(it->key), it->value, true, &row));
    if (row.flags & ROW_DELETED) return NACRE_OK;
    p->documents++;
    struct val document = val_bytes(VAL_OBJECT, row.body);
    nacre_status status = schema_validate(ctx, p->collection->next_program, document);
    if (status != NACRE_SCHEMA_VIOLATION) return status;
    return keep_offender(ctx, p, slice_skip(it->key, KEYSPACE_PREFIX));
}

static nacre_status check_rows(struct ctx *ctx, struct part *p, struct kv_iter *it) {
    size_t bytes = 0;
    it->ops->seek_first(it);
    for (uint32_t n = 0; it->valid && n < PART_DOCUMENTS && bytes < PART_BYTES; n++) {
        struct arena_mark mark = arena_mark(&ctx->arena);
        bytes += it->value.n;
        TRY(check_row(ctx, p, it));
        arena_rewind(&ctx->arena, mark);
        buf_reset(&p->last);
        buf_put_slice(&p->last, slice_skip(it->key, KEYSPACE_PREFIX));
        it->ops->next(it);
    }
    p->done = !it->valid;
    TRY(buf_status(&p->last));
    return it->valid ? NACRE_OK : it->ops->status(it, ctx);
}

static nacre_status scan(struct ctx *ctx, struct part *p) {
    struct buf from BUF_CLEANUP = {0}, to BUF_CLEANUP = {0};
    struct kv *kv = p->view->kv;
    struct kv_iter *it;
    buf_init(&from, NULL, SIZE_MAX);
    buf_init(&to, NULL, 64);
    keyspace_prefix(&from, p->collection->tablet, KIND_DOCUMENT);
    keyspace_prefix(&to, p->collection->tablet, (enum key_kind)(KIND_DOCUMENT + 1));
    if (p->after.n) {
        buf_put_slice(&from, buf_slice(&p->after));
        buf_put_u8(&from, 0); // the next key: typed ids are no prefixes of one another
    }
    TRY(buf_status(&from));
    TRY(buf_status(&to));
    struct kv_iter_options options = {.lower = buf_slice(&from), .upper = buf_slice(&to)};
    TRY(kv->ops->iter_open(kv, ctx, p->view->kv_view, KV_DATA, &options, &it));
    nacre_status status = check_rows(ctx, p, it);
    it->ops->close(it);
    return status;
}

static void tell_offenders(struct part *p) {
    struct err *err = &p->found;
    err->status = NACRE_SCHEMA_VIOLATION;
    snprintf(err->detail, sizeof err->detail,
             "%s%u document%s of collection %s %s not fit the schema, which was not taken",
             p->done ? "" : "at least ", p->offenders, p->offenders == 1 ? "" : "s",
             p->collection->name, p->offenders == 1 ? "does" : "do");
    snprintf(err->hint, sizeof err->hint,
             "change or delete them first; a place is the id of a "
             "document and the path in it");
}

static nacre_status log_part(struct ctx *ctx, struct part *p) {
    struct buf payload BUF_CLEANUP = {0}, error BUF_CLEANUP = {0};
    struct result ignored;
    struct command_schema c = {.tablet = p->collection->tablet,
                               .next_from = p->collection->next_from,
                               .after = buf_slice(&p->after),
                               .last = buf_slice(p->last.n ? &p->last : &p->after),
                               .documents = p->documents,
                               .done = p->done};
    buf_init(&payload, &p->e->budget, SIZE_MAX);
    buf_init(&error, NULL, SIZE_MAX);
    if (p->offenders) {
        if (p->found.status == NACRE_OK) tell_offenders(p);
        result_error_put(&error, &p->found);
        TRY(buf_status(&error));
        c.error = buf_slice(&error);
    }
    command_schema_encode(&payload, &c);
    TRY(buf_status(&payload));
    // A part that is lost with a crash is done again; its end is what somebody waits for.
    bool ends = p->done || p->offenders;
    struct engine_command command = {.type = COMMAND_SCHEMA,
                                     .durability = ends ? DURABILITY_SYNCED : DURABILITY_MEMORY,
                                     .tablet = c.tablet,
                                     .payload = buf_slice(&payload)};
    return engine_submit(ctx, p->e, &command, &ignored);
}

static nacre_status one_part(struct ctx *ctx, struct engine *e, struct view *view,
                             const struct collection *collection) {
    struct part p = {.e = e, .view = view, .collection = collection};
    buf_init(&p.after, NULL, SIZE_MAX);
    buf_init(&p.last, NULL, SIZE_MAX);
    nacre_status status = txn_schema_progress(ctx, view->kv, view->kv_view, collection->tablet,
                                              &p.documents, &p.after);
    if (status == NACRE_OK) status = scan(ctx, &p);
    if (status == NACRE_OK) status = log_part(ctx, &p);
    buf_free(&p.after);
    buf_free(&p.last);
    return status;
}

nacre_status engine_schema_round(struct ctx *ctx, struct engine *e, bool *worked) {
    struct view *view = engine_view(e);
    nacre_status status = NACRE_OK;
    *worked = false;
    for (uint32_t i = 0; i < view->catalog->collection_count && status == NACRE_OK; i++) {
        const struct collection *c = &view->catalog->collections[i];
        if (!c->next_schema.n || !c->next_program) continue;
        arena_reset(&ctx->arena);
        status = one_part(ctx, e, view, c);
        *worked = true;
    }
    txn_view_release(view);
    return status;
}

// --- cancelling --------------------------------------------------------------------------

// One try: fails to apply, without an error, where a part was logged meanwhile.
static nacre_status refuse_change(struct ctx *ctx, struct engine *e, struct view *view,
                                  const struct collection *c) {
    struct part p = {.e = e, .view = view, .collection = c, .offenders = 1};
    buf_init(&p.after, NULL, SIZE_MAX);
    buf_init(&p.last, NULL, SIZE_MAX);
    p.found.status = NACRE_CANCELLED;
    snprintf(p.found.detail, sizeof p.found.detail,
             "the change of the schema of collection %s was cancelled", c->name);
    nacre_status status =
        txn_schema_progress(ctx, view->kv, view->kv_view, c->tablet, &p.documents, &p.after);
    if (status == NACRE_OK) status = log_part(ctx, &p);
    buf_free(&p.after);
    buf_free(&p.last);
    return status;
}

nacre_status engine_schema_cancel(struct ctx *ctx, struct engine *e, uint32_t tablet,
                                  uint64_t next_from) {
    bool over = false;
    nacre_status status = NACRE_OK;
    while (status == NACRE_OK && !over) {
        struct view *view = engine_view(e);
        const struct collection *c = catalog_by_tablet(view->catalog, tablet);
        over = !c || c->next_from != next_from;
        if (!over) status = refuse_change(ctx, e, view, c);
        txn_view_release(view);
        if (status == NACRE_OK) status = ctx_check(ctx);
    }
    return status;
}

// --- waiting ----------------------------------------------------------------------------

struct wait {
    struct target target;
    struct buf schema; // copied: waiting may do the background's work in ctx's arena
    uint64_t asked_ts;
    uint64_t from; // the change that is waited for; 0: not known yet
    bool over;
};

static nacre_status outcome(struct ctx *ctx, struct view *view, const struct collection *c,
                            const struct wait *w) {
    uint64_t refused;
    struct slice error;
    TRY(txn_schema_failure(ctx, view->kv, view->kv_view, c->tablet, &refused, &error));
    if (refused && refused == w->from) return result_error_raise(ctx, error);
    if (slice_eq(c->schema, buf_slice(&w->schema))) return NACRE_OK;
    return err_set(ctx, NACRE_CONFLICT,
                   "another change of the schema of collection %s took the place of this one",
                   c->name);
}

static nacre_status look(struct ctx *ctx, struct engine *e, struct wait *w) {
    struct engine_collection handle = {.target = w->target};
    TRY(engine_resolve(ctx, e, w->target, &handle));
    struct view *view = engine_view(e);
    const struct collection *c = catalog_by_tablet(view->catalog, handle.tablet);
    nacre_status status = NACRE_OK;
    if (c && !w->from) w->from = c->next_from ? c->next_from : w->asked_ts;
    w->over = !c || c->next_from != w->from;
    if (!c)
        status = err_set(ctx, NACRE_COLLECTION_NOT_FOUND, "the collection was dropped");
    else if (w->over)
        status = outcome(ctx, view, c, w);
    txn_view_release(view);
    return status;
}

static nacre_status wait_for(struct ctx *ctx, struct engine *e, struct wait *w) {
    for (;;) {
        TRY(look(ctx, e, w));
        if (w->over) return NACRE_OK;
        nacre_status status = engine_wait_round(ctx, e);
        if (status == NACRE_TIMEOUT || status == NACRE_CANCELLED)
            err_hint(ctx, "the documents are still being held against the schema; the collection's "
                          "description tells how far that is");
        TRY(status);
    }
}

nacre_status engine_wait_schema(struct ctx *ctx, struct engine *e, struct target target,
                                struct slice schema, uint64_t asked_ts) {
    struct wait w = {.target = target, .asked_ts = asked_ts};
    buf_init(&w.schema, NULL, SIZE_MAX);
    buf_put_slice(&w.schema, schema);
    nacre_status status = buf_status(&w.schema);
    if (status == NACRE_OK) status = wait_for(ctx, e, &w);
    buf_free(&w.schema);
    return status;
}
