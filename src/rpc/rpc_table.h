// Inside the room: messages as tables, generated from api/rpc.json and api/ops (rpc_table.c).
#ifndef RPC_RPC_TABLE_H
#define RPC_RPC_TABLE_H

#include "ops/op.h"

enum rpc_kind {
    RPC_TEXT,     // string
    RPC_JSON,     // bytes that hold a JSON value
    RPC_BYTES,    // bytes
    RPC_NUMBER,   // uint64, told apart from none
    RPC_FLAG,     // bool; false is none
    RPC_CHOICE,   // bool, told apart from none
    RPC_TEXTS,    // strings
    RPC_NUMBERS,  // uint64s
    RPC_ENUM,     // 0 is none, n the n-th word
    RPC_ID,       // Id
    RPC_MESSAGES, // messages of a part
};

// Of a request, where a field goes in the call; of a reply, where it comes from.
enum rpc_place {
    RPC_PATH,
    RPC_PARAM,
    RPC_HEADER,
    RPC_BODY,       // is the body
    RPC_MEMBER,     // a member of the body, or of the answer
    RPC_DATA,       // of an import: what its stream begins with
    RPC_FORMAT,     // media type of a stream
    RPC_PATCH_KIND, // media type of a patch
    RPC_WHOLE,      // the answer's body
    RPC_VERSION,
    RPC_SEQUENCE,
    RPC_CREATED,
    RPC_REPLAYED,
    RPC_LOCATION, // the id that the answer gives a location for
    RPC_NOT_MODIFIED,
};

struct rpc_part;
struct rpc_field {
    uint16_t number;
    uint8_t kind, place;
    uint8_t which;               // enum op_path, op_param or op_header
    const char *name;            // of the path part, parameter, header or member
    const char *words;           // of RPC_ENUM; of RPC_FLAG what a call has for true
    const struct rpc_part *part; // of RPC_MESSAGES
};
struct rpc_part {
    const struct rpc_field *fields;
    size_t count;
};
struct rpc_reply {
    const struct rpc_part *fields;
    bool streams;
    uint16_t item;                    // of a stream: the field of a line
    const struct rpc_part *item_part; // NULL: the line as it is
    uint16_t csv;                     // the field of bytes of CSV; 0: none
};
struct rpc_method {
    const char *path; // "nacre.v1.Documents/Get"
    const struct op *op;
    const struct rpc_part *request;
    const struct rpc_reply *reply;
    bool takes_stream; // of requests
};
extern const struct rpc_method rpc_methods[];
extern const size_t rpc_method_count;

enum { RPC_FIELDS_MAX = 32 }; // of one message

// --- rpc_call.c ---

// Fills the call from a request message. *data: bytes that an import begins with.
MUST_USE nacre_status rpc_call_fill(struct op_call *call, const struct rpc_part *part,
                                    struct slice message, struct slice *data);
// The data of a later message of an import; may be none.
MUST_USE nacre_status rpc_call_data(struct ctx *ctx, const struct rpc_part *part,
                                    struct slice message, struct slice *data);

// --- rpc_reply.c ---

// Appends the fields that have this place, or come from members of the JSON object.
MUST_USE nacre_status rpc_reply_members(struct op_call *call, const struct rpc_part *part,
                                        struct slice json, struct buf *out);
MUST_USE nacre_status rpc_reply_answer(struct op_call *call, const struct rpc_part *part,
                                       struct buf *out);
// google.rpc.Status of a problem object.
void rpc_reply_problem(struct ctx *ctx, nacre_status status, struct slice json, struct buf *out);

#endif
