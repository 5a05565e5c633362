// The way of a write: queue → record → append → sync, and meanwhile apply in order → publish →
// answer (E1, E2, E3). To log and to apply are two roles that submitters take: who finds the log
// free, or given to one that has yet to wake up, takes everything that is queued; a group that is
// appended is applied by who applies, or by one of it that is woken for that before the sync, or by
// who has synced it. It is published by whoever ends later, the sync or the applying. Whoever has a
// role keeps it while there is work and its own answer is not there, and for a few groups anyway:
// handing it on costs a switch of threads, which is as long as the work.
#include "base/bits/bits.h"
#include "base/err/check.h"
#include "engine/changes.h"
#include "engine/internal.h"

// Of most answers, so that who applies seldom allocates what another thread frees.
enum { RESULT_ROOM = 256 };

static void fail_submission(struct submission *s, nacre_status status, const struct err *err) {
    s->status = status;
    s->err = *err;
    s->err.status = status;
}

// Under door. Whether a group may be logged: the log is free, something is queued, and not too much
// waits for apply.
static bool may_log(const struct engine *e) {
    return !e->log_busy && e->queue_head && e->groups_logged - e->groups_applied < GROUPS_IN_FLIGHT;
}

// Under door. Who is to log of those that are queued: one that fell asleep on another processor may
// find it free; the first might wait behind this thread until that has applied a whole group.
static struct submission *find_heir(const struct engine *e) {
    int here = thread_processor();
    struct submission *s = e->queue_head;
    for (uint32_t looks = 0; s && looks < HEIR_LOOKS; looks++, s = s->next)
        if (s->processor != here) return s;
    return e->queue_head;
}

// Under door. Gives the role of the log to one that is queued; returns whom the caller wakes for
// it, without the door. Until that one runs the role is to be had by whoever comes.
static struct submission *appoint(struct engine *e) {
    if (!may_log(e)) return NULL;
    struct submission *heir = find_heir(e);
    e->log_busy = true;
    e->log_heir = heir;
    return post_leave(&heir->news, SUBMISSION_LOGS) ? heir : NULL;
}

static void wake(struct submission *s) {
    if (s) post_wake(&s->news);
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

// The sleepers of a group that is done, first those that may find another processor free. Who has a
// role of the pipeline is told here. Who waits is gone once it is told.
static struct submission *take_sleepers(struct submission *group) {
    struct submission *far = NULL, **far_end = &far, *near = NULL, **near_end = &near;
    int here = thread_processor();
    while (group) {
        struct submission *s = group;
        group = s->next;
        s->next = NULL;
        if (atomic_load_explicit(&s->acts, memory_order_relaxed)) {
            post_put(&s->news, SUBMISSION_DONE);
        } else if (s->processor == here) {
            *near_end = s;
            near_end = &s->next;
        } else {
            *far_end = s;
            far_end = &s->next;
        }
    }
    *far_end = near;
    return far;
}

// The sleepers of the group become a few chains, in which each wakes the next: waking costs more
// than applying, and who applies has the next group to see to; and a crowd that is woken at once
// queues up behind one processor while another one is free.
static void finish_group(const struct engine *e, struct submission *group) {
    struct submission *heads[WAKE_CHAINS_MAX] = {0}, **ends[WAKE_CHAINS_MAX];
    struct submission *s = take_sleepers(group);
    for (uint32_t i = 0; i < e->wake_chains; i++)
        ends[i] = &heads[i];
    for (uint32_t i = 0; s; i = (i + 1) % e->wake_chains) {
        *ends[i] = s;
        ends[i] = &s->next;
        s = s->next;
    }
    for (uint32_t i = 0; i < e->wake_chains; i++)
        *ends[i] = NULL;
    for (uint32_t i = 0; i < e->wake_chains && heads[i]; i++)
        post_put(&heads[i]->news, SUBMISSION_DONE);
}

// Gives up the door, then tells the next that logs, then those of the group that is done.
static void leave(struct engine *e, struct submission *done) {
    struct submission *next = appoint(e);
    mutex_unlock(&e->door);
    wake(next);
    finish_group(e, done);
}

static void fail_group(struct submission *group, nacre_status status, const struct err *err) {
    for (struct submission *s = group; s; s = s->next)
        fail_submission(s, status, err);
}

static nacre_status write_record(struct engine *e, struct submission *g) {
    struct record_head head = {.apply_version = (uint8_t)e->format.apply_version,
                               .node = 1,
                               .incarnation = 1,
                               .counter = ++e->counter,
                               .proposed_ts = world_wall_ms(e->world) << 20};
    struct record_writer w;
    uint64_t commands = 0;
    memcpy(head.cluster_id, e->format.cluster_id, sizeof head.cluster_id);
    g->proposed_ts = head.proposed_ts;
    buf_reset(&e->record);
    record_begin(&w, &e->record, &head);
    for (struct submission *s = g; s; s = s->next)
        for (uint32_t i = 0; i < s->count; i++, commands++)
            record_add(&w, &s->commands[i]);
    engine_count_batch(&e->log_work, commands);
    return record_end(&e->log_ctx, &w);
}

static bool wants_sync(const struct submission *group) {
    for (; group; group = group->next)
        if (group->durability == DURABILITY_SYNCED) return true;
    return false;
}

// Without the door.
static nacre_status append_group(struct engine *e, struct submission *g, bool *appended) {
    *appended = false;
    ctx_reset(&e->log_ctx);
    TRY(write_record(e, g));
    nacre_status status =
        e->log->ops->append(e->log, &e->log_ctx, buf_slice(&e->record), &g->index);
    // An append that failed in any other way left nothing in the log.
    *appended = status == NACRE_OK || status == NACRE_OUTCOME_UNKNOWN;
    if (status != NACRE_OK) return status;
    atomic_fetch_add(&e->log_bytes_since_flush, e->record.n);
    struct replog_status log;
    e->log->ops->status(e->log, &log);
    g->generation = log.generation;
    if (wants_sync(g)) return NACRE_OK;
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
    engine_note_horizon(e, view->horizon_ts);
    atomic_store(&e->published_seq, view->seq);
    txn_view_release(view);
    engine_changes_wake(e);
}

static nacre_status apply_group(struct engine *e, struct submission *g) {
    struct apply_place place = {
        .index = g->index, .generation = g->generation, .proposed_ts = g->proposed_ts};
    for (struct submission *s = g; s; s = s->next)
        TRY(apply_submission(e, &place, s));
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

// --- roles ------------------------------------------------------------------------------

// Under door. The first of the group that sleeps.
static struct submission *find_asleep(struct submission *group) {
    while (group && atomic_load_explicit(&group->acts, memory_order_relaxed))
        group = group->next;
    return group;
}

// Under door, with the role of apply. The next group to apply; NULL when the role is given up,
// because there is none, or to *heir, a submission of that group, once s has its own answer.
static struct submission *next_group(struct engine *e, struct submission *s, uint32_t applied,
                                     struct submission **heir) {
    struct submission *g = e->logged_head;
    *heir = NULL;
    if (!g) {
        e->applying = false;
        return NULL;
    }
    if (applied >= APPLY_IN_A_ROW && post_there(&s->news)) *heir = find_asleep(g);
    if (*heir) return NULL;
    e->logged_head = g->next_group;
    if (!e->logged_head) e->logged_tail = &e->logged_head;
    return g;
}

// With the role of apply, and the door, which it gives up in between. The group is applied, and
// synced if it is to be.
static void conclude(struct engine *e, struct submission *g) {
    if (e->failed == NACRE_OK) {
        mutex_unlock(&e->door);
        nacre_status status = txn_publish(e->txn);
        if (status == NACRE_OK) engine_note_published(e);
        mutex_lock(&e->door);
        if (status != NACRE_OK) stop_writes(e, status, txn_error(e->txn));
    }
    if (e->failed != NACRE_OK) unknown_outcome(g, &e->failure);
    e->groups_applied++;
    leave(e, g);
    mutex_lock(&e->door);
}

// With the role of apply, and the door, which it gives up. Applies what is logged, in order. Where
// that is faster than the sync, the role is left to who syncs.
static void apply_logged(struct engine *e, struct submission *s) {
    struct submission *heir, *g;
    for (uint32_t applied = 0; (g = next_group(e, s, applied, &heir)); applied++) {
        if (e->failed == NACRE_OK) {
            mutex_unlock(&e->door);
            nacre_status status = apply_group(e, g);
            mutex_lock(&e->door);
            if (status != NACRE_OK) stop_writes(e, status, txn_error(e->txn));
        }
        g->applied = true;
        if (!g->synced) break;
        conclude(e, g);
    }
    atomic_store_explicit(&s->acts, false, memory_order_relaxed);
    mutex_unlock(&e->door);
    if (heir) post_put(&heir->news, SUBMISSION_APPLIES);
}

// Refusals that end by themselves, when there is room again.
static bool may_pass(nacre_status status) {
    return status == NACRE_DISK_FULL || status == NACRE_MEMORY_LIMIT ||
           status == NACRE_TRANSACTION_TOO_LARGE;
}

// With the role of the log, and the door, which it gives up in between. The group that was appended
// last is synced, and applied meanwhile where nobody applies and one of it sleeps.
static void sync_logged(struct engine *e, struct submission *g) {
    uint64_t synced;
    struct submission *applier = e->applying ? NULL : find_asleep(g);
    if (applier) e->applying = true;
    mutex_unlock(&e->door);
    if (applier) post_put(&applier->news, SUBMISSION_APPLIES);
    uint64_t begin_ns = world_mono_ns(e->world);
    nacre_status status = e->log->ops->sync(e->log, &e->log_ctx, &synced);
    engine_count_sync(&e->log_work, world_mono_ns(e->world) - begin_ns);
    mutex_lock(&e->door);
    if (status != NACRE_OK) stop_writes(e, status, &e->log_ctx.err);
    g->synced = true;
    if (!g->applied) return;
    conclude(e, g);
    e->applying = false;
}

// With the role of the log, and the door, which it gives up in between.
static void log_next(struct engine *e) {
    struct submission *g = take_group(e);
    nacre_status status = e->failed;
    struct err *err = &e->failure;
    bool appended = false;
    if (status == NACRE_OK) {
        mutex_unlock(&e->door);
        status = append_group(e, g, &appended);
        mutex_lock(&e->door);
        err = &e->log_ctx.err;
        if (status != NACRE_OK && (appended || !may_pass(status))) stop_writes(e, status, err);
    }
    if (!appended) {
        fail_group(g, status, err);
        finish_group(e, g);
        return;
    }
    g->next_group = NULL;
    g->applied = false;
    g->synced = status != NACRE_OK || !wants_sync(g);
    *e->logged_tail = g;
    e->logged_tail = &g->next_group;
    e->groups_logged++;
    if (!g->synced) sync_logged(e, g);
}

// With the role of the log, and the door, which it gives up. What is logged is applied by whoever
// applies already; where nobody does, the role of the log is handed on and this one applies.
static void log_queued(struct engine *e, struct submission *s) {
    bool go_on = true;
    for (uint32_t logged = 1; go_on; logged++) {
        log_next(e);
        e->log_busy = false;
        if (e->logged_head && !e->applying) {
            e->applying = true;
            struct submission *next = appoint(e);
            mutex_unlock(&e->door);
            wake(next);
            mutex_lock(&e->door);
            apply_logged(e, s);
            return;
        }
        go_on = (logged < LOG_IN_A_ROW || !post_there(&s->news)) && may_log(e);
        e->log_busy = go_on;
    }
    atomic_store_explicit(&s->acts, false, memory_order_relaxed);
    leave(e, NULL);
}

// With the door, which it gives up. Who comes too late for the log has no role, and waits again.
static void act(struct engine *e, struct submission *s, uint32_t news) {
    bool logs = news == SUBMISSION_LOGS;
    if (logs && e->log_heir != s) {
        mutex_unlock(&e->door);
        return;
    }
    atomic_store_explicit(&s->acts, true, memory_order_relaxed);
    if (!logs) {
        apply_logged(e, s);
        return;
    }
    e->log_heir = NULL;
    log_queued(e, s);
}

// A log that is free, or given to one that has yet to wake up, is taken by who runs already.
static void run_submission(struct engine *e, struct submission *s) {
    uint32_t news;
    mutex_lock(&e->door);
    s->next = NULL;
    s->processor = thread_processor();
    *e->queue_tail = s;
    e->queue_tail = &s->next;
    if (may_log(e) || e->log_heir) {
        e->log_busy = true;
        e->log_heir = s;
    }
    act(e, s, SUBMISSION_LOGS);
    while ((news = post_wait(&s->news)) != SUBMISSION_DONE) {
        mutex_lock(&e->door);
        act(e, s, news);
    }
    if (s->next) post_put(&s->next->news, SUBMISSION_DONE);
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

nacre_status engine_writable(struct ctx *ctx, const struct engine *e) {
    TRY(engine_usable(ctx, e));
    if (!e->read_only) return NACRE_OK;
    return err_set(ctx, NACRE_PERMISSION_DENIED, "the database was opened read-only");
}

static nacre_status refuse_early(struct ctx *ctx, struct engine *e, struct slice payload) {
    TRY(engine_writable(ctx, e));
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

static nacre_status decode_answer(struct ctx *ctx, const struct submission *s, struct result *out) {
    if (buf_status(&s->result) != NACRE_OK) return NACRE_MEMORY_LIMIT;
    const uint8_t *p = arena_copy(&ctx->arena, s->result.p, s->result.n);
    if (!p) return NACRE_MEMORY_LIMIT;
    return result_decode(ctx, slice_of(p, s->result.n), out);
}

static nacre_status take_answer(struct ctx *ctx, struct engine *e, const struct submission *s,
                                struct result *out) {
    struct slice error;
    if (s->status != NACRE_OK) {
        ctx->err = s->err;
        return s->status;
    }
    // The command is done; without its answer the caller cannot know how it ended.
    if (decode_answer(ctx, s, out) != NACRE_OK)
        return err_set(ctx, NACRE_OUTCOME_UNKNOWN,
                       "the command was carried out, but there is no memory for its answer");
    // Replay must not meet it (engine/replay.c).
    if (engine_met_damage(out, &error)) atomic_store(&e->flush_wanted, true);
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
    if (!buf_reserve(&s.result, RESULT_ROOM)) return err_nomem(ctx);
    post_init(&s.news);
    run_submission(e, &s);
    nacre_status status = take_answer(ctx, e, &s, out);
    buf_free(&s.result);
    return status;
}
