// Workers that compete for jobs: threads of this process, for a directory has one process.
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/demo.h"
#include "cli/json.h"
#include "cli/out.h"

enum { JOBS = 2000, WORKERS_MAX = 64 };

struct board {
    struct demo *demo;
    atomic_uint wins[JOBS];
    atomic_uint errors;
    char error[256]; // of the first of them
};

struct worker {
    struct board *board;
    unsigned number, won;
};

static void note_error(struct board *board, nacre_session *session, nacre_status status) {
    if (atomic_fetch_add(&board->errors, 1) > 0) return;
    snprintf(board->error, sizeof board->error, "%s (%s)",
             session ? nacre_error_detail(session) : "", nacre_status_code(status));
}

// Claims one job and finishes it. False: there is none left, or an error.
static bool work_once(struct worker *worker, nacre_session *session, nacre_collection *jobs) {
    struct board *board = worker->board;
    char spec[192];
    snprintf(spec, sizeof spec,
             "{\"filter\":\"state = 'waiting'\",\"set\":{\"state\":\"running\"},"
             "\"lease_ms\":60000,\"holder\":\"worker %u\"}",
             worker->number);
    const char *json = NULL;
    nacre_status status = nacre_claim(session, jobs, spec, NULL, &json, NULL);
    if (status != NACRE_OK) note_error(board, session, status);
    if (status != NACRE_OK || !json) return false;
    struct cli_slice job = cli_slice_of(json), token;
    uint64_t id = cli_json_uint(job, "_id", JOBS);
    struct cli_text text = {0};
    if (cli_json_path(job, "_lease.token", &token)) cli_json_text(token, &text);
    if (id < JOBS) atomic_fetch_add(&board->wins[id], 1);
    worker->won++;
    status = nacre_release(session, jobs, nacre_id_integer((int64_t)id), cli_text_of(&text),
                           "{\"state\":\"done\"}", NULL, NULL);
    if (status != NACRE_OK) note_error(board, session, status);
    cli_text_free(&text);
    return status == NACRE_OK;
}

static void *work(void *arg) {
    struct worker *worker = arg;
    nacre_session *session = NULL;
    nacre_collection jobs = nacre_collection_of(NULL, "jobs");
    nacre_status status = nacre_session_open(worker->board->demo->db, &session);
    if (status != NACRE_OK) {
        note_error(worker->board, NULL, status);
        return NULL;
    }
    while (work_once(worker, session, &jobs))
        continue;
    nacre_session_close(session);
    return NULL;
}

static bool add_jobs(struct demo *demo, nacre_collection *jobs) {
    struct cli_text batch = {0};
    cli_text_puts(&batch, "{\"operations\":[");
    for (int i = 0; i < JOBS; i++)
        cli_text_format(&batch, "%s{\"op\":\"put\",\"id\":%d,\"document\":{\"state\":\"waiting\"}}",
                        i > 0 ? "," : "", i);
    cli_text_puts(&batch, "]}");
    const char *json = NULL;
    nacre_status status =
        nacre_index_create(demo->session, jobs, "by_state", "{\"fields\":[\"state\"]}", NULL);
    if (status == NACRE_COLLECTION_NOT_FOUND) {
        status = nacre_collection_create(demo->session, jobs,
                                         "{\"indexes\":[{\"name\":\"by_state\","
                                         "\"fields\":[\"state\"]}]}",
                                         NULL);
    }
    if (status == NACRE_OK) status = nacre_index_wait(demo->session, jobs, "by_state");
    if (status == NACRE_OK)
        status =
            nacre_batch(demo->session, jobs, cli_text_of(&batch), batch.size, NULL, &json, NULL);
    cli_text_free(&batch);
    return demo_ok(demo, status, "adding jobs");
}

static void compete(struct board *board, struct worker *workers, unsigned count) {
    for (unsigned i = 0; i < count; i++)
        workers[i] = (struct worker){.board = board, .number = i};
    if (!demo_threads_run(work, workers, sizeof *workers, count))
        note_error(board, NULL, NACRE_UNAVAILABLE);
}

static void tell_wins(struct demo *demo, struct board *board, const struct worker *workers,
                      double seconds) {
    unsigned once = 0, twice = 0, least = UINT32_MAX, most = 0;
    for (int i = 0; i < JOBS; i++) {
        once += atomic_load(&board->wins[i]) == 1;
        twice += atomic_load(&board->wins[i]) > 1;
    }
    for (unsigned i = 0; i < demo->workers; i++) {
        least = workers[i].won < least ? workers[i].won : least;
        most = workers[i].won > most ? workers[i].won : most;
    }
    char a[32], b[32], c[32];
    demo_say(demo, "%s jobs, %u workers: %s (%s claims and as many releases a second, all synced)",
             cli_grouped(a, JOBS), demo->workers, cli_duration(b, seconds),
             cli_grouped(c, (uint64_t)(JOBS / seconds)));
    demo_say(demo, "a worker won %u to %u of them", least, most);
    demo_expect(demo, once == JOBS && twice == 0, "%s jobs were won once, %u twice",
                cli_grouped(a, once), twice);
    demo_expect(demo, atomic_load(&board->errors) == 0, "%u calls failed%s%s",
                atomic_load(&board->errors), board->error[0] ? ": " : "", board->error);
}

// A token that is no longer current writes nothing.
static void show_fence(struct demo *demo, nacre_collection *jobs) {
    struct cli_text token = {0};
    struct cli_slice value;
    const char *json = NULL;
    nacre_status status =
        nacre_put(demo->session, jobs, NULL, "{\"_id\":\"late\"}", 14, NULL, NULL);
    if (status == NACRE_OK)
        status =
            nacre_claim(demo->session, jobs, "{\"filter\":{\"_id\":\"late\"}}", NULL, &json, NULL);
    if (!demo_ok(demo, status, "claiming")) return;
    if (json && cli_json_path(cli_slice_of(json), "_lease.token", &value))
        cli_json_text(value, &token);
    nacre_id id = nacre_id_string("late");
    status = nacre_release(demo->session, jobs, id, cli_text_of(&token), NULL, NULL, NULL);
    demo_ok(demo, status, "releasing");
    nacre_write fenced = {.lease = cli_text_of(&token)};
    status = nacre_put(demo->session, jobs, &id, "{}", 2, &fenced, NULL);
    demo_expect(demo, status == NACRE_LEASE_LOST,
                "a write with a lease that has ended: refused (%s)", nacre_status_code(status));
    cli_text_free(&token);
}

void demo_claims(struct demo *demo) {
    demo_step(demo, "Claimed by competing workers");
    nacre_collection jobs = nacre_collection_of(NULL, "jobs");
    if (!add_jobs(demo, &jobs)) return;
    struct board *board = cli_alloc(sizeof *board);
    struct worker *workers = cli_alloc(WORKERS_MAX * sizeof *workers);
    board->demo = demo;
    double began = cli_now();
    compete(board, workers, demo->workers);
    tell_wins(demo, board, workers, cli_now() - began);
    uint64_t done = 0;
    char a[32];
    if (demo_ok(demo, nacre_count(demo->session, &jobs, "state = 'done'", &done), "counting"))
        demo_expect(demo, done == JOBS, "%s jobs are done", cli_grouped(a, done));
    show_fence(demo, &jobs);
    cli_free(board);
    cli_free(workers);
}
