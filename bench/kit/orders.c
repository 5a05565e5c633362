#include "kit/orders.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err/check.h"
#include "kit/kit.h"

nacre_db *orders_open(const char *dir, uint64_t memory_bytes) {
    nacre_open_error error = {0};
    nacre_options options = {.create = 1, .memory_bytes = memory_bytes, .error = &error};
    nacre_db *db;
    if (nacre_open(dir, &options, &db) == NACRE_OK) return db;
    fprintf(stderr, "open %s: %s\n", dir, error.detail);
    exit(1);
}

nacre_session *orders_session(nacre_db *db) {
    nacre_session *session;
    CHECK(nacre_session_open(db, &session) == NACRE_OK);
    return session;
}

void orders_close(nacre_db *db, nacre_session *session) {
    nacre_session_close(session);
    CHECK(nacre_close(db, NULL) == NACRE_OK);
}

void orders_must(nacre_session *session, nacre_status status) {
    if (status == NACRE_OK) return;
    fprintf(stderr, "nacre: %s\n", nacre_error_detail(session));
    exit(1);
}

void orders_create(nacre_session *session, int indexes) {
    static const char *const bodies[] = {
        "{}", "{\"indexes\":[{\"name\":\"by_customer\",\"fields\":[\"customer\"]}]}",
        ("{\"indexes\":[{\"name\":\"by_customer\",\"fields\":[\"customer\"]},"
         "{\"name\":\"by_created\",\"fields\":[\"created\",\"total\"]}]}")};
    nacre_collection c = nacre_collection_of(NULL, "orders");
    orders_must(session, nacre_collection_create(session, &c, bodies[indexes], NULL));
}

struct source {
    uint64_t next, end;
    char line[1400];
    size_t at, n;
};

static long read_source(void *arg, void *buffer, size_t size) {
    struct source *src = arg;
    size_t done = 0;
    while (done < size) {
        if (src->at == src->n) {
            if (src->next == src->end) break;
            src->n = kit_order(src->line, src->next++);
            src->line[src->n++] = '\n';
            src->at = 0;
        }
        size_t n = src->n - src->at < size - done ? src->n - src->at : size - done;
        memcpy((char *)buffer + done, src->line + src->at, n);
        src->at += n;
        done += n;
    }
    return (long)done;
}

void orders_import(nacre_session *session, uint64_t from, uint64_t count) {
    nacre_collection c = nacre_collection_of(NULL, "orders");
    struct source src = {.next = from, .end = from + count};
    nacre_import_result result;
    orders_must(session, nacre_import(session, &c, read_source, &src, NULL, &result));
    CHECK(result.documents == count);
}

double orders_input_cpu_s(uint64_t count) {
    static char room[256 << 10];
    struct source src = {.end = count};
    double start = kit_cpu_s();
    while (read_source(&src, room, sizeof room) > 0) {
    }
    return kit_cpu_s() - start;
}
