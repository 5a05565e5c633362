#include "support/isolation_run.h"

#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/ds/rng.h"

// Objects wander, so that lists stay short: at any time this many are used, and each is left behind
// after so many transactions.
enum {
    LISTS = 6,
    GROUPS = 3,
    TXNS_PER_OBJECT = 60,
    CLIENTS_MAX = 64,
    OPS_MAX = 6,
    LIST_MAX = 4096,
    VALUES_PER_OP = 100 // room in a history that does not grow
};

// What outlives the clients.
struct board {
    atomic_uint txns, value;
    atomic_bool failed, started;
    char text[512];
    struct iso_history h[CLIENTS_MAX + 1]; // the last is of who reads everything
};

struct shared {
    const struct iso_run *run;
    struct board *board;
    pthread_mutex_t lock; // of board->text
};

struct client {
    pthread_t thread;
    struct shared *shared;
    struct rng rng;
    nacre_session *s;
    nacre_collection lists, groups;
    struct iso_history *h;
    uint32_t seen[LIST_MAX], seen_count; // by the last read
};

static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static nacre_status wrong(struct client *c, const char *what, nacre_status status) {
    struct shared *shared = c->shared;
    pthread_mutex_lock(&shared->lock);
    if (!atomic_exchange(&shared->board->failed, true))
        snprintf(shared->board->text, sizeof shared->board->text, "%s: %d %s", what, (int)status,
                 nacre_error_problem(c->s));
    pthread_mutex_unlock(&shared->lock);
    return status;
}

// Ends of a transaction that are no failure of the database: another came first.
static bool is_lost_race(nacre_status status) {
    return status == NACRE_CONFLICT || status == NACRE_TRANSACTION_TOO_OLD;
}

static uint32_t an_object(struct client *c, uint32_t count) {
    uint32_t base = atomic_load(&c->shared->board->txns) / TXNS_PER_OBJECT;
    return base + (uint32_t)rng_below(&c->rng, count);
}

static uint32_t a_value(struct client *c) { return atomic_fetch_add(&c->shared->board->value, 1); }

// --- lists ------------------------------------------------------------------------------

static nacre_id list_id(uint32_t object) { return nacre_id_integer(object); }

static void parse_list(struct client *c, const char *json) {
    const char *at = strchr(json, '[');
    c->seen_count = 0;
    while (at && *at != ']' && c->seen_count < LIST_MAX) {
        char *end;
        unsigned long value = strtoul(at + 1, &end, 10);
        if (end == at + 1) return;
        c->seen[c->seen_count++] = (uint32_t)value;
        at = end;
    }
}

// Lists and groups are numbered by themselves; in the history a list is even, a group odd.
static void record(struct client *c, enum iso_kind kind, uint32_t object, uint32_t value) {
    bool list = kind == ISO_APPEND || kind == ISO_READ;
    iso_op(c->h, kind, 2 * object + !list, value);
}

static void record_seen(struct client *c, enum iso_kind kind, uint32_t object) {
    record(c, kind, object, 0);
    for (uint32_t i = 0; i < c->seen_count; i++)
        iso_saw(c->h, c->seen[i]);
}

static nacre_status read_list(struct client *c, uint32_t object) {
    nacre_doc doc = {0};
    const char *json;
    nacre_status status = nacre_get(c->s, &c->lists, list_id(object), &doc);
    c->seen_count = 0;
    if (status == NACRE_OK) {
        status = nacre_doc_json(c->s, &doc, "v", &json, NULL);
        if (status == NACRE_OK) parse_list(c, json);
        nacre_doc_release(&doc);
    } else if (status == NACRE_DOCUMENT_NOT_FOUND) {
        status = NACRE_OK;
    }
    if (status == NACRE_OK) record_seen(c, ISO_READ, object);
    return status;
}

// Writes back what was read, with one number more: an update that others make meanwhile is lost if
// nothing keeps it.
static nacre_status append_read(struct client *c, uint32_t object) {
    static _Thread_local char json[16 * LIST_MAX];
    nacre_status status = read_list(c, object);
    if (status != NACRE_OK) return status;
    uint32_t value = a_value(c);
    int n = snprintf(json, sizeof json, "{\"_id\":%" PRIu32 ",\"v\":[", object);
    for (uint32_t i = 0; i < c->seen_count; i++)
        n += snprintf(json + n, sizeof json - (size_t)n, "%" PRIu32 ",", c->seen[i]);
    n += snprintf(json + n, sizeof json - (size_t)n, "%" PRIu32 "]}", value);
    record(c, ISO_APPEND, object, value);
    return nacre_put(c->s, &c->lists, NULL, json, (size_t)n, NULL, NULL);
}

static nacre_status append_blind(struct client *c, uint32_t object) {
    char json[64];
    uint32_t value = a_value(c);
    int n = snprintf(json, sizeof json, "{\"$push\":{\"v\":%" PRIu32 "}}", value);
    record(c, ISO_APPEND, object, value);
    nacre_status status =
        nacre_patch(c->s, &c->lists, list_id(object), NACRE_PATCH, json, (size_t)n, NULL, NULL);
    if (status == NACRE_DOCUMENT_NOT_FOUND) {
        n = snprintf(json, sizeof json, "{\"_id\":%" PRIu32 ",\"v\":[%" PRIu32 "]}", object, value);
        status = nacre_insert(c->s, &c->lists, NULL, json, (size_t)n, NULL, NULL);
        if (status == NACRE_ALREADY_EXISTS) return NACRE_CONFLICT; // made by another meanwhile
    }
    return status;
}

// --- groups -----------------------------------------------------------------------------

static nacre_status add_member(struct client *c, uint32_t object) {
    char json[64];
    uint32_t value = a_value(c);
    int n = snprintf(json, sizeof json, "{\"_id\":%" PRIu32 ",\"g\":%" PRIu32 "}", value, object);
    record(c, ISO_ADD, object, value);
    return nacre_insert(c->s, &c->groups, NULL, json, (size_t)n, NULL, NULL);
}

static nacre_status scan(struct client *c, uint32_t object) {
    char spec[96];
    nacre_cursor *cursor;
    const char *row = "";
    snprintf(spec, sizeof spec, "{\"filter\":{\"g\":%" PRIu32 "},\"limit\":%d,\"fields\":\"g\"}",
             object, LIST_MAX);
    c->seen_count = 0;
    nacre_status status = nacre_query(c->s, &c->groups, spec, &cursor);
    if (status != NACRE_OK) return status;
    while (status == NACRE_OK && row) {
        status = nacre_cursor_next(cursor, &row, NULL);
        if (status != NACRE_OK || !row) break;
        c->seen[c->seen_count++] = (uint32_t)strtoul(row + strlen("{\"_id\":"), NULL, 10);
    }
    nacre_cursor_close(cursor);
    if (status == NACRE_OK) record_seen(c, ISO_SCAN, object);
    return status;
}

// Deletes a member that a scan showed, or moves it out of the group.
static nacre_status remove_member(struct client *c, uint32_t object) {
    nacre_status status = scan(c, object);
    if (status != NACRE_OK || !c->seen_count) return status;
    uint32_t value = c->seen[rng_below(&c->rng, c->seen_count)];
    record(c, ISO_REMOVE, object, value);
    if (rng_below(&c->rng, 2))
        return nacre_delete(c->s, &c->groups, nacre_id_integer(value), NULL, NULL);
    return nacre_patch(c->s, &c->groups, nacre_id_integer(value), NACRE_PATCH, "{\"g\":null}",
                       strlen("{\"g\":null}"), NULL, NULL);
}

// --- transactions -----------------------------------------------------------------------

static nacre_status one_op(struct client *c) {
    uint64_t dice = rng_below(&c->rng, 100);
    if (dice < 30) return read_list(c, an_object(c, LISTS));
    if (dice < 50) return append_read(c, an_object(c, LISTS));
    if (dice < 65) return append_blind(c, an_object(c, LISTS));
    if (dice < 80) return scan(c, an_object(c, GROUPS));
    if (dice < 92) return add_member(c, an_object(c, GROUPS));
    return remove_member(c, an_object(c, GROUPS));
}

// One write or read by itself. Writes are recorded before they are made, so that a kill leaves none
// that nobody knows of.
static void run_single(struct client *c) {
    uint64_t dice = rng_below(&c->rng, 4);
    iso_begin(c->h, now(), true);
    iso_ask(c->h);
    nacre_status status = dice == 0   ? read_list(c, an_object(c, LISTS))
                          : dice == 1 ? append_blind(c, an_object(c, LISTS))
                          : dice == 2 ? scan(c, an_object(c, GROUPS))
                                      : add_member(c, an_object(c, GROUPS));
    iso_end(c->h, now(), status == NACRE_OK);
    if (status != NACRE_OK && !is_lost_race(status)) (void)wrong(c, "a call by itself", status);
}

static void run_transaction(struct client *c) {
    nacre_tx_options options = {.isolation = c->shared->run->isolation, .timeout_ms = 60000};
    uint64_t ops = 1 + rng_below(&c->rng, OPS_MAX);
    iso_begin(c->h, now(), options.isolation == NACRE_ISOLATION_SERIALIZABLE);
    nacre_status status = nacre_tx_begin(c->s, &options);
    if (status != NACRE_OK) (void)wrong(c, "begin", status);
    for (uint64_t i = 0; i < ops && status == NACRE_OK; i++)
        status = one_op(c);
    if (status != NACRE_OK && !is_lost_race(status)) (void)wrong(c, "a call", status);
    bool gives_up = status == NACRE_OK && rng_below(&c->rng, 20) == 0;
    if (status == NACRE_OK && !gives_up) {
        iso_ask(c->h);
        status = nacre_tx_commit(c->s, NULL);
        if (status != NACRE_OK && !is_lost_race(status)) (void)wrong(c, "commit", status);
    } else {
        nacre_status rolled = nacre_tx_rollback(c->s);
        if (rolled != NACRE_OK) (void)wrong(c, "rollback", rolled);
    }
    iso_end(c->h, now(), status == NACRE_OK && !gives_up);
}

static bool has_room(const struct iso_history *h) {
    return !h->fixed || h->value_count + 2u * OPS_MAX * LIST_MAX < h->value_cap;
}

static void *client_main(void *arg) {
    struct client *c = arg;
    struct shared *shared = c->shared;
    uint64_t mine = shared->run->operations / shared->run->clients;
    while (c->h->op_count < mine && has_room(c->h) && !atomic_load(&shared->board->failed)) {
        if (rng_below(&c->rng, 10) == 0)
            run_single(c);
        else
            run_transaction(c);
        atomic_fetch_add(&shared->board->txns, 1);
    }
    return NULL;
}

static bool open_client(struct client *c, struct shared *shared, uint32_t number, nacre_db *db) {
    c->shared = shared;
    c->h = &shared->board->h[number];
    c->lists = nacre_collection_of(NULL, "lists");
    c->groups = nacre_collection_of(NULL, "groups");
    rng_seed(&c->rng, shared->run->seed + number * 7919u);
    return nacre_session_open(db, &c->s) == NACRE_OK;
}

static void make_collections(struct client *c) {
    nacre_status status = nacre_collection_create(c->s, &c->lists, NULL, NULL);
    if (status == NACRE_OK)
        status = nacre_collection_create(
            c->s, &c->groups, "{\"indexes\":[{\"name\":\"by_g\",\"fields\":[\"g\"]}]}", NULL);
    if (status != NACRE_OK) (void)wrong(c, "making the collections", status);
}

static void read_everything(struct client *c) {
    uint32_t last = atomic_load(&c->shared->board->txns) / TXNS_PER_OBJECT;
    nacre_status status = NACRE_OK;
    iso_begin(c->h, now(), true);
    for (uint32_t i = 0; i <= last + LISTS && status == NACRE_OK; i++)
        status = read_list(c, i);
    for (uint32_t i = 0; i <= last + GROUPS && status == NACRE_OK; i++)
        status = scan(c, i);
    iso_end(c->h, now(), true);
    if (status != NACRE_OK) (void)wrong(c, "the last reads", status);
}

static uint32_t clients_of(const struct iso_run *run) {
    return run->clients < CLIENTS_MAX ? run->clients : CLIENTS_MAX;
}

// All clients in threads, until they are done.
static void run_clients(struct shared *shared, nacre_db *db) {
    static struct client clients[CLIENTS_MAX];
    uint32_t count = clients_of(shared->run);
    memset(clients, 0, sizeof clients);
    for (uint32_t i = 0; i < count; i++)
        if (!open_client(&clients[i], shared, i, db)) atomic_store(&shared->board->failed, true);
    make_collections(&clients[0]);
    atomic_store(&shared->board->started, true);
    for (uint32_t i = 0; i < count; i++)
        if (pthread_create(&clients[i].thread, NULL, client_main, &clients[i]) != 0) abort();
    for (uint32_t i = 0; i < count; i++)
        pthread_join(clients[i].thread, NULL);
    for (uint32_t i = 0; i < count; i++)
        nacre_session_close(clients[i].s);
}

static void read_at_last(struct shared *shared, nacre_db *db, struct iso_history *out) {
    static struct client last;
    uint32_t count = clients_of(shared->run);
    last = (struct client){0};
    if (!open_client(&last, shared, count, db)) atomic_store(&shared->board->failed, true);
    read_everything(&last);
    nacre_session_close(last.s);
    for (uint32_t i = 0; i <= count; i++)
        iso_merge(out, &shared->board->h[i]);
}

bool iso_run(const struct iso_run *run, struct iso_history *out, char text[512]) {
    static struct board board;
    struct shared shared = {.run = run, .board = &board};
    board = (struct board){0};
    pthread_mutex_init(&shared.lock, NULL);
    atomic_store(&board.value, 1);
    run_clients(&shared, run->db);
    read_at_last(&shared, run->db, out);
    for (uint32_t i = 0; i <= clients_of(run); i++)
        iso_history_free(&board.h[i]);
    pthread_mutex_destroy(&shared.lock);
    memcpy(text, board.text, sizeof board.text);
    return !atomic_load(&board.failed);
}

// --- kills ------------------------------------------------------------------------------

// The clients live in another program, as a store has threads that a fork does not take along. What
// they share with the killer is a file that both map: the board, then the arrays of its histories.
// It takes room only as it is used.
struct stage {
    struct board board;
    struct iso_run run;
    char dir[128];
    uint64_t memory_bytes;
};

static size_t ops_cap(const struct iso_run *run) {
    return run->operations / clients_of(run) + 1000;
}

static size_t values_cap(const struct iso_run *run) {
    return ops_cap(run) * VALUES_PER_OP + 4u * OPS_MAX * LIST_MAX;
}

static size_t stage_size(const struct iso_run *run) {
    size_t each = ops_cap(run) * (sizeof(struct iso_txn) + sizeof(struct iso_op)) +
                  values_cap(run) * sizeof(uint32_t);
    return sizeof(struct stage) + clients_of(run) * each;
}

// Where the arrays lie in this process.
static void place_histories(struct stage *stage) {
    const struct iso_run *run = &stage->run;
    size_t n = ops_cap(run), values = values_cap(run);
    struct iso_txn *txns = (struct iso_txn *)(stage + 1);
    struct iso_op *ops = (struct iso_op *)(txns + n * clients_of(run));
    uint32_t *seen = (uint32_t *)(ops + n * clients_of(run));
    for (uint32_t i = 0; i < clients_of(run); i++) {
        struct iso_history *h = &stage->board.h[i];
        h->txns = txns + n * i;
        h->ops = ops + n * i;
        h->values = seen + values * i;
        h->txn_cap = h->op_cap = (uint32_t)n;
        h->value_cap = (uint32_t)values;
        h->fixed = true;
    }
}

static struct stage *map_stage(const char *path, size_t size) {
    int fd = open(path, O_RDWR | O_CREAT, 0600);
    if (fd < 0 || (size && ftruncate(fd, (off_t)size) != 0)) abort();
    off_t end = lseek(fd, 0, SEEK_END);
    struct stage *p = mmap(NULL, (size_t)end, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    (void)close(fd);
    if (p == MAP_FAILED) abort();
    return p;
}

int iso_worker(const char *path) {
    struct stage *stage = map_stage(path, 0);
    struct shared shared = {.run = &stage->run, .board = &stage->board};
    nacre_open_error error = {0};
    nacre_options options = {.create = 1, .memory_bytes = stage->memory_bytes, .error = &error};
    nacre_db *db;
    place_histories(stage);
    pthread_mutex_init(&shared.lock, NULL);
    if (nacre_open(stage->dir, &options, &db) != NACRE_OK) {
        snprintf(stage->board.text, sizeof stage->board.text, "open: %.400s", error.detail);
        return 1;
    }
    run_clients(&shared, db);
    return atomic_load(&stage->board.failed) || nacre_close(db, NULL) != NACRE_OK;
}

static pid_t start_worker(const char *path) {
    char self[] = "/proc/self/exe", worker[] = "worker", copy[160];
    char *args[] = {self, worker, copy, NULL};
    snprintf(copy, sizeof copy, "%s", path);
    pid_t pid = fork();
    if (pid != 0) return pid;
    (void)execv(self, args);
    _exit(127);
}

// True: the clients were killed at work. Who ends otherwise than well has failed.
static bool kill_once(struct stage *stage, const char *path, struct rng *rng) {
    int status = 0;
    stage->run.seed = rng_next(rng);
    atomic_store(&stage->board.started, false);
    pid_t pid = start_worker(path);
    bool ended = false;
    while (!ended && !atomic_load(&stage->board.started)) {
        (void)usleep(500);
        ended = waitpid(pid, &status, WNOHANG) == pid;
    }
    if (!ended) {
        (void)usleep((useconds_t)(2000 + rng_below(rng, 150000)));
        (void)kill(pid, SIGKILL);
        (void)waitpid(pid, &status, 0);
    }
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) return true;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) atomic_store(&stage->board.failed, true);
    return false;
}

static void read_closed(struct stage *stage, struct iso_kills *kills, struct iso_history *out) {
    struct shared shared = {.run = &stage->run, .board = &stage->board};
    nacre_options options = {.memory_bytes = stage->memory_bytes};
    nacre_db *db;
    pthread_mutex_init(&shared.lock, NULL);
    place_histories(stage);
    if (nacre_open(stage->dir, &options, &db) != NACRE_OK) {
        atomic_store(&stage->board.failed, true);
        return;
    }
    read_at_last(&shared, db, out);
    if (nacre_close(db, NULL) != NACRE_OK) atomic_store(&stage->board.failed, true);
    kills->unknown = iso_settle(out, &kills->unknown_committed);
    pthread_mutex_destroy(&shared.lock);
}

bool iso_run_killed(const struct iso_run *run, struct iso_kills *kills, struct iso_history *out,
                    char text[512]) {
    char path[160];
    struct rng rng;
    snprintf(path, sizeof path, "%s.history", kills->dir);
    struct stage *stage = map_stage(path, stage_size(run));
    stage->run = *run;
    stage->memory_bytes = kills->memory_bytes;
    snprintf(stage->dir, sizeof stage->dir, "%s", kills->dir);
    atomic_store(&stage->board.value, 1);
    rng_seed(&rng, run->seed);
    while (!atomic_load(&stage->board.failed) && kill_once(stage, path, &rng))
        kills->kills++;
    if (!atomic_load(&stage->board.failed)) read_closed(stage, kills, out);
    bool fine = !atomic_load(&stage->board.failed);
    memcpy(text, stage->board.text, sizeof stage->board.text);
    iso_history_free(&stage->board.h[clients_of(run)]);
    (void)munmap(stage, stage_size(run));
    (void)unlink(path);
    return fine;
}
