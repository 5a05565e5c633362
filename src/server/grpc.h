// gRPC: calls, health, reflection.
#ifndef SERVER_GRPC_H
#define SERVER_GRPC_H

#include "server/server.h"

// The record of worker->ctx as a status in worker->message; returns status.
MUST_USE nacre_status grpc_refuse(struct messages *messages, nacre_status status);

// grpc.health.v1.Health: needs no key, as /livez and /readyz.
bool grpc_health_is(struct slice path);
MUST_USE nacre_status grpc_health_run(struct messages *messages, struct slice message);

// grpc.reflection.v1 (and v1alpha): the services and their descriptors.
bool grpc_reflect_is(struct slice path);
MUST_USE nacre_status grpc_reflect_run(struct messages *messages);

extern const unsigned char server_protoset[]; // proto/nacre.protoset
extern const size_t server_protoset_size;

#endif
