#include "support/model_run_past.h"

#include <stdio.h>
#include <string.h>

#include "base/err/check.h"
#include "doc/json.h"
#include "engine/versions.h"
#include "query/aggregate.h"
#include "support/model_query.h"
#include "support/model_run_leases.h"
#include "support/model_run_queries.h"
#include "support/model_run_writes.h"

void run_photo(struct run *run) {
    const struct model_collection *c = run_collection(run);
    struct run_photo *photo = &run->photos[run->photo_count++ % RUN_PHOTOS];
    model_drop(&photo->state);
    model_copy(&photo->state, c);
    photo->of = c;
    photo->ms = run->model.now_ms;
}

static uint64_t end_of(uint64_t ms) { return ms << 20 | 0xFFFFF; }

static uint64_t horizon_of(struct run *run) {
    struct view *view = engine_view(run->engine);
    uint64_t ts = view->horizon_ts;
    txn_view_release(view);
    return ts;
}

// Where the engine has trimmed what was over history_bytes: when it does is its own choice.
static uint64_t trimmed_to(struct run *run, const struct model_collection *c) {
    if (!c->history_bytes) return 0;
    struct view *view = engine_view(run->engine);
    const struct database *db = catalog_database(view->catalog, slice_str(c->database));
    uint64_t ts = catalog_collection(view->catalog, db->id, slice_str(c->name))->history_from;
    txn_view_release(view);
    return ts;
}

void run_bounded(struct run *run) {
    for (int i = 0; i < MODEL_COLLECTIONS; i++) {
        const struct model_collection *c = &run->model.collections[i];
        struct engine_history history;
        if (!c->there || !c->history_bytes || !c->history_seconds) continue;
        struct view *view = engine_view(run->engine);
        const struct database *db = catalog_database(view->catalog, slice_str(c->database));
        const struct collection *of = catalog_collection(view->catalog, db->id, slice_str(c->name));
        run_expect(run, "history", engine_history(&run->ctx, run->engine, view, of, &history),
                   NACRE_OK);
        if (history.bytes > c->history_bytes)
            run_fail(run, "%s holds %llu bytes of history", c->name,
                     (unsigned long long)history.bytes);
        run->counts.bounded += of->history_from > of->created_ts;
        txn_view_release(view);
    }
}

// What a read of c as of then must be answered.
static nacre_status past_status(struct run *run, const struct model_collection *c, uint64_t ms) {
    if (!c->there) return run_absent(run, c);
    if (!c->history_seconds) return NACRE_HISTORY_EXPIRED;
    if ((run->world.wall_ms - ms) / 1000 >= c->history_seconds) return NACRE_HISTORY_EXPIRED;
    if (ms < c->created_ms) return NACRE_COLLECTION_NOT_FOUND;
    if (ms < c->history_from_ms) return NACRE_HISTORY_EXPIRED;
    if (end_of(ms) < trimmed_to(run, c)) return NACRE_HISTORY_EXPIRED;
    return end_of(ms) < horizon_of(run) ? NACRE_HISTORY_EXPIRED : NACRE_OK;
}

// --- while it is read -------------------------------------------------------------------

static void trim(struct run *run, uint64_t ts) {
    struct command_horizon horizon = {.history_ts = ts};
    struct buf payload BUF_CLEANUP = {0};
    struct result result;
    buf_init(&payload, NULL, 64);
    command_horizon_encode(&payload, &horizon);
    struct engine_command command = {
        .type = COMMAND_HORIZON, .durability = DURABILITY_MEMORY, .payload = buf_slice(&payload)};
    run->counts.trims++;
    run_note(run, "history before %llu may go", (unsigned long long)(ts >> 20));
    run_expect(run, "horizon", engine_submit(&run->ctx, run->engine, &command, &result), NACRE_OK);
}

void run_meanwhile(struct run *run) {
    uint64_t past_ms = run->past_ms;
    run->past_ms = 0;
    run->model.now_ms = run->world.wall_ms;
    for (uint32_t n = run_below(run, 4); n; n--)
        run_write(run);
    if (run_chance(run, 4)) trim(run, (past_ms + run_below(run, 2000)) << 20);
    // Where history is kept within bytes, a tick may end what is read next.
    if (run_chance(run, 2) && !run->past_of->history_bytes) run_tick(run);
    run->past_ms = past_ms;
    run->model.now_ms = past_ms;
}

// --- reads ------------------------------------------------------------------------------

static void aggregate_is(struct run *run, struct view *view, const struct collection *collection,
                         const char *body, const char *want) {
    struct query_target target = {.view = view, .collection = collection};
    struct aggregate_request request;
    struct aggregate *a;
    struct slice bson;
    struct buf got BUF_CLEANUP = {0};
    bool found;
    run_note(run, "aggregate %s %s", collection->name, body);
    nacre_status status =
        aggregate_request_parse(&run->ctx, model_json(&run->model, body), &request);
    request.query.now_ms = (int64_t)run->past_ms;
    if (status == NACRE_OK) status = aggregate_open(&run->ctx, &target, &request, &a);
    if (status != NACRE_OK) run_fail(run, "aggregate: %s", run->ctx.err.detail);
    buf_init(&got, NULL, SIZE_MAX);
    if (aggregate_next(&run->ctx, a, &bson, &found) != NACRE_OK || !found)
        run_fail(run, "aggregate: %s", run->ctx.err.detail);
    json_write_doc(&got, bson, JSON_INT64_NUMBER);
    buf_put_u8(&got, 0);
    aggregate_close(a);
    if (strcmp((const char *)got.p, want) != 0)
        run_fail(run, "aggregated %s, the model has %s", (const char *)got.p, want);
}

// Documents that match, and the sum of their versions.
static void run_aggregate(struct run *run, struct model_collection *c) {
    struct buf body BUF_CLEANUP = {0};
    struct model_rows rows;
    char want[96];
    uint64_t sum = 0;
    const struct naive_cond *cond = run_chance(run, 50) ? random_cond(run, c, COND_QUERY) : NULL;
    buf_init(&body, NULL, SIZE_MAX);
    buf_put_str(&body,
                "{\"aggregates\":{\"docs\":{\"count\":\"*\"},\"sum\":{\"sum\":\"_version\"}}");
    if (cond) {
        const char *text = random_spelling(run, cond);
        buf_put_str(&body, ",\"filter\":");
        if (text[0] == '{')
            buf_put_str(&body, text);
        else
            json_write_str(&body, slice_str(text));
    }
    buf_put_u8(&body, '}');
    model_select(&run->model, c, cond, NULL, false, &rows);
    for (uint32_t i = 0; i < rows.count; i++)
        sum += rows.docs[i]->version;
    snprintf(want, sizeof want,
             rows.count ? "{\"docs\":%u,\"sum\":%llu}" : "{\"docs\":%u,\"sum\":null}", rows.count,
             (unsigned long long)sum);
    struct view *view = run_view(run, c);
    const struct database *db = catalog_database(view->catalog, slice_str(c->database));
    aggregate_is(run, view, catalog_collection(view->catalog, db->id, slice_str(c->name)),
                 scratch_text(run, &body), want);
    txn_view_release(view);
}

static void read_past(struct run *run, struct run_photo *photo) {
    struct view *held;
    struct model_collection *c = &photo->state;
    run->past_ms = run->model.now_ms = photo->ms;
    run->past_of = photo->of;
    held = run_view(run, c); // whatever is trimmed, it holds what is read
    for (uint32_t n = 1 + run_below(run, 4); n; n--) {
        uint32_t roll = run_below(run, 100);
        if (roll < 30)
            run_get(run, c);
        else if (roll < 65)
            run_query(run, c);
        else if (roll < 80)
            run_count(run, c);
        else
            run_aggregate(run, c);
        run_meanwhile(run);
    }
    txn_view_release(held);
    run->past_ms = 0;
    run->model.now_ms = run->world.wall_ms;
}

// Mostly one that can be read; of a millisecond that is over.
static struct run_photo *pick(struct run *run) {
    uint64_t kept = run->photo_count < RUN_PHOTOS ? run->photo_count : RUN_PHOTOS;
    struct run_photo *photo = NULL;
    for (uint32_t tries = run_chance(run, 80) ? 8 : 1; kept && tries; tries--) {
        photo = &run->photos[run_below(run, (uint32_t)kept)];
        if (past_status(run, photo->of, photo->ms) == NACRE_OK) break;
    }
    return photo && photo->ms < run->world.wall_ms ? photo : NULL;
}

void run_past(struct run *run) {
    struct run_photo *photo = pick(run);
    struct view *view;
    if (!photo) return;
    struct engine_collection handle = {.target = run_target(photo->of)};
    nacre_status wanted = past_status(run, photo->of, photo->ms);
    run_note(run, "%s as of %llu, at %llu", photo->of->name, (unsigned long long)photo->ms,
             (unsigned long long)run->world.wall_ms);
    nacre_status status = engine_resolve(&run->ctx, run->engine, handle.target, &handle);
    if (status == NACRE_OK)
        status = engine_view_past(&run->ctx, run->engine, handle.tablet, (int64_t)photo->ms, &view);
    run_expect(run, "a view of the past", status, wanted);
    run->counts.pasts += status == NACRE_OK;
    run->counts.expired += status != NACRE_OK;
    if (status != NACRE_OK) return;
    txn_view_release(view);
    read_past(run, photo);
}

// --- versions ---------------------------------------------------------------------------

// Of [from, to) in all that is kept of a document.
static void compare_version(struct run *run, const struct model_collection *c,
                            const struct model_id *id, const struct engine_version *v,
                            uint64_t to_ts) {
    for (int i = 0; i < RUN_PHOTOS; i++) {
        const struct run_photo *photo = &run->photos[i];
        uint64_t ts = end_of(photo->ms);
        if (photo->of != c || photo->ms >= run->world.wall_ms || ts < v->begin_ts || ts >= to_ts ||
            past_status(run, c, photo->ms) != NACRE_OK)
            continue;
        const struct model_doc *doc = model_find(&photo->state, id);
        if ((doc && doc->live) != (v->document != NULL) || (doc && doc->version != v->version))
            run_fail(run, "version %llu differs from what was there at %llu",
                     (unsigned long long)v->version, (unsigned long long)photo->ms);
        if (v->document) run_compare_row(run, v->document, doc);
    }
}

void run_versions(struct run *run) {
    struct model_collection *c = run_collection(run);
    struct engine_collection handle = {.target = run_target(c)};
    struct engine_versions *versions;
    struct engine_version v;
    struct model_id id = random_id(run);
    const struct model_doc *doc = model_find(c, &id);
    uint64_t to_ts = UINT64_MAX;
    bool found = true;
    run_note(run, "versions %s %lld%s", c->name, (long long)id.number, id.text);
    nacre_status status =
        engine_versions_open(&run->ctx, run->engine, &handle, model_id_val(&id), &versions);
    if (!c->there) {
        run_expect(run, "versions", status, run_absent(run, c));
        return;
    }
    if (doc || status == NACRE_OK) // a forgotten one may have old versions
        run_expect(run, "versions", status, NACRE_OK);
    else
        run_expect(run, "versions", status, NACRE_DOCUMENT_NOT_FOUND);
    if (status != NACRE_OK) return;
    for (bool first = true; found; first = false) {
        status = engine_versions_next(&run->ctx, versions, &v, &found);
        run_expect(run, "next version", status, NACRE_OK);
        if (!found) break;
        run->counts.versions++;
        if (v.begin_ts >= to_ts) run_fail(run, "versions are out of order");
        if (first && doc && doc->live) run_compare_row(run, v.document, doc);
        if (first && doc && (doc->version != v.version || doc->live != (v.document != NULL)))
            run_fail(run, "the newest version is %llu", (unsigned long long)v.version);
        compare_version(run, c, &id, &v, to_ts);
        to_ts = v.begin_ts;
    }
    engine_versions_close(versions);
}
