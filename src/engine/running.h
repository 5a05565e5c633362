// What runs: requests that may take long, listed for and ended by any thread.
//
// An entry lies where its request keeps it, from engine_running_begin to engine_running_end. Its
// owner works on it between enter and leave; in between it may be idle (a cursor that waits for its
// next row), and whoever cancels it then gives up at once what it holds.
#ifndef ENGINE_RUNNING_H
#define ENGINE_RUNNING_H

#include "engine/engine.h"

enum { RUNNING_TEXT_MAX = 256, RUNNING_NAME_MAX = 65, RUNNING_CALLER_MAX = 96 };

enum running_state { RUNNING_IDLE, RUNNING_BUSY, RUNNING_GONE };

struct running {
    struct running *next, **link; // the engine's, like what follows up to since_ms
    uint64_t id;
    const char *what; // "query", of the program's constants
    char database[RUNNING_NAME_MAX], collection[RUNNING_NAME_MAX];
    char text[RUNNING_TEXT_MAX];     // the beginning of the request
    char caller[RUNNING_CALLER_MAX]; // for whom it runs; "": the program itself
    uint64_t since_ms;
    struct ctx_watch watch;
    _Atomic uint64_t rows; // given or changed so far; the owner counts
    _Atomic int state;
    void (*give_up)(void *arg); // frees what it holds, from any thread; NULL: nothing while idle
    void *arg;
};

// Begins busy. what stays the caller's; texts are copied and cut. Cost: a lock.
void engine_running_begin(struct engine *engine, struct running *running, const char *what,
                          struct target target, struct slice text, struct slice caller);
void engine_running_end(struct engine *engine, struct running *running); // fine if it never began
// false: it was cancelled while it was idle, and holds nothing any more.
bool engine_running_enter(struct running *running);
// false: it was cancelled meanwhile; now it holds nothing any more.
bool engine_running_leave(struct running *running);

// Calls each for what runs, oldest first, under a lock: it must be short.
void engine_running_each(struct engine *engine, void (*each)(void *arg, const struct running *r),
                         void *arg);
// Ends it with NACRE_CANCELLED. NACRE_NOT_FOUND: it does not run, or does no more, or runs for
// another than caller (NULL: for whomever).
MUST_USE nacre_status engine_running_cancel(struct ctx *ctx, struct engine *engine, uint64_t id,
                                            const char *caller);

#endif
