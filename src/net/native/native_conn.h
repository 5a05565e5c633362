// Inside the protocol: a connection's calls.
#ifndef NET_NATIVE_NATIVE_CONN_H
#define NET_NATIVE_NATIVE_CONN_H

#include "net/loop/loop.h"
#include "net/native/native.h"

enum {
    NATIVE_BUCKETS = 64,
    NATIVE_WINDOW = 1 << 20,   // bytes that may come, or go, on a stream before there is credit
    GRPC_INVALID_ARGUMENT = 3, // codes of google.rpc.Status
    GRPC_RESOURCE_EXHAUSTED = 8,
    GRPC_INTERNAL = 13,
    GRPC_UNAVAILABLE = 14,
};

struct native_call {
    struct native_call *next, **link;
    struct native_call *same; // the next of its bucket
    struct net_exchange *e;
    uint64_t id;
    uint16_t method;
    bool streamed;        // by its request or its reply; counts against STREAMS_MAX
    bool cancelled;       // nobody waits for its reply
    bool begun;           // its reply is a stream that has begun
    bool ended;           // the request is whole
    size_t held;          // bytes of its request
    uint32_t message_max; // bytes of a message of a streamed request
    int64_t window;       // bytes of a streamed request that may still come
    int64_t credit;       // bytes of a streamed reply that may still go
    struct buf pending;   // of the reply, not sent yet
    size_t pending_at;
};

// Where the payload of the frame goes that is being read.
enum native_sink { NATIVE_SINK_NONE, NATIVE_SINK_CONTROL, NATIVE_SINK_BODY };

struct native_session {
    bool greeted; // the preface has been read
    struct native_reader reader;
    enum native_sink sink;
    struct native_call *filling;
    struct buf control;    // payload of a frame that carries no message
    struct buf credential; // what the hello gave
    struct native_call *calls;
    struct native_call *buckets[NATIVE_BUCKETS]; // the same, by id
    uint32_t running, streams;
    size_t held;
};

void native_call_free(struct native_session *s, struct native_call *call);

// native_reply.c

// The last frame of a request that no worker answers.
void native_reply_failed(struct net_conn *conn, const struct native_head *head, uint32_t code,
                         const char *detail);
// Nothing that follows can be understood: the connection ends.
void native_reply_break(struct net_conn *conn, const char *detail);
// Takes over what the call's worker has written, and sends what may be sent. May free the call.
void native_reply_advance(struct net_conn *conn, struct native_call *call);
void native_reply_credit(struct net_conn *conn, struct native_call *call);

#endif
