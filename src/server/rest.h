// Inside the room: one HTTP request on its worker.
#ifndef SERVER_REST_H
#define SERVER_REST_H

#include "server/server.h"

struct rest {
    struct worker *worker;
    struct net_exchange *exchange;
    const struct http_request *request;
    char request_id[37];
    struct access access;
    struct op_call *call;
    struct limit_state limit; // of who asks
    bool at_once;             // on a loop's thread; see op_call
    bool begun;               // the answer is a stream, and it has begun
};

// An answer that no operation gives: the problem of the worker's error record. extra: header lines,
// may be "".
void rest_refuse(struct rest *rest, const char *extra);
// 404, or 405 where route->allowed has verbs.
void rest_refuse_path(struct rest *rest, const struct route *route);

// --- cors.c ---

// The headers that let a page read this answer.
void cors_put(const struct rest *rest, struct buf *out);
bool cors_run_preflight(struct rest *rest); // true: answered; needs no key

// --- page.c; true: answered ---

bool page_run_public(struct rest *rest);                                // paths that need no key
bool page_run(struct rest *rest, const struct op_principal *principal); // those that need one

#endif
