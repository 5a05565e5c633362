// Import: the first stage reads lines, or records of CSV, and parses them into batches, lib_feed
// submits them.
//
// A line is done for good when every line before it is and a sync has passed its batch. Syncs ride
// on a command about once a second, and one barrier ends the import whatever ended it.
#include <stdio.h>

#include "base/bits/bits.h"
#include "doc/csv/csv.h"
#include "doc/json.h"
#include "lib/lib.h"
#include "lib/lib_feed.h"
#include "lib/lib_lines.h"
#include "lib/lib_token.h"

enum { PROGRESS_MS = 250, SYNC_MS = 1000 };

struct import {
    struct nacre_session *s;
    const nacre_import_options *options;
    struct lib_lines lines;
    struct csv_columns columns; // of the header, once it is read
    struct buf json;            // of a record
    struct lib_feed feed;
    struct feed_batch *batch; // being filled
    uint32_t unretired;       // batches given and not retired
    uint64_t end_line;        // a line {"$end":…} that may be the last; 0: none
    uint64_t next_progress_ns, next_sync_ns;
    uint64_t retired_line; // lines up to here are dealt with; result.lines: for good
    bool dirty;            // something was stored since the last sync
    bool stopped;          // no more lines are taken
    nacre_status status;   // of the whole
    struct err err;        // belongs to status
    nacre_import_result result;
};

static uint64_t now_ns(const struct import *im) { return world_mono_ns(im->s->db->world); }

// The first failure is the one that is told.
static void fail(struct import *im, nacre_status status, const struct err *err) {
    im->stopped = true;
    if (im->status != NACRE_OK) return;
    im->status = status;
    im->err = *err;
    im->err.status = status;
}

// --- retiring: what became of a batch ---

static void fail_at_line(struct import *im, uint64_t line, const struct err *cause) {
    struct err err = *cause;
    if (strncmp(cause->detail, "line ", 5) != 0) // else it says the line already
        snprintf(err.detail, sizeof err.detail, "line %llu: %.480s", (unsigned long long)line,
                 cause->detail);
    fail(im, cause->status, &err);
}

static void retire_lines(struct import *im, const struct feed_batch *b) {
    const nacre_import_options *o = im->options;
    const struct feed_line *last = b->used ? &b->lines[b->used - 1] : NULL;
    for (uint32_t i = 0; i < b->used; i++) {
        const struct feed_line *line = &b->lines[i];
        if (!line->refused) continue;
        im->result.failed++;
        if (o->on_line_error)
            o->on_line_error(o->arg, line->number, (const char *)b->problems.p + line->problem_at);
    }
    // That of a batch that was left empty is of when it was taken: others were under way then.
    if (b->last_line > im->retired_line) im->retired_line = b->last_line;
    if (o->skip_errors || !last || !last->refused) return;
    im->retired_line = last->number - 1;
    fail_at_line(im, last->number, &b->error);
}

static void retire(struct import *im, struct feed_batch *b) {
    im->unretired--;
    im->result.documents += b->documents;
    if (b->status != NACRE_OK)
        fail(im, b->status, &b->ctx.err);
    else if (!b->dropped)
        retire_lines(im, b);
    if (b->documents) im->dirty = !b->sync;
    if (!im->dirty && im->status == NACRE_OK) im->result.lines = im->retired_line;
    lib_feed_retired(&im->feed, b);
}

static void retire_all(struct import *im) {
    struct feed_batch *b;
    uint32_t left = im->unretired;
    while ((b = lib_feed_drain(&im->feed, &left)))
        retire(im, b);
}

// --- batches ---

static void tell_progress(struct import *im) {
    const nacre_import_options *o = im->options;
    struct ctx *ctx = &im->s->ctx;
    nacre_progress progress = {.bytes = im->lines.bytes,
                               .documents = im->result.documents,
                               .failed = im->result.failed,
                               .lines = im->result.lines};
    im->next_progress_ns = now_ns(im) + PROGRESS_MS * 1000000ull;
    if (!o->on_progress || o->on_progress(o->arg, &progress) == 0) return;
    (void)!err_set(ctx, NACRE_CANCELLED, "the import was cancelled");
    err_hint(ctx, "it can go on after line %llu", (unsigned long long)im->result.lines);
    fail(im, NACRE_CANCELLED, &ctx->err);
}

// A free batch to fill; what was in its place is retired.
static void take_batch(struct import *im) {
    struct feed_batch *b = lib_feed_next(&im->feed);
    if (b->state == FEED_DONE) retire(im, b);
    b->last_line = im->retired_line;
    im->batch = b;
}

static void give_batch(struct import *im) {
    struct feed_batch *b = im->batch;
    uint64_t now = now_ns(im);
    if (now >= im->next_sync_ns && im->options->durability == NACRE_SYNCED) {
        b->sync = true;
        im->next_sync_ns = now + SYNC_MS * 1000000ull;
    }
    im->unretired++;
    lib_feed_give(&im->feed, b);
    take_batch(im);
    nacre_status status = ctx_check(&im->s->ctx);
    if (status != NACRE_OK) fail(im, status, &im->s->ctx.err);
    if (now >= im->next_progress_ns) tell_progress(im);
}

// A place for the line; NULL if the import has stopped meanwhile. It counts once keep_line is
// called.
static struct feed_line *new_line(struct import *im, uint64_t number) {
    struct feed_batch *b = im->batch;
    if (b->count == FEED_LINES_MAX || b->bson.n >= FEED_BYTES_MAX) {
        give_batch(im);
        b = im->batch;
    }
    if (im->stopped) return NULL;
    struct feed_line *line = &b->lines[b->count];
    *line = (struct feed_line){.number = number};
    return line;
}

static nacre_status keep_line(struct import *im) {
    im->batch->count++;
    return NACRE_OK;
}

// --- lines ---

// Of ctx's error. What is no line's fault ends the import.
static nacre_status refuse(struct import *im, struct feed_line *line, nacre_status status) {
    struct ctx *ctx = &im->s->ctx;
    if (status == NACRE_MEMORY_LIMIT) return status;
    TRY(lib_feed_refuse(im->batch, line, &ctx->err));
    err_clear(ctx);
    if (!im->options->skip_errors) im->stopped = true;
    return keep_line(im);
}

// An export goes in as it is: what the database keeps itself is left out.
static size_t strip_system(uint8_t *doc, size_t n) {
    struct bson_iter it = bson_iter_of(slice_of(doc, n));
    struct slice name;
    struct val ignored;
    uint8_t *to = NULL;
    const uint8_t *from = it.p;
    while (bson_next(&it, &name, &ignored)) {
        size_t size = (size_t)(it.p - from);
        if (name.n && name.p[0] == '_' && name_is_system(name)) {
            if (!to) to = doc + (from - doc);
        } else if (to) {
            memmove(to, from, size);
            to += size;
        }
        from = it.p;
    }
    if (!to) return n;
    *to++ = 0;
    bits_put_le32(doc, (uint32_t)(to - doc));
    return (size_t)(to - doc);
}

// An error about the JSON that a record was made into, said of the record.
static void place_in_record(struct err *err, uint64_t number) {
    const struct err_item *item = &err->items[0];
    err->has_span = false;
    if (!err->item_count || strncmp(err->detail, "line ", 5) != 0) return;
    snprintf(err->detail, sizeof err->detail, "line %llu (%.130s): expected %.150s, got %.150s",
             (unsigned long long)number, item->pointer, item->expected, item->got);
}

static nacre_status parse_text(struct import *im, struct slice text, uint64_t number,
                               struct buf *bson) {
    struct ctx *ctx = &im->s->ctx;
    if (!im->lines.csv) return json_parse(ctx, text, NULL, bson);
    buf_reset(&im->json);
    TRY(csv_record_read(ctx, &im->columns, text, number, &im->json));
    nacre_status status = json_parse(ctx, buf_slice(&im->json), NULL, bson);
    if (status != NACRE_OK) place_in_record(&ctx->err, number);
    return status;
}

static nacre_status parse_line(struct import *im, struct slice text, uint64_t number) {
    struct feed_line *line = new_line(im, number);
    struct buf *bson = &im->batch->bson;
    size_t at = bson->n;
    if (!line) return NACRE_OK;
    bson->max = at + DOC_BYTES_MAX;
    nacre_status status = parse_text(im, text, number, bson);
    if (status != NACRE_OK) return refuse(im, line, status);
    line->body_at = at;
    line->body_size = strip_system(bson->p + at, bson->n - at);
    bson->n = at + line->body_size;
    struct val id = bson_find(slice_of(bson->p + at, line->body_size), SLICE_LIT("_id"));
    status = id.type == VAL_MISSING ? NACRE_OK : id_check(&im->s->ctx, id);
    if (status == NACRE_OK) return keep_line(im);
    err_expected(&im->s->ctx, "/_id", "a string or an integer", val_type_name(id.type));
    return refuse(im, line, status);
}

static struct slice trim(struct slice text) {
    while (text.n && memchr(" \t\r", text.p[0], 3))
        text = slice_skip(text, 1);
    while (text.n && memchr(" \t\r", text.p[text.n - 1], 3))
        text.n--;
    return text;
}

static bool is_end(struct slice text) {
    if (text.p[0] != '{') return false;
    text = trim(slice_skip(text, 1));
    return slice_starts(text, SLICE_LIT("\"$end\""));
}

static nacre_status refuse_text(struct import *im, uint64_t number, nacre_status status,
                                const char *detail) {
    struct feed_line *line = new_line(im, number);
    if (!line) return NACRE_OK;
    (void)!err_set(&im->s->ctx, status, "%s", detail);
    return refuse(im, line, status);
}

static const char too_long[] = "the line is longer than 64 MiB: a document may have 16 MiB";

// What is wrong with the header is wrong with the whole.
static nacre_status take_record(struct import *im, enum lib_line_kind kind, struct slice text) {
    uint64_t number = im->lines.number;
    bool header = im->columns.count == 0;
    if (kind == LINE_TEXT && (!text.n || slice_eq_str(text, "\r"))) return NACRE_OK;
    if (header && kind == LINE_TOO_LONG)
        return err_set(&im->s->ctx, NACRE_INVALID_ARGUMENT, "the header is longer than 64 MiB");
    if (header) return csv_header_read(&im->s->ctx, &im->columns, text, number);
    if (number <= im->options->skip_lines) return NACRE_OK;
    if (kind == LINE_TOO_LONG) return refuse_text(im, number, NACRE_DOCUMENT_TOO_LARGE, too_long);
    return parse_line(im, text, number);
}

static nacre_status take_line(struct import *im, enum lib_line_kind kind, struct slice text) {
    uint64_t number = im->lines.number;
    if (number <= im->options->skip_lines) return NACRE_OK;
    text = trim(text);
    if (kind == LINE_TEXT && !text.n) return NACRE_OK;
    if (im->end_line) {
        uint64_t end_line = im->end_line;
        im->end_line = 0;
        TRY(refuse_text(im, end_line, NACRE_INVALID_ARGUMENT,
                        "{\"$end\"} is the last line of an export, but another line follows"));
        if (im->stopped) return NACRE_OK;
    }
    if (kind == LINE_TOO_LONG) return refuse_text(im, number, NACRE_DOCUMENT_TOO_LARGE, too_long);
    if (!is_end(text)) return parse_line(im, text, number);
    im->end_line = number;
    return NACRE_OK;
}

static void read_lines(struct import *im) {
    struct ctx *ctx = &im->s->ctx;
    enum lib_line_kind kind = LINE_TEXT;
    struct slice text = {0};
    while (!im->stopped) {
        nacre_status status = lib_lines_next(ctx, &im->lines, &kind, &text);
        if (status == NACRE_OK && kind == LINE_END) break;
        if (status == NACRE_OK)
            status = im->lines.csv ? take_record(im, kind, text) : take_line(im, kind, text);
        if (status != NACRE_OK) fail(im, status, &ctx->err);
        if (im->status == NACRE_OK) im->batch->last_line = im->lines.last;
    }
}

// --- the call ---

static void finish(struct import *im) {
    struct ctx ctx; // neither deadline nor cancel keeps the barrier from being made
    // Whatever ended the reading, the lines that came are stored; the feed knows if they must not.
    im->unretired++;
    lib_feed_give(&im->feed, im->batch);
    retire_all(im);
    ctx_init(&ctx, im->s->db->world, engine_budget(im->s->db->engine), LIB_REQUEST_MAX);
    nacre_status status = im->dirty ? lib_feed_sync(&ctx, &im->feed) : NACRE_OK;
    if (status == NACRE_OK)
        im->result.lines = im->retired_line;
    else
        fail(im, status, &ctx.err);
    ctx_free(&ctx);
    if (im->feed.seq) lib_token_print(im->feed.generation, im->feed.seq, im->result.sequence);
    tell_progress(im);
}

static void run(struct import *im) {
    struct nacre_session *s = im->s;
    struct budget *budget = engine_budget(s->db->engine);
    buf_init(&im->json, budget, LINE_BYTES_MAX);
    nacre_status status = csv_columns_init(&s->ctx, budget, &im->columns);
    if (status == NACRE_OK) status = lib_feed_start(&s->ctx, s->db->world, &im->feed);
    if (status != NACRE_OK) {
        fail(im, status, &s->ctx.err);
        csv_columns_free(&im->columns);
        return;
    }
    lib_lines_init(&im->lines, im->lines.read, im->lines.arg, im->options->format == NACRE_CSV,
                   budget);
    im->next_sync_ns = now_ns(im) + SYNC_MS * 1000000ull;
    take_batch(im);
    tell_progress(im);
    read_lines(im);
    finish(im);
    lib_feed_stop(&im->feed);
    lib_lines_free(&im->lines);
    csv_columns_free(&im->columns);
    buf_free(&im->json);
}

static nacre_status check_options(struct nacre_session *s, const nacre_import_options *o) {
    nacre_status status;
    if (o->format != NACRE_NDJSON && o->format != NACRE_CSV) {
        status = err_set(&s->ctx, NACRE_INVALID_ARGUMENT,
                         "format: expected NACRE_NDJSON or NACRE_CSV, got %d", (int)o->format);
        err_parameter(&s->ctx, "format");
        return status;
    }
    if (o->durability == NACRE_SYNCED || o->durability == NACRE_MEMORY) return NACRE_OK;
    status =
        err_set(&s->ctx, NACRE_INVALID_ARGUMENT,
                "durability: expected NACRE_SYNCED or NACRE_MEMORY, got %d", (int)o->durability);
    err_parameter(&s->ctx, "durability");
    return status;
}

nacre_status nacre_import(nacre_session *s, nacre_collection *collection, nacre_read_fn *read,
                          void *read_arg, const nacre_import_options *options,
                          nacre_import_result *out) {
    static const nacre_import_options defaults = {0};
    if (!options) options = &defaults;
    if (out) *out = (nacre_import_result){.lines = options->skip_lines};
    TRY(lib_begin(s));
    TRY(lib_tx_refuse(s, "an import"));
    if (!read) return lib_null(s, "read", "a function that gives the input");
    if (!out) return lib_null(s, "out", "where the numbers go");
    TRY(check_options(s, options));
    struct import *im = ARENA_NEW(&s->ctx.arena, struct import);
    if (!im) return err_nomem(&s->ctx);
    im->s = s;
    im->options = options;
    im->lines.read = read;
    im->lines.arg = read_arg;
    im->feed.engine = s->db->engine;
    im->feed.kind = options->insert ? WRITE_INSERT : WRITE_PUT;
    im->feed.stop_at_error = !options->skip_errors;
    im->feed.request_id = s->request.id;
    im->retired_line = im->result.lines = options->skip_lines;
    TRY(lib_target(s, collection, &im->feed.target));
    run(im);
    *out = im->result;
    err_clear(&s->ctx);
    if (im->status != NACRE_OK) s->ctx.err = im->err;
    return lib_done(s, im->status);
}
