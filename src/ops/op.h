// One request of whatever protocol, as operations see it, and their answer. Protocols fill a call
// from what they carried, op_run runs it, and they tell the answer in their own form.
//
// Invariants:
//  O1  an operation sees only parameters and headers that the table gives it: others were refused.
//  O2  every call is held against its principal's permission in op_run, below all protocols.
//  O3  after op_run the answer is whole: a body, or a problem object; never both.
#ifndef OPS_OP_H
#define OPS_OP_H

#include <stdbool.h>

#include "auth/auth.h"
#include "base/err/ctx.h"
#include "base/mem/buf.h"
#include "nacre/nacre.h"
#include "ops/op_table.h"

struct lib_body;
struct lib_member;

enum op_kind { OP_TEXT, OP_BOOLEAN, OP_INTEGER };
struct op_param_row {
    const char *name;
    enum op_kind kind;
    int64_t min, max;   // of an integer
    const char *values; // "a,b": one of them; NULL = any
};
struct op {
    const char *name;
    uint16_t number; // stable: of the native protocol
    const char *verb, *path;
    bool of_database; // stands under /v1 (main) and under /v1/db/{database}
    enum op_permission permission;
    uint32_t params, headers; // bits by enum op_param, enum op_header
    const char *media;        // of the body: "a/b,c/d"; NULL = no body
    const char *offers;       // media of the answer, the usual one first
    const char *body;         // the body's shape; "stream": read as it comes
    bool streams;             // body or answer have no bound, and so no time of their own
    int status;               // of the usual success
    nacre_status (*run)(struct op_call *call); // NULL: answers unimplemented
};
extern const struct op op_table[];
extern const size_t op_count;
extern const struct op_param_row op_params[OP_PARAMS];
extern const char *const op_param_names[OP_PARAMS];
extern const char *const op_header_names[OP_HEADERS];
extern const char *const op_path_names[OP_PATHS];
extern const char *const op_permission_names[OP_PERMISSIONS];

// Who asks, as authentication found it (ops/principal.h).
struct op_principal {
    struct auth *auth; // where keys, roles and users are administered; NULL: there are none
    struct auth_who who;
    struct limit_state limit; // of its calls; also where it was refused for that
    char address[46];         // "": none
    bool owner; // holds the directory itself, without a server: may everything. Then who is empty
};

// A body or an answer that is not held in memory as a whole. The functions block the calling
// thread; NULL where the protocol or the operation has none.
struct op_stream {
    void *arg;
    long (*read)(void *arg, void *buffer, size_t size); // 0 = end, -1 = the peer is gone
    // The first call begins the answer: its status and headers are what call->answer says then.
    int (*write)(void *arg, const void *bytes, size_t size); // not 0: the peer is gone
    int (*flush)(void *arg);                                 // what was written goes out now
};

enum op_media { OP_JSON, OP_MERGE_PATCH, OP_JSON_PATCH, OP_NDJSON, OP_CSV, OP_EVENTS };

struct op_answer {
    int status; // HTTP
    bool replayed;
    bool minimal;        // Prefer: return=minimal was followed
    uint64_t version;    // ETag; 0 = none
    char sequence[64];   // "" = none
    struct buf location; // "" = none
    struct buf body;     // JSON, or what media says
    enum op_media media; // of the body
    bool problem;        // body is a problem object
};

struct op_txs;
struct op_jobs;
struct op_slowlog;
struct op_call {
    const struct op *op;
    const struct op_principal *principal;
    struct ctx *ctx;        // memory of the call, errors found here
    nacre_session *session; // the thread's; op_run puts a transaction's in its place
    struct op_txs *txs;
    struct op_jobs *jobs;          // NULL: none can be begun
    struct op_slowlog *slowlog;    // NULL: nothing is noted
    const char *path[OP_PATHS];    // NUL-terminated, decoded; database always
    const char *params[OP_PARAMS]; // NUL-terminated, decoded; NULL = not given
    const char *headers[OP_HEADERS];
    const char *body; // NUL-terminated
    size_t body_size;
    enum op_media media;  // of the body
    enum op_media accept; // one of op->offers
    const struct op_stream *stream;
    nacre_collection collection;
    bool sent;              // lines of the answer have gone through the stream
    struct buf *scratch;    // of op_members; NULL: not used
    const char *request_id; // for problem objects; NULL: none
    const char *trace_id;   // for the slow log; NULL: none
    bool at_once;           // it may not wait for anything, as on a loop's thread
    bool would_wait;        // with at_once: it would have to; nothing was done, no answer is there
    struct op_answer answer;
};

void op_answer_init(struct op_answer *answer, struct budget *budget);
void op_answer_free(struct op_answer *answer);
// Checks, permission, operation, answer. The status is also in the answer.
MUST_USE nacre_status op_run(struct op_call *call);
// Whether it is worth a try with at_once.
bool op_is_quick(const struct op *op);
// Makes the answer a problem object of call->ctx's error record.
MUST_USE nacre_status op_refuse(struct op_call *call, nacre_status status);

// --- for operations ---

// The body as an object of these members; raw texts point into it. An empty body has none.
MUST_USE nacre_status op_members(struct op_call *call, const char *what, struct lib_body *out,
                                 struct lib_member *members);
// A text with a NUL in the call's memory.
MUST_USE nacre_status op_text(struct op_call *call, struct slice text, const char **out);

// The status of a call of the library: keeps the error it tells.
MUST_USE nacre_status op_told(struct op_call *call, nacre_status status);
// Whether "a,b" has the word.
bool op_is_listed(const char *list, struct slice word);
// Whether the answer is to be without the document; answer.minimal says so then.
bool op_is_minimal(struct op_call *call);
nacre_durability op_durability(const struct op_call *call);
bool op_flag(const struct op_call *call, enum op_param param, bool fallback);
uint64_t op_number(const struct op_call *call, enum op_param param, uint64_t fallback);
// Conditions, durability and what else a write takes. versions: room for 64.
MUST_USE nacre_status op_write_options(struct op_call *call, nacre_write *out,
                                       uint64_t versions[64]);
// Whether If-None-Match names this version of what is read. NACRE_VERSION_MISMATCH: If-Match names
// others.
MUST_USE nacre_status op_matches(struct op_call *call, uint64_t version, bool *out);
MUST_USE nacre_status op_id(struct op_call *call, nacre_id *out);
// The answer of a write of one document.
MUST_USE nacre_status op_answer_write(struct op_call *call, const nacre_result *result);
// A text of the library as the body; integers as ?int64= asks.
MUST_USE nacre_status op_answer_json(struct op_call *call, const char *json, size_t size);
// The same for POST, PUT and PATCH of what is no document: nothing where that was preferred.
MUST_USE nacre_status op_answer_changed(struct op_call *call, const char *json);
// Of a batch, a claim or a change of the catalog: its sequence, and whether it was replayed.
void op_answer_last(struct op_call *call);
void op_answer_sequence(struct op_call *call, const char *sequence);
// {"items":[…]} in answer.body as a line for each, where lines were asked for.
MUST_USE nacre_status op_answer_lines(struct op_call *call);
// The body with the parameter as_of as a member.
MUST_USE nacre_status op_body_as_of(struct op_call *call);
// All rows of a cursor as a page, in the form that was accepted; closes it.
MUST_USE nacre_status op_answer_rows(struct op_call *call, nacre_cursor *cursor, bool total);

// Members of a JSON object, built from parameters.
void op_member_text(struct buf *out, const char *name, const char *text);
void op_member_list(struct buf *out, const char *name, const char *list); // "a,b"
void op_member_number(struct buf *out, const char *name, uint64_t number);
void op_members_end(struct buf *out);

#endif
