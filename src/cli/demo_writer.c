// The process that the demo kills: threads that write and tell each write once it is acknowledged.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cmd.h"
#include "cli/demo.h"
#include "cli/out.h"

struct writer {
    nacre_db *db;
    unsigned round, number;
};

void demo_writer_id(char out[64], unsigned round, unsigned writer, uint64_t number) {
    snprintf(out, 64, "round-%u-writer-%u-%llu", round, writer, (unsigned long long)number);
}

// One write(2) of a short line to a pipe is whole or not there.
static void tell(char kind, unsigned writer, uint64_t number) {
    char line[48];
    int size = snprintf(line, sizeof line, "%c%u %llu\n", kind, writer, (unsigned long long)number);
    if (write(STDOUT_FILENO, line, (size_t)size) != size) _exit(1);
}

static bool write_one(struct writer *writer, nacre_session *session, uint64_t number) {
    char id[64], body[96];
    nacre_collection writes = nacre_collection_of(NULL, "writes");
    demo_writer_id(id, writer->round, writer->number, number);
    nacre_id key = nacre_id_string(id);
    int size = snprintf(body, sizeof body, "{\"n\":%llu}", (unsigned long long)number);
    if (nacre_put(session, &writes, &key, body, (size_t)size, NULL, NULL) != NACRE_OK) return false;
    tell('+', writer->number, number);
    if (number % DEMO_DELETE_EACH == 0) {
        if (nacre_delete(session, &writes, key, NULL, NULL) != NACRE_OK) return false;
        tell('-', writer->number, number);
    }
    demo_writer_id(id, writer->round, writer->number, 0);
    size = snprintf(body, sizeof body, "{\"$set\":{\"n\":%llu}}", (unsigned long long)number);
    if (nacre_patch(session, &writes, nacre_id_string(id), NACRE_PATCH, body, (size_t)size, NULL,
                    NULL) != NACRE_OK)
        return false;
    tell('=', writer->number, number);
    return true;
}

static void *write_on(void *arg) {
    struct writer *writer = arg;
    nacre_session *session = NULL;
    nacre_collection writes = nacre_collection_of(NULL, "writes");
    char id[64];
    demo_writer_id(id, writer->round, writer->number, 0);
    nacre_id counter = nacre_id_string(id);
    if (nacre_session_open(writer->db, &session) != NACRE_OK ||
        nacre_put(session, &writes, &counter, "{\"n\":0}", 7, NULL, NULL) != NACRE_OK)
        _exit(1);
    for (uint64_t number = 1; write_one(writer, session, number);)
        number++;
    fprintf(stderr, "demo-writer: %s\n", nacre_error_detail(session));
    _exit(1);
}

int cmd_demo_writer(struct cli *cli, const struct cli_call *call) {
    static struct writer writers[DEMO_WRITERS];
    int code = cli_open(cli, CLI_WRITE);
    if (code) return code;
    for (unsigned i = 0; i < DEMO_WRITERS; i++) {
        writers[i] = (struct writer){
            .db = cli->db, .round = (unsigned)strtoul(call->arguments[0], NULL, 10), .number = i};
    }
    if (!demo_threads_run(write_on, writers, sizeof writers[0], DEMO_WRITERS))
        return cli_error(cli, NACRE_UNAVAILABLE, NULL, "no thread to be had");
    return 1;
}
