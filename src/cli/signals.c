// Interrupts. A command that can stop in good order catches them while it runs.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/cli.h"

static volatile sig_atomic_t caught;
static volatile sig_atomic_t every; // of SIGINT: the second is caught as the first was
static volatile sig_atomic_t hung_up;
static nacre_session *volatile cancelled;
static int depth; // of those who catch
// Readable once a signal was caught. A signal may come between a look at caught and a read that
// blocks, and to any thread.
static int wake[2] = {-1, -1};

// Not SIG_IGN, which the programs that are started would inherit.
static void drop_one(int signal_number) { (void)signal_number; }
static void (*outside)(int) = SIG_DFL; // what an interrupt does while nobody catches

static void catch_one(int signal_number) {
    int before = errno;
    caught = signal_number;
    ssize_t written = write(wake[1], "", 1);
    (void)written; // where there is no pipe, caught tells
    errno = before;
    if (cancelled) nacre_session_cancel(cancelled);
    if (every && signal_number == SIGINT) return;
    signal(SIGINT, SIG_DFL); // the second ends the program
    signal(SIGTERM, SIG_DFL);
}

static void hang_up(int signal_number) {
    int before = errno;
    (void)signal_number;
    hung_up = 1;
    ssize_t written = write(wake[1], "", 1);
    (void)written; // as above
    errno = before;
}

static void drain(void) {
    char drained[64];
    while (wake[0] >= 0 && read(wake[0], drained, sizeof drained) > 0)
        continue;
}

static void catch_both(void) {
    struct sigaction action = {.sa_handler = catch_one}; // no SA_RESTART: a read must end
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

static void begin(void) {
    if (wake[0] < 0 && pipe2(wake, O_CLOEXEC | O_NONBLOCK) != 0) wake[0] = wake[1] = -1;
    drain();
    caught = 0;
    catch_both();
}

void cli_interrupts_cancel(nacre_session *session) {
    cancelled = session;
    if (caught && session) nacre_session_cancel(session); // it came a little before
}

void cli_catch_interrupts(nacre_session *session) {
    if (depth++ == 0) begin();
    cli_interrupts_cancel(session);
}

void cli_catch_typing(void) {
    every = true;
    cli_catch_interrupts(NULL);
}

void cli_catch_hang_ups(void) {
    struct sigaction action = {.sa_handler = hang_up};
    sigaction(SIGHUP, &action, NULL);
}

bool cli_hung_up(void) {
    if (!hung_up) return false;
    drain(); // before: one that comes now is seen next time
    hung_up = 0;
    return true;
}

void cli_release_interrupts(void) {
    if (--depth == 0) {
        signal(SIGHUP, SIG_DFL);
        signal(SIGINT, outside);
        signal(SIGTERM, SIG_DFL);
        every = false;
    }
    if (cancelled) nacre_session_clear_cancel(cancelled);
    cancelled = NULL;
}

void cli_drop_interrupts(bool on) {
    outside = on ? drop_one : SIG_DFL;
    signal(SIGINT, outside);
}

void cli_leave_interrupts(bool on) {
    if (on)
        signal(SIGINT, SIG_IGN);
    else
        catch_both();
}

bool cli_wait_input(int fd) {
    struct pollfd either[] = {{.fd = fd, .events = POLLIN}, {.fd = wake[0], .events = POLLIN}};
    while (!caught && poll(either, 2, -1) < 0 && errno == EINTR) {
    }
    return !caught;
}

int cli_interrupted(void) { return caught; }
