// kill -9 in the middle of writing. The oracle: what the killed process had said was acknowledged.
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/cmd.h"
#include "cli/demo.h"
#include "cli/json.h"
#include "cli/out.h"

enum { ROUNDS = 3, LEAST_MS = 100, MOST_MS = 900, START_MS = 30000 };

struct told {
    struct demo_ack *acks;
    size_t count, room;
    char partial[64]; // a line that has not ended
    size_t partial_size;
};

static void add_ack(struct told *told, const char *line) {
    struct demo_ack ack = {.kind = line[0]};
    char *end = NULL;
    ack.writer = (unsigned)strtoul(line + 1, &end, 10);
    ack.number = strtoull(end, NULL, 10);
    if (ack.writer >= DEMO_WRITERS) return;
    if (told->count == told->room) {
        size_t room = told->room ? told->room * 2 : 4096;
        struct demo_ack *acks = realloc(told->acks, room * sizeof *acks);
        if (!acks) cli_die("out of memory");
        told->acks = acks;
        told->room = room;
    }
    told->acks[told->count++] = ack;
}

static void add_bytes(struct told *told, const char *bytes, size_t size) {
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] == '\n') {
            told->partial[told->partial_size] = '\0';
            add_ack(told, told->partial);
            told->partial_size = 0;
        } else if (told->partial_size + 1 < sizeof told->partial) {
            told->partial[told->partial_size++] = bytes[i];
        }
    }
}

// Reads for some time, or until the end. False at the end.
static bool listen_for(int fd, int ms, struct told *told) {
    char buffer[4096];
    double until = cli_now() + ms / 1e3;
    for (;;) {
        int left = (int)((until - cli_now()) * 1e3);
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        if (left <= 0 || poll(&wait, 1, left) == 0) return true;
        ssize_t got = read(fd, buffer, sizeof buffer);
        if (got == 0) return false;
        if (got > 0) add_bytes(told, buffer, (size_t)got);
    }
}

static bool start_writer(struct demo *demo, unsigned round, pid_t *out_pid, int *out_fd) {
    extern char **environ;
    int ends[2];
    char number[16], self[] = "/proc/self/exe", name[] = "nacre", command[] = "demo-writer",
                     option[] = "--dir";
    char *dir = cli_copy(demo->dir);
    char *arguments[] = {name, command, number, option, dir, NULL};
    snprintf(number, sizeof number, "%u", round);
    posix_spawn_file_actions_t actions;
    int failed = pipe(ends) != 0 ? errno : 0;
    if (!failed) {
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
        posix_spawn_file_actions_addclose(&actions, ends[0]);
        posix_spawn_file_actions_addclose(&actions, ends[1]);
        failed = posix_spawn(out_pid, self, &actions, NULL, arguments, environ);
        posix_spawn_file_actions_destroy(&actions);
        close(ends[1]);
        *out_fd = ends[0];
    }
    cli_free(dir);
    if (failed) demo_expect(demo, false, "starting a process: %s", strerror(failed));
    return !failed;
}

// Starts, lets it write for a random time, kills it. Returns that time in ms, or -1.
static int write_and_kill(struct demo *demo, unsigned round, struct told *told) {
    pid_t pid = 0;
    int fd = -1, status = 0;
    if (!start_writer(demo, round, &pid, &fd)) return -1;
    bool alive = true;
    double limit = cli_now() + START_MS / 1e3;
    while (alive && told->count == 0 && cli_now() < limit)
        alive = listen_for(fd, 10, told);
    uint64_t dice = (uint64_t)(cli_now() * 1e9) * 0x9E3779B97F4A7C15u;
    int ms = LEAST_MS + (int)(dice >> 33) % (MOST_MS - LEAST_MS);
    if (alive) alive = listen_for(fd, ms, told);
    kill(pid, SIGKILL);
    while (listen_for(fd, START_MS, told)) // what it had said before it died
        continue;
    close(fd);
    waitpid(pid, &status, 0);
    if (alive && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) return ms;
    if (!cli_interrupted()) // Ctrl-C reaches both
        demo_expect(demo, false, "the writing process ended by itself");
    return -1;
}

struct seen {
    uint64_t counter[DEMO_WRITERS], deleted[DEMO_WRITERS];
    size_t puts, deletes, lost, back;
};

// The number in a document; UINT64_MAX if it is not there.
static uint64_t number_of(struct demo *demo, const char *id) {
    nacre_collection writes = nacre_collection_of(NULL, "writes");
    nacre_doc doc = {0};
    nacre_value value = {0};
    uint64_t number = UINT64_MAX;
    nacre_status status = nacre_get(demo->session, &writes, nacre_id_string(id), &doc);
    if (status == NACRE_OK && nacre_doc_field(demo->session, &doc, "n", &value) == NACRE_OK &&
        value.type == NACRE_TYPE_INT)
        number = (uint64_t)value.integer;
    else if (status != NACRE_OK && status != NACRE_DOCUMENT_NOT_FOUND)
        demo_ok(demo, status, "reading");
    nacre_doc_release(&doc);
    return number;
}

static void verify_ack(struct demo *demo, unsigned round, const struct demo_ack *ack,
                       struct seen *seen) {
    char id[64];
    demo_writer_id(id, round, ack->writer, ack->number);
    if (ack->kind == '=') {
        seen->counter[ack->writer] = ack->number;
    } else if (ack->kind == '-') {
        seen->deletes++;
        seen->back += number_of(demo, id) != UINT64_MAX;
    } else if (ack->number % DEMO_DELETE_EACH != 0) { // the others may be deleted by now
        seen->puts++;
        seen->lost += number_of(demo, id) != ack->number;
    }
}

static void verify(struct demo *demo, unsigned round, const struct told *told) {
    struct seen seen = {0};
    char a[32], b[32];
    for (size_t i = 0; i < told->count; i++)
        verify_ack(demo, round, &told->acks[i], &seen);
    for (unsigned writer = 0; writer < DEMO_WRITERS; writer++) {
        char id[64];
        demo_writer_id(id, round, writer, 0);
        uint64_t number = number_of(demo, id);
        seen.lost +=
            seen.counter[writer] > 0 && (number == UINT64_MAX || number < seen.counter[writer]);
    }
    demo_expect(demo, seen.lost == 0 && seen.back == 0,
                "%s puts, %s deletes and %d counters: %zu lost, %zu came back",
                cli_grouped(a, seen.puts), cli_grouped(b, seen.deletes), DEMO_WRITERS, seen.lost,
                seen.back);
}

static void check_all(struct demo *demo) {
    uint64_t problems = 0, told = 0;
    char time[32];
    double began = cli_now();
    nacre_status status = cmd_check_patiently(demo->session, NULL, NULL, &told, &problems);
    if (demo_ok(demo, status, "checking"))
        demo_expect(demo, problems == 0,
                    "checked every checksum, index entry and counter in %s: "
                    "%llu problems",
                    cli_duration(time, cli_now() - began), (unsigned long long)problems);
}

void demo_crash(struct demo *demo) {
    demo_step(demo, "Whole after kill -9");
    uint64_t films = 0;
    char a[32];
    for (unsigned round = 1; round <= ROUNDS && !cli_interrupted(); round++) {
        struct told told = {0};
        int ms = write_and_kill(demo, round, &told);
        double began = cli_now();
        bool opened = ms >= 0 && demo_open(demo, false);
        if (opened) {
            demo_say(demo,
                     "killed after %d ms of writing, %s writes acknowledged; opened again in "
                     "%.0f ms",
                     ms, cli_grouped(a, told.count), (cli_now() - began) * 1e3);
            verify(demo, round, &told);
        }
        if (opened && round == ROUNDS) {
            nacre_collection collection = nacre_collection_of(NULL, "films");
            demo_ok(demo, nacre_count(demo->session, &collection, NULL, &films), "counting");
            demo_say(demo, "%s films are there", cli_grouped(a, films));
            check_all(demo);
        }
        demo_close(demo);
        free(told.acks);
    }
}
