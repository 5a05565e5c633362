/* Workers that share a queue: each job is claimed, done and deleted by exactly one of them. If a
 * worker died, its lease would end after a while, and another would claim the job.
 *   claim DIR
 */
#include <nacre/nacre.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum { JOBS = 200, WORKERS = 4 };

struct worker {
    pthread_t thread;
    nacre_db *db;
    int number, done;
};

/* Takes the oldest waiting job, marks it as running and borrows it for ten seconds. */
static const char *claim_spec = "{\"filter\": {\"state\": \"waiting\"}, \"sort\": [\"created\"],"
                                " \"set\": {\"state\": \"running\"}, \"lease_ms\": 10000}";

/* The token stands in the claimed document as {"_lease": {"token": "…"}}. */
static void token_of(const char *json, char *out, size_t size) {
    const char *at = strstr(json, "\"token\":\"");
    size_t n;
    out[0] = '\0';
    if (!at) return;
    at += strlen("\"token\":\"");
    n = strcspn(at, "\"");
    if (n >= size) return;
    memcpy(out, at, n);
    out[n] = '\0';
}

static int work(struct worker *w, nacre_session *s) {
    nacre_collection jobs = nacre_collection_of(NULL, "jobs");
    for (;;) {
        const char *job;
        char token[64];
        long id;
        nacre_write fence;
        if (nacre_claim(s, &jobs, claim_spec, NULL, &job, NULL) != NACRE_OK) return 0;
        if (!job) return 1; /* nothing left */
        if (sscanf(job, "{\"_id\":%ld", &id) != 1) return 0;
        token_of(job, token, sizeof token);
        /* … the work would be done here … */
        memset(&fence, 0, sizeof fence);
        fence.lease = token; /* refused if another worker has the job by now */
        if (nacre_delete(s, &jobs, nacre_id_integer(id), &fence, NULL) != NACRE_OK) return 0;
        w->done++;
    }
}

static void *worker_main(void *arg) {
    struct worker *w = arg;
    nacre_session *s;
    if (nacre_session_open(w->db, &s) != NACRE_OK) return NULL;
    if (!work(w, s)) fprintf(stderr, "worker %d: %s\n", w->number, nacre_error_detail(s));
    nacre_session_close(s);
    return NULL;
}

/* The index serves the filter and the order, so that a claim looks at one job only. */
static int make_jobs(nacre_session *s) {
    nacre_collection jobs = nacre_collection_of(NULL, "jobs");
    int i;
    if (nacre_collection_create(s, &jobs,
                                "{\"indexes\": [{\"name\": \"waiting\","
                                " \"fields\": [\"state\", \"created\"]}]}",
                                NULL) != NACRE_OK)
        return 0;
    for (i = 1; i <= JOBS; i++) {
        char json[64];
        nacre_id id = nacre_id_integer(i);
        nacre_write fast;
        memset(&fast, 0, sizeof fast);
        fast.durability = NACRE_MEMORY;
        snprintf(json, sizeof json, "{\"state\": \"waiting\", \"created\": %d}", i);
        if (nacre_put(s, &jobs, &id, json, strlen(json), &fast, NULL) != NACRE_OK) return 0;
    }
    return 1;
}

static int run(nacre_db *db) {
    struct worker workers[WORKERS];
    nacre_session *s;
    int i, good, total = 0;
    if (nacre_session_open(db, &s) != NACRE_OK) return 1;
    good = make_jobs(s);
    if (!good) fprintf(stderr, "%s\n", nacre_error_detail(s));
    nacre_session_close(s);
    if (!good) return 1;
    memset(workers, 0, sizeof workers);
    for (i = 0; i < WORKERS; i++) {
        workers[i].db = db;
        workers[i].number = i;
        if (pthread_create(&workers[i].thread, NULL, worker_main, &workers[i]) != 0) return 1;
    }
    for (i = 0; i < WORKERS; i++) {
        pthread_join(workers[i].thread, NULL);
        printf("worker %d did %d jobs\n", i, workers[i].done);
        total += workers[i].done;
    }
    printf("%d of %d jobs were done once\n", total, JOBS);
    return total == JOBS ? 0 : 1;
}

int main(int argc, char **argv) {
    nacre_open_error error = {NACRE_OK, "", ""};
    nacre_options options;
    nacre_db *db;
    int code;
    memset(&options, 0, sizeof options);
    options.create = 1;
    options.error = &error;
    if (argc != 2) {
        fprintf(stderr, "usage: claim DIR\n");
        return 2;
    }
    if (nacre_open(argv[1], &options, &db) != NACRE_OK) {
        fprintf(stderr, "%s\n%s\n", error.detail, error.hint);
        return 1;
    }
    code = run(db);
    if (nacre_close(db, &error) != NACRE_OK) {
        fprintf(stderr, "%s\n", error.detail);
        code = 1;
    }
    return code;
}
