// A database in this process, its operations asked through pipes: conformance without a network.
//     conformance_embedded DIR
// A message is a list of named texts: u32 count, then for each u32 size, name, u32 size, text;
// numbers little-endian. Requests: op, path.NAME, param.NAME, header.NAME, media, accept, body.
// Answers: status, media, version, sequence, location, replayed, body; "gone" for a stream that
// ended before its time.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits/bits.h"
#include "base/os/world.h"
#include "ops/op.h"
#include "ops/tx.h"

enum { FIELDS_MAX = 64, TEXT_MAX = 128 << 20 };

struct field {
    char *name, *text; // NUL-terminated
    size_t size;       // of text
};
struct message {
    struct field fields[FIELDS_MAX];
    size_t count;
};

struct embedded {
    nacre_db *db;
    nacre_session *session;
    struct op_txs *txs;
    struct ctx ctx;
    struct buf out;      // of an answer: its message
    struct buf streamed; // what the operation wrote as a stream
    struct slice unread; // of a streamed body
};

static const char *const media_names[] = {
    [OP_JSON] = "application/json",
    [OP_MERGE_PATCH] = "application/merge-patch+json",
    [OP_JSON_PATCH] = "application/json-patch+json",
    [OP_NDJSON] = "application/x-ndjson",
    [OP_CSV] = "text/csv",
    [OP_EVENTS] = "text/event-stream",
};

static void die(const char *what) {
    fprintf(stderr, "embedded: %s\n", what);
    exit(1);
}

// --- messages ---

static bool read_number(uint32_t *out) {
    uint8_t bytes[4];
    if (fread(bytes, sizeof bytes, 1, stdin) != 1) return false;
    *out = bits_le32(bytes);
    return true;
}

static char *read_text(size_t *out_size) {
    uint32_t size;
    if (!read_number(&size) || size > TEXT_MAX) die("a message is cut");
    char *text = malloc(size + 1);
    if (!text || (size && fread(text, size, 1, stdin) != 1)) die("a message is cut");
    text[size] = '\0';
    *out_size = size;
    return text;
}

static bool read_message(struct message *out) {
    uint32_t count;
    size_t size;
    if (!read_number(&count)) return false;
    if (count > FIELDS_MAX) die("a message is too long");
    out->count = count;
    for (size_t i = 0; i < count; i++) {
        out->fields[i].name = read_text(&size);
        out->fields[i].text = read_text(&out->fields[i].size);
    }
    return true;
}

static void free_message(struct message *message) {
    for (size_t i = 0; i < message->count; i++) {
        free(message->fields[i].name);
        free(message->fields[i].text);
    }
}

static const struct field *find(const struct message *message, const char *kind, const char *name) {
    size_t size = strlen(kind);
    for (size_t i = 0; i < message->count; i++)
        if (strncmp(message->fields[i].name, kind, size) == 0 &&
            strcmp(message->fields[i].name + size, name) == 0)
            return &message->fields[i];
    return NULL;
}

static const char *text_of(const struct message *message, const char *kind, const char *name) {
    const struct field *field = find(message, kind, name);
    return field ? field->text : NULL;
}

static void put_field(struct buf *out, const char *name, struct slice text) {
    buf_put_le32(out, (uint32_t)strlen(name));
    buf_put_str(out, name);
    buf_put_le32(out, (uint32_t)text.n);
    buf_put_slice(out, text);
}

// --- streams ---

static long read_stream(void *arg, void *buffer, size_t size) {
    struct embedded *embedded = arg;
    if (size > embedded->unread.n) size = embedded->unread.n;
    if (size) memcpy(buffer, embedded->unread.p, size);
    embedded->unread = slice_skip(embedded->unread, size);
    return (long)size;
}

static int write_stream(void *arg, const void *bytes, size_t size) {
    struct embedded *embedded = arg;
    buf_put(&embedded->streamed, bytes, size);
    return buf_status(&embedded->streamed) == NACRE_OK ? 0 : -1;
}

static int flush_stream(void *arg) {
    (void)arg;
    return 0;
}

// --- a call ---

static enum op_media media_of(const struct message *message, const char *name,
                              enum op_media fallback) {
    const char *text = text_of(message, "", name);
    for (size_t i = 0; text && i < sizeof media_names / sizeof *media_names; i++)
        if (strcmp(text, media_names[i]) == 0) return (enum op_media)i;
    return fallback;
}

static void fill_call(struct op_call *call, const struct message *message) {
    const struct field *body = find(message, "", "body");
    const char *name = text_of(message, "", "op");
    for (size_t i = 0; i < op_count; i++)
        if (name && strcmp(op_table[i].name, name) == 0) call->op = &op_table[i];
    if (!call->op) die("there is no such operation");
    for (int i = 0; i < OP_PATHS; i++)
        call->path[i] = text_of(message, "path.", op_path_names[i]);
    for (int i = 0; i < OP_PARAMS; i++)
        call->params[i] = text_of(message, "param.", op_param_names[i]);
    for (int i = 0; i < OP_HEADERS; i++)
        call->headers[i] = text_of(message, "header.", op_header_names[i]);
    bool lines = call->op->media && !op_is_listed(call->op->media, SLICE_LIT("application/json"));
    call->media = media_of(message, "media", lines ? OP_NDJSON : OP_JSON);
    call->accept = media_of(message, "accept", OP_JSON);
    call->body = body ? body->text : "";
    call->body_size = body ? body->size : 0;
}

static void put_answer(struct embedded *embedded, const struct op_answer *answer, bool failed) {
    struct buf *out = &embedded->out;
    char number[24];
    bool streamed = embedded->streamed.n != 0;
    buf_put_le32(out, 7);
    snprintf(number, sizeof number, "%d", streamed ? 200 : answer->status);
    put_field(out, "status", slice_str(number));
    put_field(out, "media",
              slice_str(!streamed && answer->problem ? "application/problem+json"
                                                     : media_names[answer->media]));
    snprintf(number, sizeof number, "%llu", (unsigned long long)answer->version);
    put_field(out, "version", slice_str(answer->version ? number : ""));
    put_field(out, "sequence", slice_str(answer->sequence));
    put_field(out, "location", buf_slice(&answer->location));
    put_field(out, "replayed", slice_str(answer->replayed ? "true" : ""));
    if (streamed && failed) { // the last line tells it
        buf_put_str(&embedded->streamed, "{\"$error\":");
        buf_put_slice(&embedded->streamed, buf_slice(&answer->body));
        buf_put_str(&embedded->streamed, "}\n");
    }
    put_field(out, "body", buf_slice(streamed ? &embedded->streamed : &answer->body));
}

static void run_call(struct embedded *embedded, const struct message *message) {
    struct op_principal principal = {.owner = true};
    const struct op_stream stream = {
        .arg = embedded, .read = read_stream, .write = write_stream, .flush = flush_stream};
    struct op_call call = {.principal = &principal,
                           .ctx = &embedded->ctx,
                           .session = embedded->session,
                           .txs = embedded->txs,
                           .stream = &stream};
    ctx_reset(&embedded->ctx);
    buf_reset(&embedded->out);
    buf_reset(&embedded->streamed);
    fill_call(&call, message);
    embedded->unread = slice_of(call.body, call.body_size);
    op_answer_init(&call.answer, NULL);
    nacre_status status = op_run(&call);
    put_answer(embedded, &call.answer, status != NACRE_OK);
    op_answer_free(&call.answer);
    if (buf_status(&embedded->out) != NACRE_OK ||
        fwrite(embedded->out.p, embedded->out.n, 1, stdout) != 1 || fflush(stdout) != 0)
        die("an answer cannot be written");
}

static void open_all(struct embedded *embedded, const char *dir) {
    nacre_options options = {.create = 1, .memory_bytes = 256 << 20};
    if (nacre_open(dir, &options, &embedded->db) != NACRE_OK) die("cannot open the directory");
    if (nacre_session_open(embedded->db, &embedded->session) != NACRE_OK) die("no session");
    embedded->txs = op_txs_open(embedded->db, &world_system);
    if (!embedded->txs) die("no memory");
    ctx_init(&embedded->ctx, &world_system, NULL, 256 << 20);
    buf_init(&embedded->out, NULL, TEXT_MAX);
    buf_init(&embedded->streamed, NULL, TEXT_MAX);
}

static int close_all(struct embedded *embedded) {
    op_txs_close(embedded->txs);
    nacre_session_close(embedded->session);
    ctx_free(&embedded->ctx);
    buf_free(&embedded->out);
    buf_free(&embedded->streamed);
    return nacre_close(embedded->db, NULL) == NACRE_OK ? 0 : 1;
}

int main(int argc, char **argv) {
    struct embedded embedded = {0};
    struct message message;
    if (argc != 2) die("usage: conformance_embedded DIR");
    open_all(&embedded, argv[1]);
    while (read_message(&message)) {
        run_call(&embedded, &message);
        free_message(&message);
    }
    return close_all(&embedded);
}
