#include "support/model_run_where.h"

#include <stdio.h>

#include "base/err/check.h"
#include "engine/where.h"
#include "support/model_query.h"
#include "support/model_write.h"

struct change {
    struct where_request request;
    const struct naive_cond *cond;
    const char *patch;
    enum patch_kind patch_kind;
    uint32_t chunk; // documents of one
    bool keyed;
    uint32_t stop_after; // chunks; 0: it is not stopped
    uint32_t chunks;     // so far
};

static bool on_chunk(void *arg, const struct where_result *so_far) {
    struct change *c = arg;
    (void)so_far;
    return ++c->chunks != c->stop_after;
}

// How far the build of a unique index has come decides what collides.
static bool is_open(const struct model_collection *c) {
    for (uint32_t i = 0; i < c->index_count; i++)
        if (c->indexes[i].unique && c->indexes[i].state == MODEL_BUILDING) return true;
    return false;
}

static void choose(struct run *run, const struct model_collection *c, struct change *out) {
    static uint64_t number;
    static char key[24];
    struct where_request *r = &out->request;
    *out = (struct change){.chunk = 1 + run_below(run, 4)};
    out->cond = random_cond(run, c, COND_QUERY);
    r->target = run_target(c);
    r->kind = run_chance(run, 75) ? WRITE_PATCH : WRITE_DELETE;
    r->filter = slice_str(random_spelling(run, out->cond));
    if (r->kind == WRITE_PATCH) {
        out->patch = random_patch(run, &out->patch_kind);
        r->body = model_json(&run->model, out->patch);
        r->format = out->patch_kind == PATCH_JSON    ? PATCH_FORMAT_OPS
                    : out->patch_kind == PATCH_MERGE ? PATCH_FORMAT_MERGE
                                                     : PATCH_FORMAT_OBJECT;
    }
    r->atomic = run_chance(run, 30);
    if (r->atomic) out->chunk = 0;
    r->chunk = out->chunk;
    r->durability = run_chance(run, 90) ? DURABILITY_MEMORY : DURABILITY_SYNCED;
    r->progress = on_chunk;
    r->arg = out;
    r->tx = run->tx;
    out->keyed = !run->tx && run_chance(run, 40);
    if (!out->keyed) return;
    snprintf(key, sizeof key, "w%llu", (unsigned long long)++number);
    r->idempotency = (struct idempotency){.key = slice_str(key), .body_hash = number};
    if (run_chance(run, 50)) out->stop_after = 1 + run_below(run, 3);
}

// Chunk by chunk, as long as each goes well. Counts those that are done.
static nacre_status model_change(struct run *run, struct model_collection *c,
                                 const struct change *ch, const struct model_rows *rows,
                                 uint32_t *from, uint32_t chunks) {
    while (*from < rows->count && chunks) {
        struct model_op *ops = mem_alloc(rows->count * sizeof *ops);
        uint32_t n = rows->count - *from, failed;
        CHECK(ops != NULL);
        if (ch->chunk && n > ch->chunk) n = ch->chunk;
        for (uint32_t i = 0; i < n; i++)
            ops[i] = (struct model_op){.kind = ch->request.kind,
                                       .id = rows->docs[*from + i]->id,
                                       .patch_kind = ch->patch_kind,
                                       .patch = ch->patch};
        nacre_status status = model_write_batch(&run->model, c, ops, n, true, &failed);
        mem_free(ops);
        if (status != NACRE_OK) return status;
        *from += n;
        chunks--;
    }
    return NACRE_OK;
}

static void compare(struct run *run, const struct where_result *told, uint64_t changed) {
    if (told->changed == changed) return;
    run_fail(run, "%llu documents changed, by the model %llu", (unsigned long long)told->changed,
             (unsigned long long)changed);
}

// It was stopped between two chunks: goes on with its key, now or after a restart.
static void go_on(struct run *run, struct model_collection *c, struct change *ch,
                  const struct model_rows *rows, uint32_t *done) {
    struct where_result told;
    if (run_chance(run, 10)) run_reopen(run);
    nacre_status status = engine_where(&run->ctx, run->engine, &ch->request, &told);
    nacre_status want = model_change(run, c, ch, rows, done, UINT32_MAX);
    run_expect(run, "going on", status, want);
    if (status != NACRE_OK) return;
    compare(run, &told, *done);
}

void run_where(struct run *run) {
    static const struct model_order by_id = {0};
    struct model_collection *c = run_collection(run);
    struct change ch;
    struct where_result told;
    struct model_rows rows;
    uint32_t done = 0;
    if (is_open(c)) return;
    choose(run, c, &ch);
    run_note(run, "%s where %s%s%s: %.*s %s", ch.request.kind == WRITE_PATCH ? "patch" : "delete",
             ch.request.atomic ? "atomic" : "", ch.keyed ? "keyed" : "",
             ch.stop_after ? " stop" : "", (int)ch.request.filter.n,
             (const char *)ch.request.filter.p, ch.patch ? ch.patch : "");
    nacre_status status = engine_where(&run->ctx, run->engine, &ch.request, &told);
    if (!c->there) {
        run_expect(run, "change of no collection", status, run_absent(run, c));
        return;
    }
    model_select(&run->model, c, ch.cond, &by_id, false, &rows);
    run->counts.wheres++;
    nacre_status want =
        model_change(run, c, &ch, &rows, &done, ch.stop_after ? ch.stop_after : UINT32_MAX);
    if (want == NACRE_OK && done < rows.count) want = NACRE_CANCELLED;
    run_expect(run, "change", status, want);
    compare(run, &told, done);
    ch.stop_after = 0;
    if (status == NACRE_CANCELLED) go_on(run, c, &ch, &rows, &done);
    if (status != NACRE_OK || !ch.keyed) return;
    run_expect(run, "the same again", engine_where(&run->ctx, run->engine, &ch.request, &told),
               NACRE_OK);
    compare(run, &told, done);
    if (!told.replayed) run_fail(run, "not answered from its record");
}
