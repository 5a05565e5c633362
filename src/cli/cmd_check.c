// check and version: what is there, and whether it is whole.
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/cmd.h"
#include "cli/json.h"
#include "cli/out.h"

struct check {
    struct cli *cli;
    uint64_t told;
};

nacre_status cmd_check_patiently(nacre_session *session, nacre_problem_fn *each, void *arg,
                                 const uint64_t *told, uint64_t *problems) {
    enum { TRIES = 8, FIRST_MS = 10 };
    nacre_status status = NACRE_UNAVAILABLE;
    for (int i = 0; i < TRIES && status == NACRE_UNAVAILABLE && *told == 0; i++) {
        int ms = i > 0 ? FIRST_MS << i : 0;
        struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};
        nanosleep(&pause, NULL);
        status = nacre_check(session, each, arg, problems);
    }
    return status;
}

static void put_problem(void *arg, const char *text) {
    struct check *check = arg;
    struct cli_text line = {0};
    check->told++;
    if (check->cli->json) {
        cmd_member_text(&line, "problem", text);
        cmd_members_end(&line);
    } else {
        cli_text_puts(&line, text);
    }
    cli_put_line((struct cli_slice){cli_text_of(&line), line.size});
    cli_text_free(&line);
}

static uint64_t count_documents(struct cli *cli) {
    const char *json = NULL;
    struct cli_slice items, item;
    uint64_t documents = 0;
    if (nacre_database_describe(cli->session, NULL, &json) != NACRE_OK ||
        !cli_json_find(cli_slice_of(json), "items", &items))
        return 0;
    for (size_t at = 0; cli_json_element(items, &at, &item);)
        documents += cli_json_uint(item, "documents", 0);
    return documents;
}

int cmd_check(struct cli *cli, const struct cli_call *call) {
    if (call->count > 0 && cli->in_shell)
        return cli_usage(cli, call->command, NULL, "the shell stays in one directory");
    if (call->count > 0) cli->dir = call->arguments[0];
    int code = cli_open(cli, CLI_READ);
    if (code) return code;
    struct check check = {.cli = cli};
    uint64_t problems = 0;
    double began = cli_now();
    if (cli->tty_err) cli_note(cli, "checking %s …", cli->dir);
    nacre_status status =
        cmd_check_patiently(cli->session, put_problem, &check, &check.told, &problems);
    if (status != NACRE_OK) return cli_fail(cli, status, NULL);
    uint64_t documents = count_documents(cli);
    char a[32], b[32];
    if (cli->json)
        cli_put_format("{\"problems\":%llu,\"documents\":%llu,\"seconds\":%.3f}\n",
                       (unsigned long long)problems, (unsigned long long)documents,
                       cli_now() - began);
    else
        cli_put_format("%s documents checked in %s: %llu problems\n", cli_grouped(a, documents),
                       cli_duration(b, cli_now() - began), (unsigned long long)problems);
    return problems > 0 ? nacre_status_exit(NACRE_CORRUPT) : 0;
}

// The store's own words, of a database that is there and can be opened.
static void describe_store(struct cli *cli, struct cli_text *out) {
    const char *json = NULL;
    struct cli_slice store;
    bool opened =
        !cli->db && !strstr(cli->dir, "://") && nacre_open(cli->dir, NULL, &cli->db) == NACRE_OK;
    if (!cli->db) return;
    if (opened) {
        cli->access = CLI_WRITE;
        if (nacre_session_open(cli->db, &cli->session) != NACRE_OK) cli->session = NULL;
    }
    if (cli->session && nacre_stats(cli->session, &json) == NACRE_OK &&
        cli_json_path(cli_slice_of(json), "store.name", &store))
        cli_text_add(out, store.data, store.size);
}

int cmd_version(struct cli *cli, const struct cli_call *call) {
    (void)call;
    struct cli_text store = {0}, line = {0};
    describe_store(cli, &store);
    if (cli->json) {
        cmd_member_text(&line, "version", nacre_version());
        cmd_member_text(&line, "rocksdb", NACRE_ROCKSDB_BUILD);
        if (store.size > 0) cmd_member_json(&line, "store", cli_text_of(&store));
        cmd_members_end(&line);
        cli_put_line((struct cli_slice){cli_text_of(&line), line.size});
    } else {
        cli_put_format("nacre %s (RocksDB: %s)\n", nacre_version(), NACRE_ROCKSDB_BUILD);
        if (store.size > 0) {
            cli_json_text((struct cli_slice){cli_text_of(&store), store.size}, &line);
            cli_put_format("%s: %s\n", cli->dir, cli_text_of(&line));
        }
    }
    cli_text_free(&store);
    cli_text_free(&line);
    return 0;
}
