// Changes of all documents that match a filter.
#include "base/bits/bits.h"
#include "engine/where.h"
#include "lib/lib_token.h"
#include "lib/lib_write.h"

struct run {
    struct nacre_session *s;
    const nacre_where *where;
    struct running running;
};

static void tell(const struct where_result *from, bool in_tx, nacre_where_result *out) {
    *out = (nacre_where_result){
        .matched = from->matched, .changed = from->changed, .replayed = from->replayed};
    memcpy(out->key, from->key, sizeof from->key);
    if (from->seq && !in_tx) lib_token_print(from->generation, from->seq, out->sequence);
}

static bool on_progress(void *arg, const struct where_result *so_far) {
    struct run *run = arg;
    nacre_where_result told;
    atomic_store(&run->running.rows, so_far->changed);
    if (!run->where->on_progress) return true;
    tell(so_far, run->s->in_tx, &told);
    return run->where->on_progress(run->where->arg, &told) == 0;
}

static nacre_status take_options(struct nacre_session *s, const nacre_where *o,
                                 struct where_request *request) {
    if (!o->filter || !o->filter[0])
        return lib_null(s, "filter", "a filter, \"{}\" for all documents");
    if (o->durability != NACRE_SYNCED && o->durability != NACRE_MEMORY)
        return lib_write_bad_option(s, "durability",
                                    "durability: expected NACRE_SYNCED or NACRE_MEMORY, got "
                                    "another number");
    if (o->idempotency_key && !o->idempotency_key[0])
        return lib_write_bad_option(s, "idempotency_key",
                                    "idempotency_key is empty; expected 1..255 bytes, or none");
    request->filter = slice_str(o->filter);
    request->durability = o->durability == NACRE_MEMORY ? DURABILITY_MEMORY : DURABILITY_SYNCED;
    request->atomic = o->atomic != 0;
    if (o->idempotency_key) request->idempotency.key = slice_str(o->idempotency_key);
    if (s->caller) request->idempotency.principal = slice_str(s->caller);
    request->progress = on_progress;
    return NACRE_OK;
}

static nacre_status take_patch(struct nacre_session *s, const nacre_where *o,
                               struct where_request *request) {
    if (request->kind == WRITE_PATCH) {
        if (!o->patch) return lib_null(s, "patch", "JSON text");
        return lib_done(s, lib_write_patch(s, o->patch_kind, slice_str(o->patch), &request->format,
                                           &request->body));
    }
    if (!o->patch) return NACRE_OK;
    return lib_write_bad_option(s, "patch", "patch: what is deleted is not patched; expected NULL");
}

// Of everything that says what is done.
static uint64_t hash_of(const nacre_where *o, const struct where_request *r) {
    uint64_t hash = (uint64_t)r->kind << 16 | (uint64_t)r->format << 8 | r->atomic;
    if (o->patch) hash = hash_bytes_seed(o->patch, strlen(o->patch), hash);
    return hash_bytes_seed(r->filter.p, r->filter.n, hash);
}

static nacre_status change(struct nacre_session *s, nacre_collection *collection,
                           enum write_kind kind, const nacre_where *where,
                           nacre_where_result *out) {
    struct run run = {.s = s, .where = where};
    struct where_request request = {.kind = kind, .arg = &run};
    struct where_result result;
    if (out) *out = (nacre_where_result){0};
    TRY(lib_begin(s));
    if (!where) return lib_null(s, "where", "a filter and what is to be done");
    TRY(take_options(s, where, &request));
    TRY(take_patch(s, where, &request));
    TRY(lib_target(s, collection, &request.target));
    request.idempotency.body_hash = hash_of(where, &request);
    if (s->in_tx) request.tx = s->tx;
    lib_running_begin(s, &run.running, kind == WRITE_PATCH ? "update" : "delete", collection,
                      where->filter);
    nacre_status status = lib_done(s, engine_where(&s->ctx, s->db->engine, &request, &result));
    lib_running_end(s, &run.running);
    if (out) tell(&result, s->in_tx, out);
    return status;
}

nacre_status nacre_update_where(nacre_session *s, nacre_collection *collection,
                                const nacre_where *where, nacre_where_result *out) {
    return change(s, collection, WRITE_PATCH, where, out);
}

nacre_status nacre_delete_where(nacre_session *s, nacre_collection *collection,
                                const nacre_where *where, nacre_where_result *out) {
    return change(s, collection, WRITE_DELETE, where, out);
}
