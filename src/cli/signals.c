// Interrupts. A command that can stop in good order catches them while it runs.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/cli.h"

static volatile sig_atomic_t caught;
static nacre_session *volatile cancelled;
// Readable once a signal was caught. A signal may come between a look at caught and a read that
// blocks, and to any thread.
static int wake[2] = {-1, -1};

static void catch_one(int signal_number) {
    int before = errno;
    caught = signal_number;
    ssize_t written = write(wake[1], "", 1);
    (void)written; // where there is no pipe, caught tells
    errno = before;
    if (cancelled) nacre_session_cancel(cancelled);
    signal(SIGINT, SIG_DFL); // the second ends the program
    signal(SIGTERM, SIG_DFL);
}

void cli_catch_interrupts(nacre_session *session) {
    struct sigaction action = {.sa_handler = catch_one}; // no SA_RESTART: a read must end
    if (wake[0] < 0 && pipe2(wake, O_CLOEXEC | O_NONBLOCK) != 0) wake[0] = wake[1] = -1;
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
    for (int i = 0; i < 2; i++) {
        if (wake[i] >= 0) close(wake[i]);
        wake[i] = -1;
    }
}

bool cli_wait_input(int fd) {
    struct pollfd either[] = {{.fd = fd, .events = POLLIN}, {.fd = wake[0], .events = POLLIN}};
    while (!caught && poll(either, 2, -1) < 0 && errno == EINTR) {
    }
    return !caught;
}

int cli_interrupted(void) { return caught; }
