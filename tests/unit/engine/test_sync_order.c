// Groups are applied while they are synced. Proves: whatever was applied meanwhile, nothing is
// visible before its sync is through, and never if the sync fails; then nobody is told that a write
// was done. How the writers fall into groups is left to chance: what is proven holds for all ways.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/os/cond.h"
#include "base/os/thread.h"
#include "log/model/log_model.h"
#include "store/memkv/kv_mem.h"
#include "support/engine_harness.h"

enum { WRITERS = 6 };

// The model log, whose syncs wait to be let through; those from a number on fail then.
struct gate {
    struct replog base;
    struct replog_ops ops;
    struct replog *inner;
    struct mutex lock;
    struct cond changed;
    int came, allowed, fails;
};

static struct replog *inner(struct replog *log) { return ((struct gate *)log)->inner; }

static nacre_status gate_start(struct replog *log, struct ctx *ctx, uint64_t applied_index) {
    return inner(log)->ops->start(inner(log), ctx, applied_index);
}

static nacre_status gate_append(struct replog *log, struct ctx *ctx, struct slice payload,
                                uint64_t *out_index) {
    return inner(log)->ops->append(inner(log), ctx, payload, out_index);
}

static nacre_status gate_sync(struct replog *log, struct ctx *ctx, uint64_t *out_index) {
    struct gate *gate = (struct gate *)log;
    mutex_lock(&gate->lock);
    int number = ++gate->came;
    cond_broadcast(&gate->changed);
    while (gate->allowed < number)
        cond_wait(&gate->changed, &gate->lock);
    mutex_unlock(&gate->lock);
    if (number >= gate->fails) return err_set(ctx, NACRE_IO_ERROR, "the sync was told to fail");
    return gate->inner->ops->sync(gate->inner, ctx, out_index);
}

static nacre_status gate_open_cursor(struct replog *log, struct ctx *ctx, uint64_t from_index,
                                     struct replog_cursor **out) {
    return inner(log)->ops->open_cursor(inner(log), ctx, from_index, out);
}

static void gate_status(struct replog *log, struct replog_status *out) {
    inner(log)->ops->status(inner(log), out);
}

static void gate_await(struct gate *gate, int number) {
    mutex_lock(&gate->lock);
    while (gate->came < number)
        cond_wait(&gate->changed, &gate->lock);
    mutex_unlock(&gate->lock);
}

static void gate_allow(struct gate *gate, int number) {
    mutex_lock(&gate->lock);
    gate->allowed = number;
    cond_broadcast(&gate->changed);
    mutex_unlock(&gate->lock);
}

struct stand {
    struct ctx ctx;
    struct kv *kv;
    struct gate gate;
    struct harness h; // for its reads
};

static void open_stand(struct stand *s) {
    struct log_model_options model = {.seed = 1};
    ctx_init(&s->ctx, &world_system, NULL, SIZE_MAX);
    assert_int_equal(kv_mem_new(&s->ctx, &s->kv), NACRE_OK);
    kv_mem_hold(s->kv);
    s->gate = (struct gate){.allowed = INT32_MAX, .fails = INT32_MAX};
    assert_int_equal(log_model_new(&s->ctx, &model, &s->gate.inner), NACRE_OK);
    s->gate.ops = *s->gate.inner->ops;
    s->gate.ops.start = gate_start;
    s->gate.ops.append = gate_append;
    s->gate.ops.sync = gate_sync;
    s->gate.ops.open_cursor = gate_open_cursor;
    s->gate.ops.status = gate_status;
    s->gate.base.ops = &s->gate.ops;
    mutex_init(&s->gate.lock);
    cond_init(&s->gate.changed);
    struct engine_options options = {.create = true,
                                     .memory_bytes = 256u << 20,
                                     .kv = s->kv,
                                     .log = &s->gate.base,
                                     .no_background = true};
    s->h = (struct harness){0};
    ctx_init(&s->h.ctx, &world_system, NULL, SIZE_MAX);
    assert_int_equal(engine_open(&s->ctx, &options, &s->h.engine), NACRE_OK);
    assert_int_equal(harness_put(&s->h, "c", "{\"_id\":100}", NULL), NACRE_OK);
}

static void close_stand(struct stand *s) {
    nacre_status status = engine_close(&s->ctx, s->h.engine); // it has stopped
    (void)status;
    s->gate.inner->ops->close(s->gate.inner);
    s->kv->ops->close(s->kv);
    kv_mem_release(s->kv);
    cond_destroy(&s->gate.changed);
    mutex_destroy(&s->gate.lock);
    ctx_free(&s->h.ctx);
    ctx_free(&s->ctx);
}

struct writer {
    struct engine *engine;
    struct ctx ctx;
    struct thread thread;
    struct slice body;
    nacre_status status;
};

static void write_one(void *arg) {
    struct writer *w = arg;
    struct result result;
    struct write_item item = {.kind = WRITE_PUT, .body = w->body};
    struct write_request request = {
        .target.collection = SLICE_LIT("c"), .count = 1, .items = &item};
    w->status = engine_write(&w->ctx, w->engine, &request, &result);
}

static void start_writer(struct stand *s, struct writer *w, int id) {
    char json[32];
    snprintf(json, sizeof json, "{\"_id\":%d}", id);
    *w = (struct writer){.engine = s->h.engine, .body = harness_bson(&s->h, json)};
    ctx_init(&w->ctx, &world_system, NULL, SIZE_MAX);
    assert_int_equal(thread_start(&s->ctx, "writer", write_one, w, &w->thread), NACRE_OK);
}

static bool visible(struct stand *s, int id) {
    return harness_get(&s->h, "c", val_int(id)) != NULL;
}

static void test_nothing_is_seen_before_its_sync(void **state) {
    (void)state;
    struct stand s;
    struct writer writers[WRITERS];
    open_stand(&s);
    int first = s.gate.came + 1;
    gate_allow(&s.gate, first - 1);
    s.gate.fails = first + 1;
    start_writer(&s, &writers[0], 0);
    gate_await(&s.gate, first);
    for (int i = 1; i < WRITERS; i++)
        start_writer(&s, &writers[i], i); // they queue behind the sync
    assert_false(visible(&s, 0));
    gate_allow(&s.gate, first);
    thread_join(&writers[0].thread);
    assert_int_equal(writers[0].status, NACRE_OK);
    assert_true(visible(&s, 0));
    gate_await(&s.gate, first + 1);
    for (int round = 0; round < 50; round++) { // while one of the group applies it
        for (int i = 1; i < WRITERS; i++)
            assert_false(visible(&s, i));
        usleep(1000);
    }
    gate_allow(&s.gate, INT32_MAX);
    for (int i = 1; i < WRITERS; i++) {
        thread_join(&writers[i].thread);
        assert_int_not_equal(writers[i].status, NACRE_OK);
        assert_false(visible(&s, i));
    }
    assert_true(visible(&s, 0));
    for (int i = 0; i < WRITERS; i++)
        ctx_free(&writers[i].ctx);
    close_stand(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_nothing_is_seen_before_its_sync)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
