#include "support/isolation_run.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/ds/rng.h"

// Objects wander, so that lists stay short: at any time this many are used, and each is left behind
// after so many transactions.
enum {
    LISTS = 6,
    GROUPS = 3,
    TXNS_PER_OBJECT = 60,
    CLIENTS_MAX = 64,
    OPS_MAX = 6,
    LIST_MAX = 4096
};

struct shared {
    const struct iso_run *run;
    atomic_uint txns, value;
    atomic_bool failed;
    char *text;
    pthread_mutex_t lock; // of text
};

struct client {
    pthread_t thread;
    struct shared *shared;
    struct rng rng;
    nacre_session *s;
    nacre_collection lists, groups;
    struct iso_history h;
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
    if (!atomic_exchange(&shared->failed, true))
        snprintf(shared->text, 512, "%s: %d %s", what, (int)status, nacre_error_problem(c->s));
    pthread_mutex_unlock(&shared->lock);
    return status;
}

// Ends of a transaction that are no failure of the database: another came first.
static bool is_lost_race(nacre_status status) {
    return status == NACRE_CONFLICT || status == NACRE_TRANSACTION_TOO_OLD;
}

static uint32_t an_object(struct client *c, uint32_t count) {
    uint32_t base = atomic_load(&c->shared->txns) / TXNS_PER_OBJECT;
    return base + (uint32_t)rng_below(&c->rng, count);
}

static uint32_t a_value(struct client *c) { return atomic_fetch_add(&c->shared->value, 1); }

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
    iso_op(&c->h, kind, 2 * object + !list, value);
}

static void record_seen(struct client *c, enum iso_kind kind, uint32_t object) {
    record(c, kind, object, 0);
    for (uint32_t i = 0; i < c->seen_count; i++)
        iso_saw(&c->h, c->seen[i]);
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
    status = nacre_put(c->s, &c->lists, NULL, json, (size_t)n, NULL, NULL);
    if (status == NACRE_OK) record(c, ISO_APPEND, object, value);
    return status;
}

static nacre_status append_blind(struct client *c, uint32_t object) {
    char json[64];
    uint32_t value = a_value(c);
    int n = snprintf(json, sizeof json, "{\"$push\":{\"v\":%" PRIu32 "}}", value);
    nacre_status status =
        nacre_patch(c->s, &c->lists, list_id(object), NACRE_PATCH, json, (size_t)n, NULL, NULL);
    if (status == NACRE_DOCUMENT_NOT_FOUND) {
        n = snprintf(json, sizeof json, "{\"_id\":%" PRIu32 ",\"v\":[%" PRIu32 "]}", object, value);
        status = nacre_insert(c->s, &c->lists, NULL, json, (size_t)n, NULL, NULL);
        if (status == NACRE_ALREADY_EXISTS) return NACRE_CONFLICT; // made by another meanwhile
    }
    if (status == NACRE_OK) record(c, ISO_APPEND, object, value);
    return status;
}

// --- groups -----------------------------------------------------------------------------

static nacre_status add_member(struct client *c, uint32_t object) {
    char json[64];
    uint32_t value = a_value(c);
    int n = snprintf(json, sizeof json, "{\"_id\":%" PRIu32 ",\"g\":%" PRIu32 "}", value, object);
    nacre_status status = nacre_insert(c->s, &c->groups, NULL, json, (size_t)n, NULL, NULL);
    if (status == NACRE_OK) record(c, ISO_ADD, object, value);
    return status;
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
    if (rng_below(&c->rng, 2))
        status = nacre_delete(c->s, &c->groups, nacre_id_integer(value), NULL, NULL);
    else
        status = nacre_patch(c->s, &c->groups, nacre_id_integer(value), NACRE_PATCH, "{\"g\":null}",
                             strlen("{\"g\":null}"), NULL, NULL);
    if (status == NACRE_OK) record(c, ISO_REMOVE, object, value);
    return status;
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

// One write or read by itself.
static void run_single(struct client *c) {
    uint64_t dice = rng_below(&c->rng, 4);
    iso_begin(&c->h, now(), true);
    nacre_status status = dice == 0   ? read_list(c, an_object(c, LISTS))
                          : dice == 1 ? append_blind(c, an_object(c, LISTS))
                          : dice == 2 ? scan(c, an_object(c, GROUPS))
                                      : add_member(c, an_object(c, GROUPS));
    iso_end(&c->h, now(), status == NACRE_OK);
    if (status != NACRE_OK && !is_lost_race(status)) (void)wrong(c, "a call by itself", status);
}

static void run_transaction(struct client *c) {
    nacre_tx_options options = {.isolation = c->shared->run->isolation, .timeout_ms = 60000};
    uint64_t ops = 1 + rng_below(&c->rng, OPS_MAX);
    iso_begin(&c->h, now(), options.isolation == NACRE_ISOLATION_SERIALIZABLE);
    nacre_status status = nacre_tx_begin(c->s, &options);
    if (status != NACRE_OK) (void)wrong(c, "begin", status);
    for (uint64_t i = 0; i < ops && status == NACRE_OK; i++)
        status = one_op(c);
    if (status != NACRE_OK && !is_lost_race(status)) (void)wrong(c, "a call", status);
    bool gives_up = status == NACRE_OK && rng_below(&c->rng, 20) == 0;
    if (status == NACRE_OK && !gives_up) {
        status = nacre_tx_commit(c->s, NULL);
        if (status != NACRE_OK && !is_lost_race(status)) (void)wrong(c, "commit", status);
    } else {
        nacre_status rolled = nacre_tx_rollback(c->s);
        if (rolled != NACRE_OK) (void)wrong(c, "rollback", rolled);
    }
    iso_end(&c->h, now(), status == NACRE_OK && !gives_up);
}

static void *client_main(void *arg) {
    struct client *c = arg;
    struct shared *shared = c->shared;
    uint64_t mine = shared->run->operations / shared->run->clients;
    while (c->h.op_count < mine && !atomic_load(&shared->failed)) {
        if (rng_below(&c->rng, 10) == 0)
            run_single(c);
        else
            run_transaction(c);
        atomic_fetch_add(&shared->txns, 1);
    }
    return NULL;
}

static bool open_client(struct client *c, struct shared *shared, uint32_t number) {
    c->shared = shared;
    c->lists = nacre_collection_of(NULL, "lists");
    c->groups = nacre_collection_of(NULL, "groups");
    rng_seed(&c->rng, shared->run->seed + number * 7919u);
    return nacre_session_open(shared->run->db, &c->s) == NACRE_OK;
}

static void close_client(struct client *c) {
    nacre_session_close(c->s);
    iso_history_free(&c->h);
}

static void make_collections(struct client *c) {
    nacre_status status = nacre_collection_create(c->s, &c->lists, NULL, NULL);
    if (status == NACRE_OK)
        status = nacre_collection_create(
            c->s, &c->groups, "{\"indexes\":[{\"name\":\"by_g\",\"fields\":[\"g\"]}]}", NULL);
    if (status != NACRE_OK) (void)wrong(c, "making the collections", status);
}

static void read_everything(struct client *c) {
    uint32_t last = atomic_load(&c->shared->txns) / TXNS_PER_OBJECT;
    nacre_status status = NACRE_OK;
    iso_begin(&c->h, now(), true);
    for (uint32_t i = 0; i <= last + LISTS && status == NACRE_OK; i++)
        status = read_list(c, i);
    for (uint32_t i = 0; i <= last + GROUPS && status == NACRE_OK; i++)
        status = scan(c, i);
    iso_end(&c->h, now(), true);
    if (status != NACRE_OK) (void)wrong(c, "the last reads", status);
}

bool iso_run(const struct iso_run *run, struct iso_history *out, char text[512]) {
    struct shared shared = {.run = run, .text = text};
    static struct client clients[CLIENTS_MAX + 1];
    uint32_t count = run->clients < CLIENTS_MAX ? run->clients : CLIENTS_MAX;
    struct client *main_client = &clients[count];
    memset(clients, 0, sizeof clients);
    text[0] = '\0';
    pthread_mutex_init(&shared.lock, NULL);
    atomic_store(&shared.value, 1);
    for (uint32_t i = 0; i <= count; i++)
        if (!open_client(&clients[i], &shared, i)) atomic_store(&shared.failed, true);
    make_collections(main_client);
    for (uint32_t i = 0; i < count; i++)
        if (pthread_create(&clients[i].thread, NULL, client_main, &clients[i]) != 0) abort();
    for (uint32_t i = 0; i < count; i++)
        pthread_join(clients[i].thread, NULL);
    read_everything(main_client);
    for (uint32_t i = 0; i <= count; i++) {
        iso_merge(out, &clients[i].h);
        close_client(&clients[i]);
    }
    pthread_mutex_destroy(&shared.lock);
    return !atomic_load(&shared.failed);
}
