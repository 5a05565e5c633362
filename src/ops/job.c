#include "ops/job.h"

#include <stdio.h>

#include "base/os/mutex.h"
#include "base/os/thread.h"
#include "base/text/time.h"
#include "doc/json.h"

enum { JOBS_RUNNING_MAX = 4, JOBS_KEPT = 100, PROBLEMS_MAX = 20, PATH_MAX_BYTES = 4096 };

enum job_state { JOB_RUNNING, JOB_DONE, JOB_FAILED, JOB_CANCELLED };
static const char *const state_names[] = {"running", "done", "failed", "cancelled"};
static const char *const kind_names[] = {"backup_create", "backup_verify", "backup_restore"};

struct op_job {
    struct op_job *next; // older
    struct op_jobs *jobs;
    struct op_job_request request;
    char id[37];
    nacre_backups *backups; // until the thread is joined
    struct thread thread;
    uint64_t began_ms, ended_ms;
    enum job_state state;
    bool joined;
    struct buf error, problems; // the thread's until state is set: JSON; texts with commas
    uint64_t problem_count;
};

struct op_jobs {
    nacre_db *db;
    const char *dir;
    const struct world *world;
    struct mutex mutex; // guards the list, and state, joined and ended_ms of each
    struct op_job *first;
};

struct op_jobs *op_jobs_open(nacre_db *db, const char *backups, const struct world *world) {
    struct op_jobs *jobs = mem_zalloc(sizeof *jobs);
    if (!jobs) return NULL;
    jobs->db = db;
    jobs->dir = backups;
    jobs->world = world;
    mutex_init(&jobs->mutex);
    return jobs;
}

static void free_job(struct op_job *job) {
    if (!job->joined) thread_join(&job->thread);
    nacre_backups_close(job->backups);
    buf_free(&job->error);
    buf_free(&job->problems);
    mem_free(job);
}

void op_jobs_close(struct op_jobs *jobs) {
    if (!jobs) return;
    mutex_lock(&jobs->mutex);
    for (struct op_job *job = jobs->first; job; job = job->next)
        nacre_backups_cancel(job->backups);
    mutex_unlock(&jobs->mutex);
    while (jobs->first) {
        struct op_job *job = jobs->first;
        jobs->first = job->next;
        free_job(job);
    }
    mutex_destroy(&jobs->mutex);
    mem_free(jobs);
}

nacre_status op_jobs_backups(const struct op_call *call, const char **out) {
    if (call->jobs && call->jobs->dir) {
        *out = call->jobs->dir;
        return NACRE_OK;
    }
    nacre_status status =
        err_set(call->ctx, NACRE_PERMISSION_DENIED, "this server has no directory for backups");
    err_hint(call->ctx, "nacre serve --backups DIR names one");
    return status;
}

// --- the work ---

static void note_problem(void *arg, const char *text) {
    struct op_job *job = arg;
    if (job->problem_count++ >= PROBLEMS_MAX) return;
    if (job->problems.n) buf_put_u8(&job->problems, ',');
    json_write_str(&job->problems, slice_str(text));
}

static nacre_status restore(struct op_job *job) {
    char to[PATH_MAX_BYTES];
    const struct op_job_request *r = &job->request;
    nacre_restore_options options = {.to = to, .time = r->time[0] ? r->time : NULL};
    // No name of a backup has a dot.
    int n = snprintf(to, sizeof to, "%s/%s.restored", job->jobs->dir, r->as);
    if (n < 0 || n >= (int)sizeof to) return NACRE_INVALID_ARGUMENT;
    return nacre_backup_restore(job->backups, r->name, &options);
}

static nacre_status work(struct op_job *job) {
    const struct op_job_request *r = &job->request;
    const char *json;
    uint64_t problems;
    if (r->kind == OP_JOB_BACKUP_CREATE)
        return nacre_backup_create(job->backups, job->jobs->db, r->name,
                                   r->parent[0] ? r->parent : NULL, &json);
    if (r->kind == OP_JOB_BACKUP_RESTORE) return restore(job);
    return nacre_backup_verify(job->backups, r->name, note_problem, job, &problems);
}

static void run(void *arg) {
    struct op_job *job = arg;
    struct op_jobs *jobs = job->jobs;
    nacre_status status = work(job);
    if (status != NACRE_OK) buf_put_str(&job->error, nacre_backups_problem(job->backups));
    mutex_lock(&jobs->mutex);
    job->ended_ms = world_wall_ms(jobs->world);
    job->state = status == NACRE_CANCELLED                  ? JOB_CANCELLED
                 : status != NACRE_OK || job->problem_count ? JOB_FAILED
                                                            : JOB_DONE;
    mutex_unlock(&jobs->mutex);
}

// --- the list ---

// Under mutex.
static void print(const struct op_job *job, struct buf *out) {
    char time[TIME_TEXT_MAX];
    size_t n = time_print((int64_t)job->began_ms, time);
    bool over = job->state != JOB_RUNNING;
    double progress = job->state == JOB_DONE ? 1 : nacre_backups_progress(job->backups);
    buf_printf(out,
               "{\"id\":\"%s\",\"kind\":\"%s\",\"state\":\"%s\",\"backup\":\"%s\","
               "\"progress\":%.4f,\"began\":\"%.*s\"",
               job->id, kind_names[job->request.kind], state_names[job->state], job->request.name,
               progress, (int)n, time);
    if (over) {
        n = time_print((int64_t)job->ended_ms, time);
        buf_printf(out, ",\"ended\":\"%.*s\"", (int)n, time);
    }
    if (over && job->error.n) {
        buf_put_str(out, ",\"error\":");
        buf_put_slice(out, buf_slice(&job->error));
    }
    if (over && job->problems.n) {
        buf_put_str(out, ",\"problems\":[");
        buf_put_slice(out, buf_slice(&job->problems));
        buf_put_u8(out, ']');
    }
    buf_put_u8(out, '}');
}

bool op_jobs_print(struct op_jobs *jobs, const char *id, struct buf *out) {
    bool any = false;
    if (!jobs) return false;
    mutex_lock(&jobs->mutex);
    for (const struct op_job *job = jobs->first; job; job = job->next) {
        if (id && strcmp(job->id, id) != 0) continue;
        if (any) buf_put_u8(out, ',');
        print(job, out);
        any = true;
    }
    mutex_unlock(&jobs->mutex);
    return any;
}

bool op_job_cancel(struct op_jobs *jobs, const char *id) {
    bool runs = false;
    if (!jobs) return false;
    mutex_lock(&jobs->mutex);
    for (struct op_job *job = jobs->first; job && !runs; job = job->next) {
        runs = job->state == JOB_RUNNING && strcmp(job->id, id) == 0;
        if (runs) nacre_backups_cancel(job->backups);
    }
    mutex_unlock(&jobs->mutex);
    return runs;
}

// Under mutex. Takes out the oldest of too many that are over; NULL: none. *running: how many run.
static struct op_job *take_old(struct op_jobs *jobs, size_t *running) {
    struct op_job **old = NULL;
    size_t over = 0;
    *running = 0;
    for (struct op_job **link = &jobs->first; *link; link = &(*link)->next) {
        if ((*link)->state == JOB_RUNNING) {
            ++*running;
            continue;
        }
        over++;
        old = link;
    }
    if (over < JOBS_KEPT) return NULL;
    struct op_job *taken = *old;
    *old = taken->next;
    return taken;
}

static nacre_status new_job(struct op_call *call, const struct op_job_request *request,
                            struct op_job **out) {
    struct op_jobs *jobs = call->jobs;
    struct op_job *job = mem_zalloc(sizeof *job);
    if (!job) return err_nomem(call->ctx);
    job->jobs = jobs;
    job->request = *request;
    job->joined = true; // there is no thread yet
    job->began_ms = world_wall_ms(jobs->world);
    world_uuid7(jobs->world, job->id);
    buf_init(&job->error, NULL, 1 << 16);
    buf_init(&job->problems, NULL, 1 << 16);
    if (nacre_backups_open(jobs->dir, &job->backups) != NACRE_OK) {
        free_job(job);
        return err_nomem(call->ctx);
    }
    *out = job;
    return NACRE_OK;
}

// Under mutex: it is in the list before it can end.
static nacre_status begin(struct op_call *call, struct op_job *job) {
    TRY(thread_start(call->ctx, "nacre-job", run, job, &job->thread));
    job->joined = false;
    job->next = call->jobs->first;
    call->jobs->first = job;
    print(job, &call->answer.body);
    return NACRE_OK;
}

nacre_status op_job_start(struct op_call *call, const struct op_job_request *request) {
    struct op_jobs *jobs = call->jobs;
    const char *dir;
    struct op_job *job = NULL;
    size_t running;
    TRY(op_jobs_backups(call, &dir));
    TRY(new_job(call, request, &job));
    mutex_lock(&jobs->mutex);
    struct op_job *old = take_old(jobs, &running);
    nacre_status status = NACRE_OK;
    if (running >= JOBS_RUNNING_MAX)
        status = err_set(call->ctx, NACRE_RATE_LIMITED, "%d jobs run already", JOBS_RUNNING_MAX);
    else
        status = begin(call, job);
    if (status == NACRE_OK) buf_printf(&call->answer.location, "/v1/jobs/%s", job->id);
    mutex_unlock(&jobs->mutex);
    if (old) free_job(old);
    if (status != NACRE_OK) free_job(job);
    return status;
}
