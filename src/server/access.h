// What is told of a request when it is over: a line of the log, where requests are logged. Never
// what documents, requests or credentials hold; so of paths only those that name nothing.
#ifndef SERVER_ACCESS_H
#define SERVER_ACCESS_H

#include "net/server.h"
#include "ops/principal.h"

struct nacre_server;

enum { ACCESS_NAME_MAX = 65, TRACE_ID_SIZE = 33 };
struct access {
    struct nacre_server *server;
    const char *protocol;
    const char *request_id; // the caller's
    const char *op;         // or a page's path; NULL: it came to none
    nacre_status status;
    int http;                     // of the answer; 0: what the exchange says
    uint64_t begin_ns;            // 0: nothing is told
    char trace_id[TRACE_ID_SIZE]; // W3C Trace Context: the caller's, else a new one
    char principal[ACCESS_NAME_MAX];
};
void access_begin(struct access *access, struct nacre_server *server, struct net_exchange *exchange,
                  const char *protocol, const char *request_id);
void access_principal(struct access *access, const struct op_principal *principal);
void access_end(const struct access *access, struct net_exchange *exchange);
// Of bytes that were no request.
void access_refused(struct nacre_server *server, int http, nacre_status status,
                    const char *request_id);

#endif
