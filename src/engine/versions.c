#include "engine/versions.h"

#include "base/bits/bits.h"
#include "engine/internal.h"

enum { END_SIZE = 8 }; // end_ts at the end of a history key

struct engine_versions {
    struct view *view;
    struct buf key, upper; // of the document: its data key, and above its last history entry
    struct kv_pin current;
    struct kv_iter *history; // NULL: none is kept
    uint64_t oldest_ts;      // what ended by then is not readable any more
    uint64_t next_ts;        // begin of the version given last; 0: none was
    bool began;              // the current one was looked for
    bool given;              // the entry at history was
    struct engine_version first;
    bool has_first;
    struct row row;
};

// The horizon is looked at when the iterator is there: what goes from now on, it keeps.
static nacre_status open_history(struct ctx *ctx, struct engine *e, struct engine_versions *v,
                                 const struct collection *c) {
    struct kv *kv = v->view->kv;
    keyspace_history(&v->upper, buf_slice(&v->key), UINT64_MAX);
    if (buf_status(&v->upper) != NACRE_OK) return err_buf(ctx, &v->upper);
    struct kv_iter_options options = {
        .lower = buf_slice(&v->key), .upper = buf_slice(&v->upper), .fill_cache = true};
    TRY(kv->ops->iter_open(kv, ctx, v->view->kv_view, KV_HISTORY, &options, &v->history));
    v->oldest_ts = engine_oldest_readable(e, c);
    v->history->ops->seek_last(v->history);
    return NACRE_OK;
}

static nacre_status decode(struct ctx *ctx, struct engine_versions *v, struct slice value) {
    return row_decode(ctx, keyspace_local(buf_slice(&v->key)), value, true, &v->row);
}

static void give(struct engine_versions *v, struct engine_version *out) {
    bool deleted = v->row.flags & ROW_DELETED;
    *out = (struct engine_version){.version = v->row.version, .begin_ts = v->row.begin_ts};
    out->document = deleted ? NULL : &v->row;
    out->op = deleted                                ? CHANGE_DELETE
              : v->row.created_ts == v->row.begin_ts ? CHANGE_INSERT
                                                     : CHANGE_UPDATE;
    v->next_ts = v->row.begin_ts;
}

static nacre_status next_current(struct ctx *ctx, struct engine_versions *v,
                                 struct engine_version *out, bool *found) {
    struct kv *kv = v->view->kv;
    TRY(kv->ops->get(kv, ctx, v->view->kv_view, KV_DATA, buf_slice(&v->key), &v->current, found));
    if (!*found) return NACRE_OK;
    TRY(decode(ctx, v, v->current.value));
    give(v, out);
    return NACRE_OK;
}

// Keys of documents are no prefixes of each other, so all entries here are of this one.
static nacre_status next_ended(struct ctx *ctx, struct engine_versions *v,
                               struct engine_version *out, bool *found) {
    struct kv_iter *it = v->history;
    if (v->given) it->ops->prev(it);
    v->given = false;
    if (!it->valid) return it->ops->status(it, ctx);
    if (it->key.n != v->key.n + END_SIZE)
        return err_set(ctx, NACRE_CORRUPT, "the key of an old version is damaged");
    uint64_t end_ts = bits_be64(it->key.p + v->key.n);
    if (end_ts <= v->oldest_ts) return NACRE_OK;
    TRY(decode(ctx, v, it->value));
    *found = true;
    v->given = end_ts == v->next_ts || (v->row.flags & ROW_DELETED);
    if (v->given) {
        give(v, out);
        return NACRE_OK;
    }
    // Nothing began when it ended: it was deleted, and the marker of that is gone already.
    *out = (struct engine_version){
        .version = v->row.version + 1, .begin_ts = end_ts, .op = CHANGE_DELETE};
    v->next_ts = end_ts;
    return NACRE_OK;
}

static nacre_status next(struct ctx *ctx, struct engine_versions *v, struct engine_version *out,
                         bool *found) {
    *found = false;
    if (!v->began) {
        v->began = true;
        TRY(next_current(ctx, v, out, found));
        if (*found) return NACRE_OK;
    }
    return v->history ? next_ended(ctx, v, out, found) : NACRE_OK;
}

nacre_status engine_versions_next(struct ctx *ctx, struct engine_versions *v,
                                  struct engine_version *out, bool *found) {
    if (v->has_first) {
        v->has_first = false;
        *out = v->first;
        *found = true;
        return NACRE_OK;
    }
    return engine_recorded(ctx, next(ctx, v, out, found));
}

static nacre_status begin(struct ctx *ctx, struct engine *e, struct engine_versions *v,
                          uint32_t tablet, struct val id) {
    v->view = engine_view(e);
    const struct collection *c = catalog_by_tablet(v->view->catalog, tablet);
    if (!c) return err_set(ctx, NACRE_COLLECTION_NOT_FOUND, "the collection was dropped");
    keyspace_document(&v->key, tablet, id);
    if (buf_status(&v->key) != NACRE_OK) return err_buf(ctx, &v->key);
    if (c->history_seconds) TRY(open_history(ctx, e, v, c));
    TRY(next(ctx, v, &v->first, &v->has_first));
    return v->has_first ? NACRE_OK
                        : err_set(ctx, NACRE_DOCUMENT_NOT_FOUND,
                                  "no version of a document with this id is kept");
}

nacre_status engine_versions_open(struct ctx *ctx, struct engine *e,
                                  struct engine_collection *collection, struct val id,
                                  struct engine_versions **out) {
    TRY(engine_resolve(ctx, e, collection->target, collection));
    nacre_status status = id_check(ctx, id);
    if (status != NACRE_OK) err_parameter(ctx, "id");
    TRY(status);
    struct engine_versions *v = mem_zalloc(sizeof *v);
    if (!v) return err_nomem(ctx);
    buf_init(&v->key, NULL, 8192);
    buf_init(&v->upper, NULL, 8192);
    status = begin(ctx, e, v, collection->tablet, id);
    if (status != NACRE_OK) {
        engine_versions_close(v);
        return engine_recorded(ctx, status);
    }
    *out = v;
    return NACRE_OK;
}

void engine_versions_close(struct engine_versions *v) {
    if (!v) return;
    if (v->history) v->history->ops->close(v->history);
    if (v->current.handle) v->view->kv->ops->unpin(v->view->kv, &v->current);
    txn_view_release(v->view);
    buf_free(&v->key);
    buf_free(&v->upper);
    mem_free(v);
}
