// Subscriptions over WebSocket: one thread feeds them all.
#ifndef SERVER_SOCKETS_H
#define SERVER_SOCKETS_H

#include "server/server.h"

enum { SOCKET_SUBSCRIPTIONS_MAX = 100, SUBSCRIPTIONS_MAX = 10000 };

MUST_USE nacre_status sockets_open(struct ctx *ctx, struct nacre_server *server,
                                   struct sockets **out);
// Ends them all; none comes in from here on. NULL is fine.
void sockets_stop(struct sockets *sockets);
void sockets_close(struct sockets *sockets); // after the last exchange; NULL is fine
// The exchange becomes one of them; principal moves.
void sockets_take(struct sockets *sockets, struct net_exchange *exchange,
                  struct op_principal *principal);

#endif
