#include "support/model_run_feed.h"

#include <stdlib.h>
#include <string.h>

#include "base/err/check.h"
#include "doc/key.h"
#include "engine/changes.h"
#include "support/model_run_writes.h"

enum { DAY_MS = 24 * 3600 * 1000 };

void run_followers_free(struct run *run) {
    for (int i = 0; i < MODEL_COLLECTIONS; i++)
        free(run->followers[i].known);
}

static struct run_known *know(struct run_follower *f, const struct model_id *id) {
    for (uint32_t i = 0; i < f->count; i++)
        if (model_id_eq(&f->known[i].id, id)) return &f->known[i];
    if (f->count == f->cap) {
        f->cap = f->cap ? 2 * f->cap : 64;
        f->known = realloc(f->known, f->cap * sizeof *f->known);
        CHECK(f->known != NULL);
    }
    f->known[f->count] = (struct run_known){.id = *id};
    return &f->known[f->count++];
}

// --- one change -------------------------------------------------------------------------

// The newest version has its image; an older one, if it is kept.
static void compare_image(struct run *run, const struct model_collection *c,
                          const struct model_id *id, const struct engine_change *change) {
    const struct model_doc *doc = model_find(c, id);
    bool newest = doc && doc->version == change->record.version &&
                  doc->updated_ms == change->record.commit_ts >> 20;
    if (change->record.op == CHANGE_DELETE) {
        if (change->document) run_fail(run, "a deletion has an image");
        return;
    }
    if (newest && !change->document) run_fail(run, "the newest version has no image");
    if (!change->document) return;
    run->counts.images++;
    if (newest) run_compare_row(run, change->document, doc);
    if (change->document->version != change->record.version ||
        change->document->begin_ts != change->record.commit_ts)
        run_fail(run, "the image is of another version");
}

static void take_change(struct run *run, const struct model_collection *c, struct run_follower *f,
                        const struct engine_change *change) {
    const struct change_record *r = &change->record;
    struct slice in = r->id_key;
    struct val v;
    CHECK(key_decode(&run->ctx, &in, false, KEY_TB_PLAIN, &v) == NACRE_OK);
    struct model_id id = model_id_of(v);
    struct run_known *known = know(f, &id);
    uint64_t ms = r->commit_ts >> 20;
    run_note(run, " change of %lld%s: op %d version %llu", (long long)id.number, id.text,
             (int)r->op, (unsigned long long)r->version);
    if (feed_place_cmp(r->place, f->at) <= 0) run_fail(run, "a change came again");
    if (ms < known->commit_ms) run_fail(run, "changes of a document are out of order");
    bool forgotten = r->version == 1 && !known->live && ms >= known->commit_ms + DAY_MS;
    if (r->version != known->version + 1 && !forgotten)
        run_fail(run, "version %llu follows %llu", (unsigned long long)r->version,
                 (unsigned long long)known->version);
    if ((r->op == CHANGE_INSERT) == known->live) run_fail(run, "op %d does not fit", (int)r->op);
    compare_image(run, c, &id, change);
    known->version = r->version;
    known->commit_ms = ms;
    known->live = r->op != CHANGE_DELETE;
    f->at = r->place;
    run->counts.changes++;
}

// --- a feed -----------------------------------------------------------------------------

// Begins anew with what there is now.
static void begin(struct run *run, const struct model_collection *c, struct run_follower *f,
                  uint32_t tablet) {
    struct view *view = engine_view(run->engine);
    f->count = 0;
    f->tablet = tablet;
    f->at = (struct feed_place){.seq = view->seq, .i = UINT32_MAX};
    f->read_ms = run->model.now_ms;
    txn_view_release(view);
    for (uint32_t i = 0; i < c->count; i++) {
        const struct model_doc *doc = c->docs[i];
        struct run_known *known = know(f, &doc->id);
        known->version = doc->version;
        known->commit_ms = doc->updated_ms;
        known->live = doc->live;
    }
}

static void compare_end(struct run *run, const struct model_collection *c, struct run_follower *f) {
    for (uint32_t i = 0; i < c->count; i++) {
        const struct model_doc *doc = c->docs[i];
        const struct run_known *known = know(f, &doc->id);
        if (known->version != doc->version || known->live != doc->live)
            run_fail(run, "the feed ends with version %llu of %lld%s, the model with %llu",
                     (unsigned long long)known->version, (long long)doc->id.number, doc->id.text,
                     (unsigned long long)doc->version);
    }
}

static void read_feed(struct run *run, const struct model_collection *c, struct run_follower *f,
                      const struct changes_request *request) {
    struct engine_changes *changes;
    struct engine_change change;
    bool found = true;
    uint64_t generation, stop_after = run_chance(run, 40) ? run_below(run, 10) : UINT64_MAX;
    nacre_status status = engine_changes_open(&run->ctx, run->engine, request, &changes);
    // A record is trimmed with all before it, so what was read to the end misses nothing. The
    // engine trims by itself what is a day old.
    bool late = f->read_ms < run->changes_ms || f->read_ms + DAY_MS < run->model.now_ms;
    if (status == NACRE_HISTORY_EXPIRED && late) {
        begin(run, c, f, request->collection.tablet);
        return;
    }
    run_expect(run, "a feed", status, NACRE_OK);
    for (uint64_t n = 0; found && n < stop_after; n++) {
        status = engine_changes_next(&run->ctx, changes, 0, &change, &found);
        run_expect(run, "the next change", status, NACRE_OK);
        if (found) take_change(run, c, f, &change);
    }
    f->at = engine_changes_place(changes, &generation);
    engine_changes_close(changes);
    if (found) return; // the next reading goes on here
    compare_end(run, c, f);
    f->read_ms = run->model.now_ms;
}

void run_feed(struct run *run) {
    uint32_t which = run_below(run, MODEL_COLLECTIONS);
    const struct model_collection *c = &run->model.collections[which];
    struct run_follower *f = &run->followers[which];
    struct changes_request request = {.has_since = true, .collection.target = run_target(c)};
    nacre_status status =
        engine_resolve(&run->ctx, run->engine, request.collection.target, &request.collection);
    run_note(run, "feed of %s", c->name);
    run_expect(run, "feed", status, c->there ? NACRE_OK : run_absent(run, c));
    if (status != NACRE_OK) return;
    if (f->tablet != request.collection.tablet) {
        begin(run, c, f, request.collection.tablet);
        return;
    }
    request.since = f->at;
    read_feed(run, c, f, &request);
}

void run_trim_changes(struct run *run) {
    struct command_horizon horizon = {.records_max = HORIZON_RECORDS_MAX};
    struct buf payload BUF_CLEANUP = {0};
    struct result result;
    uint64_t ms = run->model.now_ms - run_below(run, 20000);
    horizon.changes_ts = ms << 20;
    buf_init(&payload, NULL, 64);
    command_horizon_encode(&payload, &horizon);
    struct engine_command command = {
        .type = COMMAND_HORIZON, .durability = DURABILITY_MEMORY, .payload = buf_slice(&payload)};
    run_note(run, "changes before %llu may go", (unsigned long long)ms);
    if (ms > run->changes_ms) run->changes_ms = ms;
    run_expect(run, "horizon", engine_submit(&run->ctx, run->engine, &command, &result), NACRE_OK);
}
