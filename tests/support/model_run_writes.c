#include "support/model_run_writes.h"

#include <stdio.h>
#include <string.h>

#include "base/bits/bits.h"
#include "base/err/check.h"
#include "base/text/time.h"
#include "doc/json.h"
#include "doc/key.h"

// --- making operations ------------------------------------------------------------------

static void choose_conditions(struct run *run, const struct model_collection *c,
                              const struct model_doc *doc, struct model_op *op) {
    if (run_chance(run, 6)) op->if_absent = true;
    if (run_chance(run, 8)) op->if_present = true;
    if (run_chance(run, 12)) {
        op->version_count = 1 + run_below(run, 3);
        for (uint32_t i = 0; i < op->version_count; i++)
            op->versions[i] = 1 + run_below(run, 9);
        if (doc && run_chance(run, 70))
            op->versions[run_below(run, op->version_count)] = doc->version;
    }
    if (run_chance(run, 12)) op->cond = random_cond(run, c, COND_QUERY);
    op->cond_has_regex = op->cond && cond_has_regex(op->cond);
    if (run_chance(run, 8)) {
        op->has_ttl = op->kind != WRITE_DELETE && op->kind != WRITE_GET;
        op->ttl_seconds = run_below(run, 4) * run_below(run, 30);
    }
    if (run_chance(run, 6)) {
        op->fenced = true;
        rng_next(&run->rng);
        memset(op->token, (int)run_below(run, 256), sizeof op->token);
        if (doc && doc->lease.there && run_chance(run, 80))
            memcpy(op->token, doc->lease.token, sizeof op->token);
    }
}

static void choose_body(struct run *run, const struct model_collection *c,
                        const struct model_doc *doc, struct model_op *op) {
    if (op->kind == WRITE_PATCH) op->patch = random_patch(run, &op->patch_kind);
    if (op->kind > WRITE_INSERT) return;
    struct model_id other = random_id(run);
    op->id_from_field = c->primary_key && run_chance(run, 40);
    op->fields = random_fields(run, c, op->id_from_field ? &op->id : &other);
    if (run_chance(run, 6)) op->body_version = doc ? doc->version : 1 + run_below(run, 3);
    if (run_chance(run, 4)) op->times = run_chance(run, 70) ? MODEL_TIMES_RIGHT : MODEL_TIMES_WRONG;
}

static void choose_op(struct run *run, const struct model_collection *c, struct model_op *op) {
    static const enum write_kind kinds[] = {WRITE_PUT,    WRITE_PUT,   WRITE_PUT,   WRITE_INSERT,
                                            WRITE_INSERT, WRITE_PATCH, WRITE_PATCH, WRITE_PATCH,
                                            WRITE_DELETE, WRITE_PUT};
    *op = (struct model_op){.kind = kinds[run_below(run, 10)], .id = random_id(run)};
    const struct model_doc *doc = model_find(c, &op->id);
    op->want_document = run_chance(run, 30);
    choose_body(run, c, doc, op);
    choose_conditions(run, c, doc, op);
}

// --- as requests ------------------------------------------------------------------------

static struct slice keep(struct run *run, struct slice bson) {
    void *p = arena_copy(&run->ctx.arena, bson.p, bson.n);
    CHECK(p != NULL);
    return slice_of(p, bson.n);
}

static void put_time(struct buf *out, const char *name, uint64_t ms) {
    char text[TIME_TEXT_MAX];
    size_t n = time_print((int64_t)ms, text);
    buf_printf(out, ",\"%s\":\"%.*s\"", name, (int)n, text);
}

static void put_times(struct buf *out, const struct model_op *op, const struct model_doc *doc) {
    bool right = op->times == MODEL_TIMES_RIGHT && doc && doc->live;
    if (op->times == MODEL_TIMES_NONE) return;
    put_time(out, "_created", right ? doc->created_ms : 978307200000);
    if (right) put_time(out, "_updated", doc->updated_ms);
}

// The id goes with the request, stands in the body, or both; in the body anywhere.
static struct slice request_body(struct run *run, const struct model_op *op,
                                 const struct model_doc *doc, bool in_body) {
    struct buf json BUF_CLEANUP = {0}, id BUF_CLEANUP = {0};
    bool first = run_chance(run, 60);
    buf_init(&json, NULL, SIZE_MAX);
    buf_init(&id, NULL, SIZE_MAX);
    buf_put_str(&id, "\"_id\":");
    model_id_json(&id, &op->id);
    buf_put_u8(&json, '{');
    if (in_body && first) {
        buf_put_slice(&json, buf_slice(&id));
        buf_put_u8(&json, ',');
    }
    buf_put_str(&json, op->fields);
    if (in_body && !first) {
        buf_put_u8(&json, ',');
        buf_put_slice(&json, buf_slice(&id));
    }
    if (op->body_version)
        buf_printf(&json, ",\"_version\":%llu", (unsigned long long)op->body_version);
    put_times(&json, op, doc);
    if (run_chance(run, 2)) buf_put_str(&json, ",\"_lease\":{\"until\":\"x\"}"); // ignored
    buf_put_u8(&json, '}');
    return keep(run, model_json(&run->model, scratch_text(run, &json)));
}

static struct slice token_text(struct run *run, const uint8_t *token) {
    char text[32];
    size_t n = base64url_encode(token, ROW_LEASE_TOKEN_SIZE, text);
    return keep(run, slice_of(text, n));
}

static void make_item(struct run *run, const struct model_collection *c, struct model_op *op,
                      struct write_item *item) {
    const struct model_doc *doc = model_find(c, &op->id);
    bool document = op->kind <= WRITE_INSERT, in_body = document && run_chance(run, 50);
    *item = (struct write_item){.kind = op->kind,
                                .if_absent = op->if_absent,
                                .if_present = op->if_present,
                                .version_count = op->version_count,
                                .versions = op->versions,
                                .has_ttl = op->has_ttl,
                                .ttl_seconds = op->ttl_seconds,
                                .want_document = op->want_document};
    if (!in_body || run_chance(run, 50)) item->id = model_id_val(&op->id);
    if (op->id_unknown || op->id_from_field) {
        item->id = val_missing();
        in_body = false;
    }
    if (document) item->body = request_body(run, op, doc, in_body);
    if (op->kind == WRITE_PATCH) {
        item->body = keep(run, model_json(&run->model, op->patch));
        item->format = op->patch_kind == PATCH_JSON                           ? PATCH_FORMAT_OPS
                       : op->patch_kind == PATCH_MERGE && run_chance(run, 50) ? PATCH_FORMAT_MERGE
                                                                              : PATCH_FORMAT_OBJECT;
    }
    if (op->cond) item->filter = slice_str(random_spelling(run, op->cond));
    if (op->fenced) item->token = token_text(run, op->token);
}

static void note_item(struct run *run, const struct model_collection *c, const struct model_op *op,
                      const struct write_item *item, const char *what) {
    struct buf id BUF_CLEANUP = {0};
    buf_init(&id, NULL, SIZE_MAX);
    model_id_json(&id, &op->id);
    run_note(run, "%s %s kind %d id %.*s%s%s%s%s if %.*s: %.300s", what, c->name, (int)op->kind,
             (int)id.n, (const char *)id.p, op->if_absent ? " absent" : "",
             op->if_present ? " present" : "", op->version_count ? " versions" : "",
             op->fenced ? " fenced" : "", (int)item->filter.n, (const char *)item->filter.p,
             op->kind == WRITE_PATCH    ? op->patch
             : op->kind <= WRITE_INSERT ? op->fields
                                        : "");
}

// --- comparing --------------------------------------------------------------------------

void run_compare_row(struct run *run, const struct row *row, const struct model_doc *doc) {
    if (!doc || !doc->live) run_fail(run, "a document that the model does not have");
    if (!slice_eq(row->body, doc->body)) {
        struct buf got BUF_CLEANUP = {0}, wanted BUF_CLEANUP = {0};
        buf_init(&got, NULL, SIZE_MAX);
        buf_init(&wanted, NULL, SIZE_MAX);
        json_write_doc(&got, row->body, JSON_INT64_NUMBER);
        json_write_doc(&wanted, doc->body, JSON_INT64_NUMBER);
        run_fail(run, "body %.*s\nthe model has %.*s", (int)got.n, (const char *)got.p,
                 (int)wanted.n, (const char *)wanted.p);
    }
    uint64_t expires = row->flags & ROW_EXPIRY ? (uint64_t)row->expires_ms : 0;
    bool leased = row->flags & ROW_LEASE;
    if (row->version != doc->version || (uint64_t)row_ts_ms(row->created_ts) != doc->created_ms ||
        (uint64_t)row_ts_ms(row->begin_ts) != doc->updated_ms || expires != doc->expires_ms)
        run_fail(
            run,
            "version %llu created %lld updated %lld expires %llu, the model: %llu %llu %llu %llu",
            (unsigned long long)row->version, (long long)row_ts_ms(row->created_ts),
            (long long)row_ts_ms(row->begin_ts), (unsigned long long)expires,
            (unsigned long long)doc->version, (unsigned long long)doc->created_ms,
            (unsigned long long)doc->updated_ms, (unsigned long long)doc->expires_ms);
    if (leased != doc->lease.there)
        run_fail(run, "lease %d, the model %d", leased, doc->lease.there);
    if (!leased) return;
    struct slice holder = doc->lease.holder ? slice_str(doc->lease.holder) : slice_of(NULL, 0);
    if (row->lease.until_ms != doc->lease.until_ms || !slice_eq(row->lease.holder, holder) ||
        memcmp(row->lease.token, doc->lease.token, ROW_LEASE_TOKEN_SIZE) != 0)
        run_fail(run, "the lease differs from the model's");
}

static void compare_op(struct run *run, const struct model_collection *c, const struct model_op *op,
                       const struct op_result *got) {
    struct row row;
    run_expect(run, "operation", got->status, op->status);
    run->counts.refused += got->status != NACRE_OK;
    if (got->status != NACRE_OK) return;
    if (got->version != op->version)
        run_fail(run, "version %llu, the model %llu", (unsigned long long)got->version,
                 (unsigned long long)op->version);
    if (((got->flags & RESULT_CREATED) != 0) != op->created) run_fail(run, "created differs");
    if (!op->want_document || op->kind == WRITE_DELETE || op->kind == WRITE_GET) return;
    struct model_doc *doc = model_find(c, &op->id);
    if (!doc || doc->version != op->version) return; // a later operation of the batch
    if (row_decode(&run->ctx, slice_of(NULL, 0), got->row, false, &row) != NACRE_OK)
        run_fail(run, "the answer's row: %s", run->ctx.err.detail);
    run_compare_row(run, &row, doc);
}

static void take_unknown_id(struct run *run, struct model_op *op, const struct op_result *got) {
    struct slice in = got->id_key;
    struct val id;
    if (!op->id_unknown) return;
    CHECK(key_decode(&run->ctx, &in, false, KEY_TB_PLAIN, &id) == NACRE_OK);
    op->id = model_id_of(id);
}

// --- idempotency ------------------------------------------------------------------------

struct keyed {
    bool used;
    struct model_record record; // what is asked
    struct model_record *found;
};

static bool same_scope(const struct model_record *a, const struct model_record *b) {
    return strcmp(a->key, b->key) == 0 && a->kind == b->kind && a->has_target == b->has_target &&
           (!a->has_target || model_id_eq(&a->target, &b->target));
}

static void choose_key(struct run *run, struct model_collection *c, const struct model_id *target,
                       struct keyed *out, struct write_request *request) {
    enum write_kind kind = request->count == 1 ? request->items[0].kind : 0;
    *out = (struct keyed){0};
    if (!run_chance(run, 6) || c->record_count == MODEL_RECORDS_MAX || run->tx) return;
    out->used = true;
    out->record.kind = kind;
    out->record.has_target = target != NULL;
    if (target) out->record.target = *target;
    out->record.body_hash = 2 * request->count + run_chance(run, 10);
    snprintf(out->record.key, sizeof out->record.key, "key%u", run_below(run, 6));
    char *key = arena_str(&run->ctx.arena, slice_str(out->record.key));
    CHECK(key != NULL);
    request->idempotency =
        (struct idempotency){.key = slice_str(key), .body_hash = out->record.body_hash};
    for (uint32_t i = 0; i < c->record_count; i++)
        if (same_scope(&c->records[i], &out->record)) out->found = &c->records[i];
}

// True: the answer came from a record, or was refused because of one.
static bool replayed(struct run *run, const struct keyed *keyed, nacre_status status,
                     const struct result *result) {
    if (!keyed->found) return false;
    run->counts.replays++;
    if (keyed->found->body_hash != keyed->record.body_hash) {
        run_expect(run, "replay with another body", status, NACRE_IDEMPOTENCY_KEY_REUSED);
        return true;
    }
    run_expect(run, "replay", status, NACRE_OK);
    if (!(result->flags & RESULT_REPLAYED) || result->count != keyed->found->count)
        run_fail(run, "not answered from its record");
    for (uint32_t i = 0; i < result->count; i++) {
        run_expect(run, "replayed operation", result->ops[i].status, keyed->found->statuses[i]);
        if (result->ops[i].status == NACRE_OK &&
            result->ops[i].version != keyed->found->versions[i])
            run_fail(run, "replayed version differs");
    }
    return true;
}

static void remember(struct run *run, struct model_collection *c, const struct keyed *keyed,
                     const struct model_op *ops, uint32_t count) {
    if (!keyed->used) return;
    struct model_record *record = &c->records[c->record_count++];
    *record = keyed->record;
    record->due_ms = run->model.now_ms + IDEMPOTENCY_KEEP_MS;
    record->count = count;
    for (uint32_t i = 0; i < count; i++) {
        record->statuses[i] = ops[i].status;
        record->versions[i] = ops[i].version;
    }
}

// --- commands ---------------------------------------------------------------------------

// What a write does to a collection that is not there: puts and inserts make it, but one that is
// refused whatever there is does not. Of batches the engine's own choice is taken: one that is
// refused only for what its own operations did leaves an empty collection.
static bool collection_refuses(struct run *run, struct model_collection *c,
                               const struct write_request *request, bool may_make,
                               nacre_status status) {
    struct engine_collection handle = {0};
    if (c->there) return false;
    nacre_status absent = run_absent(run, c);
    if (absent == NACRE_COLLECTION_NOT_FOUND && may_make) {
        c->there = engine_resolve(&run->ctx, run->engine, request->target, &handle) == NACRE_OK;
        c->created_ms = run->model.now_ms;
        if (c->there != (status == NACRE_OK) && request->count == 1)
            run_fail(run, "status %d and the collection is %s", (int)status,
                     c->there ? "there" : "not there");
        return false;
    }
    run_expect(run, "write to no collection", status, absent);
    return true;
}

static enum durability random_durability(struct run *run) {
    return run_chance(run, 5) ? DURABILITY_SYNCED : DURABILITY_MEMORY;
}

void run_write(struct run *run) {
    struct model_collection *c = run_collection(run);
    struct model_op op;
    struct write_item item;
    struct keyed keyed;
    struct result result = {0};
    struct write_request request = {
        .target = run_target(c), .count = 1, .items = &item, .durability = random_durability(run)};
    if (run->tx && !c->there) return; // a transaction makes none
    run->counts.writes++;
    choose_op(run, c, &op);
    op.id_unknown = op.kind <= WRITE_INSERT && !c->primary_key && run_chance(run, 3);
    make_item(run, c, &op, &item);
    choose_key(run, c, item.id.type != VAL_MISSING ? &op.id : NULL, &keyed, &request);
    if (keyed.used && op.id_unknown) { // it has no record that could be found again
        keyed = (struct keyed){0};
        request.idempotency = (struct idempotency){0};
    }
    note_item(run, c, &op, &item, keyed.used ? "keyed write" : "write");
    nacre_status status = run_ask_write(run, &request, &result);
    if (collection_refuses(run, c, &request, op.kind <= WRITE_INSERT, status)) return;
    if (replayed(run, &keyed, status, &result)) return;
    op.answered = status;
    if (op.id_unknown && status == NACRE_OK) take_unknown_id(run, &op, &result.ops[0]);
    if (op.id_unknown && status != NACRE_OK) snprintf(op.id.text, sizeof op.id.text, "unknown");
    op.id.is_int &= !op.id_unknown;
    model_write_one(&run->model, c, &op);
    run_expect(run, "write", status, op.status);
    run->counts.misfits += status == NACRE_SCHEMA_VIOLATION;
    run->counts.refused += status != NACRE_OK;
    if (status != NACRE_OK) return;
    compare_op(run, c, &op, &result.ops[0]);
    remember(run, c, &keyed, &op, 1);
}

static bool choose_batch(struct run *run, const struct model_collection *c, struct model_op *ops,
                         struct write_item *items, uint32_t count) {
    bool may_make = false;
    for (uint32_t i = 0; i < count; i++) {
        do
            choose_op(run, c, &ops[i]);
        while (ops[i].cond_has_regex);
        if (run_chance(run, 10)) {
            ops[i].kind = WRITE_GET;
            ops[i].id_from_field = ops[i].has_ttl = false;
            ops[i].body_version = 0;
            ops[i].times = MODEL_TIMES_NONE;
        }
        if (i) ops[i].times = MODEL_TIMES_NONE; // those before it may change what is right
        if (i && run_chance(run, 30) && !ops[i].id_from_field) ops[i].id = ops[i - 1].id;
        make_item(run, c, &ops[i], &items[i]);
        note_item(run, c, &ops[i], &items[i], " item");
        may_make |= ops[i].kind <= WRITE_INSERT;
    }
    return may_make;
}

void run_batch(struct run *run) {
    struct model_collection *c = run_collection(run);
    struct model_op ops[MODEL_OPS_MAX];
    struct write_item items[MODEL_OPS_MAX];
    struct keyed keyed;
    struct result result = {0};
    uint32_t count = 2 + run_below(run, MODEL_OPS_MAX - 2), failed = 0;
    struct write_request request = {.target = run_target(c),
                                    .atomic = run_chance(run, 50),
                                    .count = count,
                                    .items = items,
                                    .durability = random_durability(run)};
    if (run->tx && !c->there) return;
    run->counts.batches++;
    run_note(run, "batch of %u, atomic %d", count, request.atomic);
    bool may_make = choose_batch(run, c, ops, items, count);
    choose_key(run, c, NULL, &keyed, &request);
    nacre_status status = run_ask_write(run, &request, &result);
    if (collection_refuses(run, c, &request, may_make, status)) return;
    if (replayed(run, &keyed, status, &result)) return;
    // Where there is no collection yet, a refused first operation is answered alone.
    if (!c->there && !request.atomic && status != NACRE_OK) count = 1;
    for (uint32_t i = 0; i < count; i++)
        ops[i].answered = status == NACRE_OK      ? result.ops[i].status
                          : i == result.failed_op ? status
                                                  : NACRE_OK;
    nacre_status wanted =
        model_write_batch(&run->model, c, ops, count, request.atomic || count == 1, &failed);
    run_expect(run, "batch", status, wanted);
    run->counts.refused += status != NACRE_OK;
    if (status != NACRE_OK && result.failed_op != failed)
        run_fail(run, "operation %u failed, by the model %u", result.failed_op, failed);
    if (status != NACRE_OK) return;
    for (uint32_t i = 0; i < count; i++)
        compare_op(run, c, &ops[i], &result.ops[i]);
    remember(run, c, &keyed, ops, count);
}

void run_get(struct run *run, struct model_collection *c) {
    struct engine_collection handle = {.target = run_target(c)};
    struct engine_doc got = {0};
    struct model_id id = random_id(run);
    run->counts.gets++;
    nacre_status status = engine_resolve(&run->ctx, run->engine, handle.target, &handle);
    run_expect(run, "resolve", status, c->there ? NACRE_OK : run_absent(run, c));
    if (status != NACRE_OK) return;
    struct model_doc *doc = model_find(c, &id);
    status = run_ask_get(run, &handle, model_id_val(&id), &got);
    run_expect(run, "get", status, doc && doc->live ? NACRE_OK : NACRE_DOCUMENT_NOT_FOUND);
    if (status == NACRE_OK) run_compare_row(run, &got.row, doc);
    engine_release_doc(run->engine, &got);
}
