// Interrupts. A command that can stop in good order catches them while it runs.
#include <signal.h>
#include <stdlib.h>

#include "cli/cli.h"

static volatile sig_atomic_t caught;
static nacre_session *volatile cancelled;

static void catch_one(int signal_number) {
    caught = signal_number;
    if (cancelled) nacre_session_cancel(cancelled);
    signal(SIGINT, SIG_DFL); // the second ends the program
    signal(SIGTERM, SIG_DFL);
}

void cli_catch_interrupts(nacre_session *session) {
    struct sigaction action = {.sa_handler = catch_one}; // no SA_RESTART: a read must end
    caught = 0;
    cancelled = session;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

void cli_release_interrupts(void) {
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    if (cancelled) nacre_session_clear_cancel(cancelled);
    cancelled = NULL;
}

int cli_interrupted(void) { return caught; }
