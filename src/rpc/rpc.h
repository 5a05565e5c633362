// Operations as messages: what gRPC and the native protocol have in common. A request message in,
// reply messages out; their framing is the protocols' own.
#ifndef RPC_RPC_H
#define RPC_RPC_H

#include "ops/op.h"

struct rpc_method;

// Of a call whose requests or replies are streams; the functions block the calling thread.
struct rpc_stream {
    void *arg;
    // The next request message, valid until the next call. 0 = no more, -1: the peer is gone.
    int (*receive)(void *arg, struct slice *out);
    // A reply message, which goes out now; may be empty. Not 0: the peer is gone.
    int (*send)(void *arg, struct slice message);
};

// NULL: there is none. path: "nacre.v1.Documents/Get"; number: of the operation.
const struct rpc_method *rpc_method_of_path(struct slice path);
const struct rpc_method *rpc_method_of_number(uint16_t number);
struct slice rpc_method_path(const struct rpc_method *method);
const struct op *rpc_method_op(const struct rpc_method *method);
bool rpc_method_takes_stream(const struct rpc_method *method);
bool rpc_method_gives_stream(const struct rpc_method *method);
// Whether a request asks for a stream that ends only when the peer goes. Any bytes.
bool rpc_method_follows(const struct rpc_method *method, struct slice message);

// Runs one call. call: op, principal, ctx, session, txs and an answer that was initialised; the
// rest is filled from the message, stream put in its place. request_id: problems name it.
//
// NACRE_OK: out holds the reply message of a method that gives no stream; of one that does the
// messages have been sent. Else out holds a google.rpc.Status; messages of a stream may have been
// sent before.
MUST_USE nacre_status rpc_run(struct op_call *call, const struct rpc_method *method,
                              struct slice message, const struct rpc_stream *stream,
                              const char *request_id, struct buf *out);
// A failure that no call tells: ctx's error record as a google.rpc.Status.
void rpc_refuse(struct ctx *ctx, const char *request_id, struct buf *out);

#endif
