#include "lib/lib_feed.h"

#include <stdio.h>

#include "lib/lib.h"
#include "lib/lib_write.h"

// --- batches ---

static void reset(struct feed_batch *b) {
    lib_text_reset(&b->bson);
    lib_text_reset(&b->problems);
    arena_reset(&b->ctx.arena);
    err_clear(&b->ctx);
    b->count = b->used = 0;
    b->documents = 0;
    b->sync = b->dropped = false;
    b->status = NACRE_OK;
}

nacre_status lib_feed_refuse(struct feed_batch *b, struct feed_line *line, const struct err *err) {
    static const char first[] = "line 1, column";
    line->refused = true;
    b->error = *err;
    // The JSON reader saw one line.
    if (strncmp(err->detail, first, sizeof first - 1) == 0)
        snprintf(b->error.detail, sizeof b->error.detail, "line %llu%.480s",
                 (unsigned long long)line->number, err->detail + 6);
    line->problem_at = b->problems.n;
    lib_problem_write(&b->problems, &b->error, b->request_id);
    buf_put_u8(&b->problems, 0);
    return buf_status(&b->problems);
}

// --- submitting ---

static nacre_status refuse(struct feed_batch *b, uint32_t line) {
    nacre_status status = lib_feed_refuse(b, &b->lines[line], &b->ctx.err);
    if (status != NACRE_OK) return err_buf(&b->ctx, &b->problems);
    err_clear(&b->ctx);
    return NACRE_OK;
}

// The documents among lines[from..end) as items; places tells the line of each.
static uint32_t make_items(const struct lib_feed *feed, const struct feed_batch *b, uint32_t from,
                           uint32_t end, struct write_item *items, uint32_t *places) {
    uint32_t count = 0;
    for (uint32_t i = from; i < end; i++) {
        const struct feed_line *line = &b->lines[i];
        if (line->refused) continue;
        struct slice body = slice_of(b->bson.p + line->body_at, line->body_size);
        places[count] = i;
        items[count++] = (struct write_item){.kind = feed->kind, .body = body};
    }
    return count;
}

static nacre_status take_results(struct lib_feed *feed, struct feed_batch *b,
                                 const uint32_t *places, const struct result *result) {
    feed->generation = result->generation;
    feed->seq = result->seq;
    for (uint32_t i = 0; i < result->count; i++) {
        const struct op_result *op = &result->ops[i];
        if (op->status == NACRE_OK) {
            b->documents++;
            continue;
        }
        (void)!result_error_raise(&b->ctx, op->error);
        TRY(refuse(b, places[i]));
    }
    return NACRE_OK;
}

static nacre_status submit(struct lib_feed *feed, struct feed_batch *b, uint32_t count,
                           struct write_item *items, struct result *out) {
    struct write_request request = {.target = feed->target,
                                    .atomic = feed->stop_at_error,
                                    .count = count,
                                    .items = items,
                                    .durability = b->sync ? DURABILITY_SYNCED : DURABILITY_MEMORY};
    *out = (struct result){0};
    return engine_write(&b->ctx, feed->engine, &request, out);
}

// Submits the documents of lines[*from..end). If one is refused before anything is stored, those
// before it are stored, *from is the line after it, and *again is set unless that is the end of it.
static nacre_status run_lines(struct lib_feed *feed, struct feed_batch *b, uint32_t *from,
                              uint32_t end, bool *again) {
    struct result result;
    struct write_item *items = ARENA_ARRAY(&b->ctx.arena, struct write_item, FEED_LINES_MAX);
    uint32_t *places = ARENA_ARRAY(&b->ctx.arena, uint32_t, FEED_LINES_MAX);
    *again = false;
    if (!items || !places) return err_nomem(&b->ctx);
    uint32_t count = make_items(feed, b, *from, end, items, places);
    if (!count) return NACRE_OK;
    nacre_status status = submit(feed, b, count, items, &result);
    if (status == NACRE_OK) return take_results(feed, b, places, &result);
    if (lib_write_is_of_whole(status)) return status;
    uint32_t failed = result.failed_op < count ? result.failed_op : 0;
    uint32_t line = places[failed];
    TRY(refuse(b, line));
    if (failed) {
        TRY(submit(feed, b, failed, items, &result));
        TRY(take_results(feed, b, places, &result));
    }
    *from = line + 1;
    *again = !feed->stop_at_error;
    return NACRE_OK;
}

// F2: the first refused line ends it; those after it were not submitted.
static void find_stop(struct feed_batch *b, bool *stopped) {
    for (uint32_t i = 0; i < b->count; i++) {
        if (!b->lines[i].refused) continue;
        b->used = i + 1;
        *stopped = true;
        return;
    }
}

static nacre_status run_batch(struct lib_feed *feed, struct feed_batch *b) {
    uint32_t from = 0, end = b->count;
    bool again = true;
    // A line that the parser refused is the last of its batch when it stops the import.
    while (again)
        TRY(run_lines(feed, b, &from, end, &again));
    return NACRE_OK;
}

static bool run(struct lib_feed *feed, struct feed_batch *b, bool stopped) {
    b->used = b->count;
    b->dropped = stopped;
    if (stopped) return true;
    b->status = run_batch(feed, b);
    if (b->status != NACRE_OK) return true;
    if (feed->stop_at_error) find_stop(b, &stopped);
    return stopped;
}

// --- the thread ---

static void feed_main(void *arg) {
    struct lib_feed *feed = arg;
    mutex_lock(&feed->lock);
    for (;;) {
        struct feed_batch *b = &feed->batches[feed->tail % FEED_BATCHES];
        while (b->state != FEED_READY && !feed->closing)
            cond_wait(&feed->changed, &feed->lock);
        if (b->state != FEED_READY) break;
        bool stopped = feed->stopped;
        mutex_unlock(&feed->lock);
        stopped = run(feed, b, stopped);
        mutex_lock(&feed->lock);
        feed->stopped = stopped;
        b->state = FEED_DONE;
        feed->tail++;
        cond_broadcast(&feed->changed);
    }
    mutex_unlock(&feed->lock);
}

nacre_status lib_feed_start(struct ctx *ctx, const struct world *world, struct lib_feed *feed) {
    struct budget *budget = engine_budget(feed->engine);
    feed->batches = ARENA_ARRAY(&ctx->arena, struct feed_batch, FEED_BATCHES);
    if (!feed->batches) return err_nomem(ctx);
    for (uint32_t i = 0; i < FEED_BATCHES; i++) {
        struct feed_batch *b = &feed->batches[i];
        b->request_id = feed->request_id;
        ctx_init(&b->ctx, world, budget, LIB_REQUEST_MAX);
        buf_init(&b->bson, budget, LIB_TEXT_MAX);
        buf_init(&b->problems, budget, LIB_TEXT_MAX);
    }
    mutex_init(&feed->lock);
    cond_init(&feed->changed);
    nacre_status status = thread_start(ctx, "nacre-import", feed_main, feed, &feed->thread);
    if (status == NACRE_OK) return NACRE_OK;
    cond_destroy(&feed->changed);
    mutex_destroy(&feed->lock);
    return status;
}

void lib_feed_stop(struct lib_feed *feed) {
    mutex_lock(&feed->lock);
    feed->closing = true;
    cond_broadcast(&feed->changed);
    mutex_unlock(&feed->lock);
    thread_join(&feed->thread);
    for (uint32_t i = 0; i < FEED_BATCHES; i++) {
        buf_free(&feed->batches[i].bson);
        buf_free(&feed->batches[i].problems);
        ctx_free(&feed->batches[i].ctx);
    }
    cond_destroy(&feed->changed);
    mutex_destroy(&feed->lock);
}

// --- the importer's side ---

struct feed_batch *lib_feed_next(struct lib_feed *feed) {
    struct feed_batch *b = &feed->batches[feed->head % FEED_BATCHES];
    mutex_lock(&feed->lock);
    while (b->state == FEED_READY)
        cond_wait(&feed->changed, &feed->lock);
    mutex_unlock(&feed->lock);
    return b;
}

void lib_feed_give(struct lib_feed *feed, struct feed_batch *b) {
    mutex_lock(&feed->lock);
    b->state = FEED_READY;
    feed->head++;
    cond_broadcast(&feed->changed);
    mutex_unlock(&feed->lock);
}

void lib_feed_retired(struct lib_feed *feed, struct feed_batch *b) {
    reset(b);
    mutex_lock(&feed->lock);
    b->state = FEED_FREE;
    mutex_unlock(&feed->lock);
}

struct feed_batch *lib_feed_drain(struct lib_feed *feed, uint32_t *left) {
    while (*left) {
        struct feed_batch *b = &feed->batches[(feed->head - *left) % FEED_BATCHES];
        --*left;
        mutex_lock(&feed->lock);
        while (b->state == FEED_READY)
            cond_wait(&feed->changed, &feed->lock);
        bool done = b->state == FEED_DONE;
        mutex_unlock(&feed->lock);
        if (done) return b;
    }
    return NULL;
}

nacre_status lib_feed_sync(struct ctx *ctx, struct lib_feed *feed) {
    struct result ignored;
    struct engine_command tick = {.type = COMMAND_TICK, .durability = DURABILITY_SYNCED};
    return engine_submit(ctx, feed->engine, &tick, &ignored);
}
