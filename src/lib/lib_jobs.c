// Jobs: work that goes on behind calls, told from the catalog, where it stands as long as the work
// does (so a restart changes neither), and changes by filter from what runs.
#include <stdio.h>
#include <stdlib.h>

#include "doc/json.h"
#include "lib/lib.h"

enum { JOB_ID_MAX = 64 };

struct job {
    char id[JOB_ID_MAX];
    const char *kind, *state, *database, *collection, *index;
    uint64_t documents; // done so far
    bool has_progress;
    double progress;
    const char *error; // text; NULL: none
    // How it is cancelled:
    const struct collection *of;
    const struct index_def *def; // NULL: the change of the schema
};

struct jobs {
    struct nacre_session *s;
    struct view *view;
    const char *only; // an id; NULL: all that is under way or has failed
    struct job found; // the last one told
    struct buf *out;  // NULL: not printed
    bool any;
};

static void put_job(struct jobs *j, const struct job *job) {
    struct buf *out = j->out;
    j->found = *job;
    if (out) {
        buf_printf(out, "%s{\"id\":\"%s\",\"kind\":\"%s\",\"state\":\"%s\",\"database\":\"%s\"",
                   j->any ? "," : "", job->id, job->kind, job->state, job->database);
        buf_printf(out, ",\"collection\":\"%s\"", job->collection);
        if (job->index) buf_printf(out, ",\"index\":\"%s\"", job->index);
        buf_printf(out, ",\"documents\":%llu", (unsigned long long)job->documents);
        if (job->has_progress) buf_printf(out, ",\"progress\":%.4f", job->progress);
        if (job->error) {
            buf_put_str(out, ",\"error\":");
            json_write_str(out, slice_str(job->error));
        }
        buf_put_u8(out, '}');
    }
    j->found.error = NULL; // its text goes with the caller
    j->any = true;
}

// Whether it is asked for: a job that is over only by its id.
static bool is_wanted(const struct jobs *j, const struct job *job, bool over) {
    return j->only ? strcmp(j->only, job->id) == 0 : !over;
}

static nacre_status set_progress(struct jobs *j, const struct collection *c, struct job *job) {
    struct tablet_counters counters;
    TRY(tablet_read(&j->s->ctx, j->view->kv, j->view->kv_view, c->tablet, &counters));
    job->has_progress = true;
    if (counters.documents) job->progress = (double)job->documents / (double)counters.documents;
    if (job->progress > 1) job->progress = 1; // documents were deleted behind it
    return NACRE_OK;
}

static struct job job_of(const struct jobs *j, const struct collection *c, const char *kind) {
    const struct database *database = catalog_database_by_id(j->view->catalog, c->database_id);
    return (struct job){.kind = kind,
                        .state = "running",
                        .database = database ? database->name : "",
                        .collection = c->name,
                        .of = c};
}

static nacre_status tell_index(struct jobs *j, const struct collection *c,
                               const struct index_def *index) {
    struct job job = job_of(j, c, "index_build");
    job.index = index->name;
    job.def = index;
    snprintf(job.id, sizeof job.id, "index-%u-%u", c->tablet, index->id);
    if (!is_wanted(j, &job, index->state == INDEX_READY)) return NACRE_OK;
    if (index->state == INDEX_BUILDING) {
        TRY(txn_build_progress(&j->s->ctx, j->view->kv, j->view->kv_view, c->tablet, index->id,
                               &job.documents));
        TRY(set_progress(j, c, &job));
    } else if (index->state == INDEX_FAILED) {
        job.state = "failed";
        job.error = index->error;
    } else {
        job.state = "done";
        job.has_progress = true;
        job.progress = 1;
    }
    put_job(j, &job);
    return NACRE_OK;
}

static nacre_status tell_refusal(struct jobs *j, const struct collection *c) {
    struct ctx *ctx = &j->s->ctx;
    struct job job = job_of(j, c, "schema_change");
    uint64_t refused;
    struct slice error;
    TRY(txn_schema_failure(ctx, j->view->kv, j->view->kv_view, c->tablet, &refused, &error));
    if (!refused) return NACRE_OK;
    (void)!result_error_raise(ctx, error);
    struct err raised = ctx->err;
    err_clear(ctx);
    job.state = "failed";
    job.error = raised.detail;
    snprintf(job.id, sizeof job.id, "schema-%u-%llu", c->tablet, (unsigned long long)refused);
    if (is_wanted(j, &job, false)) put_job(j, &job);
    return NACRE_OK;
}

static nacre_status tell_schema(struct jobs *j, const struct collection *c) {
    struct job job = job_of(j, c, "schema_change");
    if (!c->next_schema.n) return tell_refusal(j, c);
    snprintf(job.id, sizeof job.id, "schema-%u-%llu", c->tablet, (unsigned long long)c->next_from);
    if (!is_wanted(j, &job, false)) return NACRE_OK;
    TRY(txn_schema_progress(&j->s->ctx, j->view->kv, j->view->kv_view, c->tablet, &job.documents,
                            NULL));
    TRY(set_progress(j, c, &job));
    put_job(j, &job);
    return NACRE_OK;
}

static void tell_running(void *arg, const struct running *r) {
    struct jobs *j = arg;
    struct job job = {.kind = r->what,
                      .state = "running",
                      .database = r->database,
                      .collection = r->collection,
                      .documents = atomic_load(&r->rows)};
    if (strcmp(r->what, "update") != 0 && strcmp(r->what, "delete") != 0) return;
    snprintf(job.id, sizeof job.id, "call-%llu", (unsigned long long)r->id);
    if (is_wanted(j, &job, false)) put_job(j, &job);
}

static nacre_status tell_all(struct jobs *j) {
    const struct catalog *catalog = j->view->catalog;
    for (uint32_t i = 0; i < catalog->collection_count; i++) {
        const struct collection *c = &catalog->collections[i];
        for (uint32_t k = 0; k < c->index_count; k++)
            TRY(tell_index(j, c, &c->indexes[k]));
        TRY(tell_schema(j, c));
    }
    engine_running_each(j->s->db->engine, tell_running, j);
    return NACRE_OK;
}

static nacre_status no_job(struct nacre_session *s) {
    nacre_status status =
        err_set(&s->ctx, NACRE_NOT_FOUND, "there is no job with this id, or it is over");
    err_parameter(&s->ctx, "id");
    return status;
}

nacre_status nacre_jobs(nacre_session *s, const char *id, const char **out) {
    TRY(lib_begin(s));
    if (!out) return lib_null(s, "out", "where the text goes");
    struct jobs j = {.s = s, .only = id, .out = &s->text};
    s->text.max = LIB_TEXT_MAX;
    lib_text_reset(&s->text);
    if (!id) buf_put_str(&s->text, "{\"items\":[");
    j.view = engine_view(s->db->engine);
    nacre_status status = lib_done(s, tell_all(&j));
    txn_view_release(j.view);
    TRY(status);
    if (id && !j.any) return no_job(s);
    if (!id) buf_put_str(&s->text, "]}");
    return lib_text_give(s, &s->text, out, NULL);
}

// --- cancelling ---

static nacre_status cancel_index(struct nacre_session *s, const struct job *job) {
    struct result result;
    struct catalog_request drop = {
        .op = CATALOG_DROP_INDEX,
        .target = {.database = slice_str(job->database), .collection = slice_str(job->collection)},
        .index = slice_str(job->index)};
    if (job->def->state == INDEX_READY) return no_job(s);
    return engine_catalog(&s->ctx, s->db->engine, &drop, &result);
}

static nacre_status cancel(struct nacre_session *s, const struct jobs *j) {
    const struct job *job = &j->found;
    if (!j->any) return no_job(s);
    if (job->def) return cancel_index(s, job);
    if (!job->of)
        return engine_running_cancel(&s->ctx, s->db->engine,
                                     strtoull(job->id + sizeof "call-" - 1, NULL, 10), NULL);
    if (!job->of->next_from) return no_job(s);
    return engine_schema_cancel(&s->ctx, s->db->engine, job->of->tablet, job->of->next_from);
}

nacre_status nacre_job_cancel(nacre_session *s, const char *id) {
    TRY(lib_begin(s));
    if (!id) return lib_null(s, "id", "the id of a job");
    TRY(lib_tx_refuse(s, "cancelling a job"));
    struct jobs j = {.s = s, .only = id, .view = engine_view(s->db->engine)};
    nacre_status status = tell_all(&j);
    if (status == NACRE_OK) status = cancel(s, &j);
    txn_view_release(j.view);
    return lib_done(s, status);
}
