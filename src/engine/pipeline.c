// The way of a write: queue → leader → record → append, sync → apply in order → publish → answer
// (E1, E2, E3). Leadership is a role: the submitter that finds the log free takes everything that
// is queued.
#include "base/bits/bits.h"
#include "base/err/check.h"
#include "engine/internal.h"

static void fail_submission(struct submission *s, nacre_status status, const struct err *err) {
    s->status = status;
    s->err = *err;
    s->err.status = status;
}

// Under door. The first queued submission becomes the leader if the log is free and not too much
// waits for apply; the caller tells it, without the door.
static struct submission *appoint(struct engine *e) {
    if (e->log_busy || !e->queue_head || e->groups_logged - e->groups_applied >= GROUPS_IN_FLIGHT)
        return NULL;
    e->log_busy = true;
    return e->queue_head;
}

static void promote(struct submission *s) {
    if (s) post_put(&s->news, SUBMISSION_LEADS);
}

// Under door. Takes from the queue what fits one record; at least one submission.
static struct submission *take_group(struct engine *e) {
    struct submission *group = e->queue_head, *last = group;
    size_t bytes = group->bytes;
    while (last->next && bytes + last->next->bytes <= GROUP_BYTES_MAX) {
        last = last->next;
        bytes += last->bytes;
    }
    e->queue_head = last->next;
    if (!e->queue_head) e->queue_tail = &e->queue_head;
    last->next = NULL;
    return group;
}

// Who waits is gone once it is told, and would only run into the door while that is held.
static void finish_group(struct submission *group) {
    while (group) {
        struct submission *next = group->next;
        post_put(&group->news, SUBMISSION_DONE);
        group = next;
    }
}

// Gives up the door, then tells the next leader, then those of the group that is done.
static void leave(struct engine *e, struct submission *done) {
    struct submission *next = appoint(e);
    mutex_unlock(&e->door);
    promote(next);
    finish_group(done);
}

static void fail_group(struct submission *group, nacre_status status, const struct err *err) {
    for (struct submission *s = group; s; s = s->next)
        fail_submission(s, status, err);
}

struct group {
    struct submission *head;
    uint64_t index, proposed_ts, generation, number;
    bool appended;
};

static nacre_status write_record(struct engine *e, struct group *g) {
    struct record_head head = {.apply_version = (uint8_t)e->format.apply_version,
                               .node = 1,
                               .incarnation = 1,
                               .counter = ++e->counter,
                               .proposed_ts = world_wall_ms(e->world) << 20};
    struct record_writer w;
    memcpy(head.cluster_id, e->format.cluster_id, sizeof head.cluster_id);
    g->proposed_ts = head.proposed_ts;
    buf_reset(&e->record);
    record_begin(&w, &e->record, &head);
    for (struct submission *s = g->head; s; s = s->next)
        for (uint32_t i = 0; i < s->count; i++)
            record_add(&w, &s->commands[i]);
    return record_end(&e->log_ctx, &w);
}

static bool wants_sync(const struct submission *group) {
    for (; group; group = group->next)
        if (group->durability == DURABILITY_SYNCED) return true;
    return false;
}

// The leader's part without the door: append and, unless all are memory-level, sync.
static nacre_status log_group(struct engine *e, struct group *g) {
    uint64_t synced;
    ctx_reset(&e->log_ctx);
    TRY(write_record(e, g));
    nacre_status status =
        e->log->ops->append(e->log, &e->log_ctx, buf_slice(&e->record), &g->index);
    // An append that failed in any other way left nothing in the log.
    g->appended = status == NACRE_OK || status == NACRE_OUTCOME_UNKNOWN;
    if (status != NACRE_OK) return status;
    atomic_fetch_add(&e->log_bytes_since_flush, e->record.n);
    struct replog_status log;
    e->log->ops->status(e->log, &log);
    g->generation = log.generation;
    if (wants_sync(g->head)) return e->log->ops->sync(e->log, &e->log_ctx, &synced);
    mutex_lock(&e->bg_lock);
    e->unsynced = true;
    mutex_unlock(&e->bg_lock);
    return NACRE_OK;
}

static nacre_status apply_submission(struct engine *e, struct apply_place *place,
                                     struct submission *s) {
    for (uint32_t i = 0; i < s->count; i++, place->sub++) {
        bool last = i + 1 == s->count, applied;
        place->more = !last || s->next;
        TRY(txn_apply(e->txn, &s->commands[i], place, last ? &s->result : NULL, &applied));
        CHECK(applied);
    }
    s->status = NACRE_OK;
    return NACRE_OK;
}

void engine_note_published(struct engine *e) {
    struct view *view = txn_view_acquire(e->txn);
    atomic_store(&e->catalog_epoch, view->catalog->epoch);
    atomic_store(&e->horizon_ts, view->horizon_ts);
    txn_view_release(view);
}

static nacre_status apply_group(struct engine *e, const struct group *g) {
    struct apply_place place = {
        .index = g->index, .generation = g->generation, .proposed_ts = g->proposed_ts};
    for (struct submission *s = g->head; s; s = s->next) TRY(apply_submission(e, &place, s));
    TRY(txn_publish(e->txn));
    engine_note_published(e);
    return NACRE_OK;
}

// Under door. After this machine failed: the outcome of what was appended is not known until the
// log is read again.
static void stop_writes(struct engine *e, nacre_status status, const struct err *err) {
    if (e->failed != NACRE_OK) return;
    e->failed = status;
    e->failure = *err;
}

void engine_stop_writes(struct engine *e, nacre_status status, const struct err *err) {
    mutex_lock(&e->door);
    stop_writes(e, status, err);
    mutex_unlock(&e->door);
}

static void unknown_outcome(struct submission *group, const struct err *cause) {
    struct err err = *cause;
    err.has_current_version = false;
    fail_group(group, NACRE_OUTCOME_UNKNOWN, &err);
}

// Waits for its turn, applies and answers.
static void apply_in_turn(struct engine *e, struct group *g) {
    mutex_lock(&e->door);
    while (e->groups_applied != g->number)
        cond_wait(&e->apply_turn, &e->door);
    if (e->failed == NACRE_OK) {
        mutex_unlock(&e->door);
        nacre_status status = apply_group(e, g);
        mutex_lock(&e->door);
        if (status != NACRE_OK) stop_writes(e, status, txn_error(e->txn));
    }
    if (e->failed != NACRE_OK) unknown_outcome(g->head, &e->failure);
    e->groups_applied++;
    cond_broadcast(&e->apply_turn);
    leave(e, g->head);
}

// Refusals that end by themselves, when there is room again.
static bool may_pass(nacre_status status) {
    return status == NACRE_DISK_FULL || status == NACRE_MEMORY_LIMIT ||
           status == NACRE_TRANSACTION_TOO_LARGE;
}

// With the leadership.
static void lead(struct engine *e) {
    mutex_lock(&e->door);
    struct group g = {.head = take_group(e)};
    if (e->failed != NACRE_OK) {
        fail_group(g.head, e->failed, &e->failure);
        e->log_busy = false;
        leave(e, g.head);
        return;
    }
    mutex_unlock(&e->door);
    nacre_status status = log_group(e, &g);
    mutex_lock(&e->door);
    e->log_busy = false;
    if (status != NACRE_OK && !g.appended) {
        fail_group(g.head, status, &e->log_ctx.err);
        if (!may_pass(status)) stop_writes(e, status, &e->log_ctx.err);
        leave(e, g.head);
        return;
    }
    if (status != NACRE_OK) stop_writes(e, status, &e->log_ctx.err);
    g.number = e->groups_logged++;
    leave(e, NULL);
    apply_in_turn(e, &g);
}

static void run_submission(struct engine *e, struct submission *s) {
    mutex_lock(&e->door);
    s->next = NULL;
    *e->queue_tail = s;
    e->queue_tail = &s->next;
    struct submission *next = appoint(e);
    mutex_unlock(&e->door);
    if (next != s) promote(next);
    uint32_t news = next == s ? SUBMISSION_LEADS : post_wait(&s->news);
    if (news == SUBMISSION_LEADS) {
        lead(e);
        news = post_wait(&s->news); // it was in its own group: it has been told already
    }
    CHECK(news == SUBMISSION_DONE);
}

// --- one command, whole or in pieces ----------------------------------------------------

static nacre_status split(struct ctx *ctx, struct engine *e, struct record_command *whole,
                          struct submission *s) {
    size_t pieces = (whole->payload.n + STAGE_CHUNK_MAX - 1) / STAGE_CHUNK_MAX;
    uint8_t id[STAGE_ID_SIZE];
    world_random(e->world, id, sizeof id);
    s->count = (uint32_t)pieces + 1;
    s->commands = ARENA_ARRAY(&ctx->arena, struct record_command, (size_t)s->count);
    if (!s->commands) return err_nomem(ctx);
    for (size_t i = 0; i <= pieces; i++) {
        struct buf payload BUF_CLEANUP = {0};
        struct record_command *c = &s->commands[i];
        size_t at = i * STAGE_CHUNK_MAX;
        buf_init(&payload, &e->budget, SIZE_MAX);
        *c = (struct record_command){.type = i < pieces ? COMMAND_STAGE : COMMAND_COMMIT,
                                     .catalog_epoch = whole->catalog_epoch,
                                     .names = whole->names};
        size_t left = i < pieces ? whole->payload.n - at : 0;
        struct command_stage stage = {
            .offset = at,
            .bytes = slice_of(whole->payload.p + at * (i < pieces),
                              left < STAGE_CHUNK_MAX ? left : STAGE_CHUNK_MAX)};
        struct command_commit commit = {.size = whole->payload.n, .type = whole->type};
        memcpy(stage.id, id, sizeof id);
        memcpy(commit.id, id, sizeof id);
        if (i < pieces)
            command_stage_encode(&payload, &stage);
        else
            command_commit_encode(&payload, &commit);
        TRY(buf_status(&payload));
        const uint8_t *p = arena_copy(&ctx->arena, payload.p, payload.n);
        if (!p) return err_nomem(ctx);
        c->payload = slice_of(p, payload.n);
    }
    return NACRE_OK;
}

static nacre_status refuse_early(struct ctx *ctx, struct engine *e, struct slice payload) {
    TRY(engine_usable(ctx, e));
    if (e->read_only)
        return err_set(ctx, NACRE_PERMISSION_DENIED, "the database was opened read-only");
    if (payload.n > COMMAND_BYTES_MAX)
        return err_set(ctx, NACRE_TRANSACTION_TOO_LARGE,
                       "one command may have %d bytes, this one has %zu", COMMAND_BYTES_MAX,
                       payload.n);
    if (!atomic_load(&e->disk_full)) return NACRE_OK;
    nacre_status status =
        err_set(ctx, NACRE_DISK_FULL, "less than %llu bytes are free where the database lives",
                (unsigned long long)e->disk_reserve);
    err_hint(ctx, "free some space: writing resumes by itself");
    return status;
}

// What the command touches, as record.h wants it: one tablet, one key or any.
static nacre_status names_of(struct ctx *ctx, const struct engine_command *c, struct slice *out) {
    size_t room = 1 + 4 + 10 + c->key.n;
    struct buf names = {.p = arena_alloc(&ctx->arena, room), .cap = room, .max = room};
    if (!names.p) return err_nomem(ctx);
    buf_put_varint(&names, 1);
    buf_put_be32(&names, c->tablet);
    buf_put_bytes(&names, c->key);
    *out = buf_slice(&names);
    return buf_status(&names);
}

// The log that a crash would replay is bounded: submitters wait for the store to catch up.
static nacre_status wait_for_flush(struct ctx *ctx, struct engine *e) {
    while (!e->no_background && atomic_load(&e->log_bytes_since_flush) > 2 * e->log_limit) {
        TRY(ctx_check(ctx));
        mutex_lock(&e->bg_lock);
        bool stopping = e->stopping;
        if (!stopping) (void)cond_wait_ms(&e->flushed, &e->bg_lock, 20);
        mutex_unlock(&e->bg_lock);
        mutex_lock(&e->door);
        bool failed = e->failed != NACRE_OK;
        mutex_unlock(&e->door);
        if (stopping || failed) return NACRE_OK;
    }
    return NACRE_OK;
}

static nacre_status decode_answer(struct ctx *ctx, const struct submission *s,
                                  struct result *out) {
    if (buf_status(&s->result) != NACRE_OK) return NACRE_MEMORY_LIMIT;
    const uint8_t *p = arena_copy(&ctx->arena, s->result.p, s->result.n);
    if (!p) return NACRE_MEMORY_LIMIT;
    return result_decode(ctx, slice_of(p, s->result.n), out);
}

static nacre_status take_answer(struct ctx *ctx, const struct submission *s, struct result *out) {
    if (s->status != NACRE_OK) {
        ctx->err = s->err;
        return s->status;
    }
    // The command is done; without its answer the caller cannot know how it ended.
    if (decode_answer(ctx, s, out) != NACRE_OK)
        return err_set(ctx, NACRE_OUTCOME_UNKNOWN,
                       "the command was carried out, but there is no memory for its answer");
    return out->status == NACRE_OK ? NACRE_OK : result_error_raise(ctx, out->error);
}

nacre_status engine_submit(struct ctx *ctx, struct engine *e, const struct engine_command *c,
                           struct result *out) {
    struct record_command whole = {.type = (uint16_t)c->type,
                                   .catalog_epoch = atomic_load(&e->catalog_epoch),
                                   .payload = c->payload};
    struct submission s;
    memset(&s, 0, offsetof(struct submission, err));
    s.count = 1;
    s.commands = &whole;
    s.durability = c->durability;
    s.bytes = c->payload.n;
    TRY(refuse_early(ctx, e, c->payload));
    TRY(ctx_check(ctx));
    TRY(wait_for_flush(ctx, e));
    TRY(names_of(ctx, c, &whole.names));
    if (c->payload.n > SINGLE_COMMAND_MAX) TRY(split(ctx, e, &whole, &s));
    buf_init(&s.result, NULL, SIZE_MAX);
    post_init(&s.news);
    run_submission(e, &s);
    nacre_status status = take_answer(ctx, &s, out);
    buf_free(&s.result);
    return status;
}
