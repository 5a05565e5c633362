// The demo: the tool's own user, over the public API alone.
#ifndef CLI_DEMO_H
#define CLI_DEMO_H

#include "cli/cli.h"

struct demo {
    struct cli *cli;
    const char *dir, *films;
    unsigned workers;
    int step;
    unsigned failures;
    nacre_db *db;
    nacre_session *session;
};

// A numbered heading; a line below it.
void demo_step(struct demo *demo, const char *title);
void demo_say(struct demo *demo, const char *format, ...) CLI_FORMAT(2, 3);
// A line that says what must hold, with a mark; counts what does not.
void demo_expect(struct demo *demo, bool holds, const char *format, ...) CLI_FORMAT(3, 4);
// As demo_expect, for calls: says the session's error if status is not NACRE_OK. True if it is.
bool demo_ok(struct demo *demo, nacre_status status, const char *what);

bool demo_open(struct demo *demo, bool create);
void demo_close(struct demo *demo);

void demo_import(struct demo *demo); // demo_films.c
void demo_read(struct demo *demo);
void demo_index(struct demo *demo);
void demo_conditions(struct demo *demo);
void demo_claims(struct demo *demo);
void demo_crash(struct demo *demo);

// What the writing process tells through its pipe: one line per write that was acknowledged.
struct demo_ack {
    char kind; // '+' document is there, '-' was deleted again, '=' counter has this value
    unsigned writer;
    uint64_t number;
};
enum { DEMO_WRITERS = 8, DEMO_DELETE_EACH = 10 };
void demo_writer_id(char out[64], unsigned round, unsigned writer, uint64_t number);

// Runs work(each argument) in a thread of its own and waits for all. size: of one argument. False:
// not all could be started. (demo_threads.c)
bool demo_threads_run(void *(*work)(void *), void *arguments, size_t size, unsigned count);

// --- scratch directories (scratch.c) ---

// A new directory below parent, in *out (cli_free). 0, or an exit code.
int demo_scratch_make(struct cli *cli, const char *parent, const char *name, char **out);
// Removes it and all that is in it; does not follow links.
void demo_scratch_remove(const char *path);

#endif
