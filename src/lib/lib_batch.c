// nacre_batch: many operations in one command.
//
// With atomic false each operation answers for itself, also one that is refused before it reaches
// the log (a bad id, a patch that is none). Such an operation splits the batch: what stands before
// it is submitted, its error kept, and the rest goes on. So the order holds and no operation is
// prepared more than twice. What makes the body no batch at all (an unknown member, an unknown op)
// is refused as a whole either way.
#include <stdio.h>

#include "doc/json.h"
#include "lib/lib_body.h"
#include "lib/lib_token.h"
#include "lib/lib_write.h"

enum batch_member { BATCH_ATOMIC, BATCH_OPERATIONS };
enum op_member { OP_OP, OP_ID, OP_DOCUMENT, OP_PATCH, OP_IF_VERSION, OP_IF, OP_TTL };

// An item that was refused while it was read.
struct refusal {
    int http; // 0: it was not
    struct slice problem;
};

struct batch {
    struct nacre_session *s;
    const nacre_write *options;
    struct lib_body body; // of the whole
    struct target target;
    bool atomic, has_gets;
    uint32_t count;
    struct write_item *items;
    struct refusal *refused; // of each item; only without atomic
    struct buf *out;
};

// --- reading ---

static nacre_status read_kind(const struct lib_body *b, const struct lib_member *m,
                              enum write_kind *out) {
    static const char *const names[] = {"put", "insert", "patch", "delete", "get"};
    static const enum write_kind kinds[] = {WRITE_PUT, WRITE_INSERT, WRITE_PATCH, WRITE_DELETE,
                                            WRITE_GET};
    struct slice word;
    char text[32];
    const char *expected = "\"put\", \"insert\", \"patch\", \"delete\" or \"get\"";
    if (!m->raw.n) return lib_body_bad(b, "op", expected, val_missing());
    TRY(lib_body_string(b, m, &word));
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (slice_eq_str(word, names[i])) {
            *out = kinds[i];
            return NACRE_OK;
        }
    nacre_status status = lib_body_bad(b, "op", expected, val_str(word));
    snprintf(text, sizeof text, "%.*s", (int)(word.n < 30 ? word.n : 30), (const char *)word.p);
    err_suggest(b->ctx, err_nearest(text, names, sizeof names / sizeof *names));
    return status;
}

// What an operation of this kind must or must not have.
static nacre_status check_members(const struct lib_body *b, const struct lib_member *m,
                                  const struct write_item *item) {
    bool document = item->kind <= WRITE_INSERT;
    if (document && !m[OP_DOCUMENT].raw.n)
        return lib_body_bad(b, "document", "an object", val_missing());
    if (!document && m[OP_DOCUMENT].raw.n)
        return lib_body_bad(b, "document", "no document for this op", val_str(m[OP_OP].raw));
    if (item->kind == WRITE_PATCH && !m[OP_PATCH].raw.n)
        return lib_body_bad(b, "patch", "a patch", val_missing());
    if (item->kind != WRITE_PATCH && m[OP_PATCH].raw.n)
        return lib_body_bad(b, "patch", "no patch for this op", val_str(m[OP_OP].raw));
    if (item->kind >= WRITE_DELETE && m[OP_TTL].raw.n)
        return lib_body_bad(b, "ttl_seconds", "no time to live for this op", val_str(m[OP_OP].raw));
    if (!document && !m[OP_ID].raw.n)
        return lib_body_bad(b, "id", "a string or an integer", val_missing());
    return NACRE_OK;
}

static nacre_status read_id(const struct lib_body *b, const struct lib_member *m,
                            struct write_item *item) {
    if (!m->raw.n) return NACRE_OK;
    TRY(lib_body_value(b, m, &item->id));
    if (item->id.type == VAL_STRING || item->id.type == VAL_INT) return NACRE_OK;
    return lib_body_bad(b, "id", "a string or an integer", item->id);
}

static nacre_status wrap_ops(struct ctx *ctx, struct val ops, struct slice *out) {
    struct buf bytes BUF_CLEANUP = {0};
    struct bson_writer w;
    buf_init(&bytes, ctx->arena.budget, LIB_TEXT_MAX);
    bson_begin(&w, &bytes);
    bson_put(&w, SLICE_LIT("ops"), ops);
    bson_end(&w);
    if (buf_status(&bytes) != NACRE_OK) return err_buf(ctx, &bytes);
    const uint8_t *p = arena_copy(&ctx->arena, bytes.p, bytes.n);
    if (!p) return err_nomem(ctx);
    *out = slice_of(p, bytes.n);
    return NACRE_OK;
}

// An array is a JSON Patch, an object operators or a merge patch.
static nacre_status read_patch(const struct lib_body *b, const struct lib_member *m,
                               struct write_item *item) {
    struct val v;
    if (!m->raw.n) return NACRE_OK;
    if (m->raw.p[0] != '[') return lib_body_object(b, m, true, &item->body);
    TRY(lib_body_value(b, m, &v));
    item->format = PATCH_FORMAT_OPS;
    return wrap_ops(b->ctx, v, &item->body);
}

static nacre_status read_version(const struct lib_body *b, const struct lib_member *m,
                                 struct write_item *item) {
    if (!m->raw.n) return NACRE_OK;
    uint64_t *version = arena_alloc(&b->ctx->arena, sizeof *version);
    if (!version) return err_nomem(b->ctx);
    TRY(lib_body_integer(b, m, 1, INT64_MAX, version));
    item->versions = version;
    item->version_count = 1;
    return NACRE_OK;
}

static nacre_status read_content(const struct lib_body *b, const struct lib_member *m,
                                 struct write_item *item) {
    TRY(read_id(b, &m[OP_ID], item));
    if (m[OP_DOCUMENT].raw.n) TRY(lib_body_object(b, &m[OP_DOCUMENT], false, &item->body));
    TRY(read_patch(b, &m[OP_PATCH], item));
    TRY(read_version(b, &m[OP_IF_VERSION], item));
    if (m[OP_IF].raw.n) TRY(lib_body_filter(b, &m[OP_IF], &item->filter));
    if (!m[OP_TTL].raw.n) return NACRE_OK;
    item->has_ttl = true;
    return lib_body_integer(b, &m[OP_TTL], 0, INT64_MAX, &item->ttl_seconds);
}

static nacre_status keep_refusal(struct batch *batch, nacre_status status, struct refusal *out) {
    struct nacre_session *s = batch->s;
    bool own = status == NACRE_INVALID_ARGUMENT || status == NACRE_DOCUMENT_TOO_LARGE;
    if (batch->atomic || !own) return status;
    buf_reset(&s->scratch);
    lib_problem_write(&s->scratch, &s->ctx.err, s->request.id);
    if (buf_status(&s->scratch) != NACRE_OK) return err_buf(&s->ctx, &s->scratch);
    const uint8_t *p = arena_copy(&s->ctx.arena, s->scratch.p, s->scratch.n);
    if (!p) return err_nomem(&s->ctx);
    *out = (struct refusal){nacre_status_http(status), slice_of(p, s->scratch.n)};
    err_clear(&s->ctx);
    return NACRE_OK;
}

static nacre_status read_op(struct batch *batch, const struct lib_body *b, struct slice text,
                            uint32_t i) {
    struct write_item *item = &batch->items[i];
    struct lib_member m[] = {{.name = "op"},          {.name = "id"},         {.name = "document"},
                             {.name = "patch"},       {.name = "if_version"}, {.name = "if"},
                             {.name = "ttl_seconds"}, {.name = NULL}};
    TRY(lib_body_members(b, text, m));
    TRY(read_kind(b, &m[OP_OP], &item->kind));
    TRY(check_members(b, m, item));
    item->want_document =
        item->kind == WRITE_GET || (batch->options && batch->options->want_document);
    nacre_status status = read_content(b, m, item);
    return status == NACRE_OK ? status : keep_refusal(batch, status, &batch->refused[i]);
}

static nacre_status read_ops(struct batch *batch, const struct lib_member *m) {
    struct slice *texts;
    size_t count;
    struct arena *arena = &batch->s->ctx.arena;
    struct lib_body one = batch->body;
    one.what = "an operation of a batch";
    if (!m->raw.n) return lib_body_bad(&batch->body, m->name, "an array", val_missing());
    TRY(lib_body_elements(&batch->body, m->name, m->raw, WRITE_OPS_MAX, &texts, &count));
    batch->items = ARENA_ARRAY(arena, struct write_item, count + 1);
    batch->refused = ARENA_ARRAY(arena, struct refusal, count + 1);
    if (!batch->items || !batch->refused) return err_nomem(&batch->s->ctx);
    for (uint32_t i = 0; i < count; i++) {
        snprintf(one.pointer, sizeof one.pointer, "/operations/%u", i);
        TRY(read_op(batch, &one, texts[i], i));
    }
    batch->count = (uint32_t)count;
    return NACRE_OK;
}

static nacre_status read_batch(struct batch *batch) {
    struct lib_member m[] = {{.name = "atomic"}, {.name = "operations"}, {.name = NULL}};
    TRY(lib_body_members(&batch->body, batch->body.whole, m));
    batch->atomic = true;
    if (m[BATCH_ATOMIC].raw.n) TRY(lib_body_bool(&batch->body, &m[BATCH_ATOMIC], &batch->atomic));
    return read_ops(batch, &m[BATCH_OPERATIONS]);
}

// --- writing the answer ---

static void begin_result(struct buf *out, int http, struct val id) {
    if (out->n && out->p[out->n - 1] == '}') buf_put_u8(out, ',');
    buf_printf(out, "{\"status\":%d,\"id\":", http);
    json_write_val(out, id.type == VAL_MISSING ? val_null() : id, JSON_INT64_NUMBER);
}

// The id as far as it was given.
static struct val given_id(const struct write_item *item) {
    bool from_body = item->id.type == VAL_MISSING && item->kind <= WRITE_INSERT && item->body.n;
    return from_body ? bson_find(item->body, SLICE_LIT("_id")) : item->id;
}

// Pointers of what the engine refused are those of the single call: they are put where the part
// stands in the batch.
static void place_error(struct batch *batch, uint32_t i) {
    struct ctx *ctx = &batch->s->ctx;
    const struct write_item *item = &batch->items[i];
    struct err *err = &ctx->err;
    char pointer[64];
    const char *part = item->kind <= WRITE_INSERT  ? "/document"
                       : item->kind == WRITE_PATCH ? "/patch"
                                                   : "";
    const char *argument = strcmp(err->parameter, "id") == 0            ? "/id"
                           : strcmp(err->parameter, "ttl_seconds") == 0 ? "/ttl_seconds"
                                                                        : "";
    if (err->status == NACRE_INVALID_FILTER) part = "/if";
    lib_body_place_filter(&batch->body, item->filter);
    snprintf(pointer, sizeof pointer, "/operations/%u%s", i, err->item_count ? part : argument);
    // An argument of the single call is a member here.
    if (argument[0] || err->status == NACRE_INVALID_FILTER) err->parameter[0] = '\0';
    if (err->item_count)
        err_prefix_pointers(ctx, pointer);
    else
        err_expected(ctx, pointer,
                     argument[0] ? "a value in range" : "an operation that can be done",
                     nacre_status_title(err->status));
}

static void put_error(struct batch *batch, uint32_t i) {
    struct ctx *ctx = &batch->s->ctx;
    place_error(batch, i);
    begin_result(batch->out, nacre_status_http(ctx->err.status), given_id(&batch->items[i]));
    buf_put_str(batch->out, ",\"error\":");
    lib_problem_write(batch->out, &ctx->err, batch->s->request.id);
    buf_put_u8(batch->out, '}');
    err_clear(ctx);
}

static void put_refusal(struct batch *batch, uint32_t i) {
    begin_result(batch->out, batch->refused[i].http, given_id(&batch->items[i]));
    buf_put_str(batch->out, ",\"error\":");
    buf_put_slice(batch->out, batch->refused[i].problem);
    buf_put_u8(batch->out, '}');
}

static int http_of(const struct write_item *item, const struct op_result *op) {
    if (item->kind == WRITE_DELETE) return 204;
    if (op->flags & RESULT_CREATED) return 201;
    return item->kind == WRITE_INSERT ? 201 : 200;
}

static nacre_status put_result(struct batch *batch, uint32_t i, const struct op_result *op) {
    struct nacre_session *s = batch->s;
    struct buf *out = batch->out;
    struct val id;
    if (op->status != NACRE_OK) {
        (void)!result_error_raise(&s->ctx, op->error);
        put_error(batch, i);
        return NACRE_OK;
    }
    TRY(lib_write_id(s, op, &id));
    begin_result(out, http_of(&batch->items[i], op), id);
    buf_printf(out, ",\"version\":%llu", (unsigned long long)op->version);
    if (op->row.n) {
        buf_put_str(out, ",\"document\":");
        TRY(lib_write_document(s, op, false, out));
    }
    buf_put_u8(out, '}');
    return NACRE_OK;
}

static nacre_status put_results(struct batch *batch, uint32_t from, const struct result *result) {
    for (uint32_t i = 0; i < result->count; i++) {
        struct arena_mark mark = arena_mark(&batch->s->ctx.arena);
        nacre_status status = put_result(batch, from + i, &result->ops[i]);
        arena_rewind(&batch->s->ctx.arena, mark);
        if (status != NACRE_OK) return status;
    }
    return buf_status(batch->out);
}

// --- running ---

static nacre_status submit(struct batch *batch, uint32_t from, uint32_t count, struct result *out) {
    struct nacre_session *s = batch->s;
    uint64_t seed = 0x100 + (uint64_t)from;
    char principal[128];
    struct write_request request = {.target = batch->target,
                                    .atomic = batch->atomic,
                                    .count = count,
                                    .items = batch->items + from,
                                    .durability = lib_write_durability(batch->options)};
    request.idempotency = lib_write_idempotency(s, batch->options, batch->body.whole, seed);
    // By where it begins each piece finds its own record again.
    int n =
        snprintf(principal, sizeof principal, "%sbatch piece %u", s->caller ? s->caller : "", from);
    request.idempotency.principal = slice_of(principal, (size_t)n);
    request.idempotency.batch = true;
    return lib_done(s, lib_tx_write(s, &request, out));
}

static nacre_status done_but_untold(struct batch *batch) {
    struct ctx *ctx = &batch->s->ctx;
    nacre_status status = err_set(ctx, NACRE_OUTCOME_UNKNOWN,
                                  "the batch was done, but its answer could not be told: no "
                                  "memory, or more than 1 GiB");
    err_hint(ctx, "read the documents to see them");
    return status;
}

// Submits items [from, end) or, without atomic, those of them that go together, and tells their
// answers. *next: the first that is not done; after a failure the item it is about.
static nacre_status run_piece(struct batch *batch, uint32_t from, uint32_t end, uint32_t *next) {
    struct result result = {0};
    uint32_t count = end - from;
    nacre_status status = submit(batch, from, count, &result);
    if (status == NACRE_OK) lib_last_keep(batch->s, &result);
    *next = from + (result.failed_op < count ? result.failed_op : 0);
    if (status != NACRE_OK) return status;
    uint32_t done = result.count ? result.count : result.failed_op; // a record without its items
    *next = from + (done ? done : count);
    status = put_results(batch, from, &result);
    return status == NACRE_OK ? NACRE_OK : done_but_untold(batch);
}

// A collection that is not there is what the single call would answer: only a put makes it.
static bool is_of_one(nacre_status status) {
    return status == NACRE_COLLECTION_NOT_FOUND || !lib_write_is_of_whole(status);
}

// Items [at, end), of which none was refused while it was read.
static nacre_status run_each(struct batch *batch, uint32_t at, uint32_t end) {
    for (uint32_t stop = end; at < end;) {
        uint32_t next = at;
        nacre_status status = run_piece(batch, at, stop, &next);
        if (status != NACRE_OK && !is_of_one(status)) return status;
        bool before_it = status != NACRE_OK && next > at; // they are done first
        if (status != NACRE_OK && !before_it) put_error(batch, next++);
        if (!before_it) at = next;
        stop = before_it ? next : end;
    }
    return NACRE_OK;
}

static nacre_status run_all(struct batch *batch) {
    for (uint32_t at = 0; at < batch->count;) {
        uint32_t end = at;
        while (end < batch->count && !batch->refused[end].http)
            end++;
        TRY(run_each(batch, at, end));
        if (end < batch->count) put_refusal(batch, end);
        at = end + 1;
    }
    return NACRE_OK;
}

static nacre_status run_atomic(struct batch *batch) {
    uint32_t next;
    nacre_status status = run_piece(batch, 0, batch->count, &next);
    if (status != NACRE_OK && !lib_write_is_of_whole(status)) place_error(batch, next);
    return status;
}

static nacre_status run_batch(struct batch *batch) {
    buf_put_str(batch->out, "{\"results\":[");
    if (buf_status(batch->out) != NACRE_OK) return err_buf(&batch->s->ctx, batch->out);
    if (batch->count) TRY(batch->atomic ? run_atomic(batch) : run_all(batch));
    buf_put_str(batch->out, "]}");
    return NACRE_OK;
}

nacre_status nacre_batch(nacre_session *s, nacre_collection *collection, const char *json,
                         size_t size, const nacre_write *options, const char **out,
                         size_t *out_size) {
    TRY(lib_begin(s));
    if (!json) return lib_null(s, "json", "the body of a batch");
    if (!out) return lib_null(s, "out", "where the text goes");
    lib_last_keep(s, NULL);
    TRY(lib_write_check_plain(s, options, "nacre_batch"));
    struct batch batch = {.s = s, .options = options, .out = &s->text};
    batch.body = (struct lib_body){
        .ctx = &s->ctx, .bson = &s->body, .whole = slice_of(json, size), .what = "a batch"};
    TRY(lib_target(s, collection, &batch.target));
    s->body.max = LIB_TEXT_MAX;
    lib_text_reset(&s->body);
    lib_text_reset(&s->text);
    TRY(lib_done(s, read_batch(&batch)));
    TRY(lib_done(s, run_batch(&batch)));
    if (lib_text_give(s, &s->text, out, out_size) == NACRE_OK) return NACRE_OK;
    return done_but_untold(&batch);
}
