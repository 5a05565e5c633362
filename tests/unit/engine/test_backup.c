// Backups: a full one and incremental ones of a database that is written to, restored to what it
// was at their end or at a time; damage is found; what is interrupted is told; names stay inside.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/bits/bits.h"
#include "base/os/thread.h"
#include "engine/backup/backup.h"
#include "support/engine_harness.h"
#include "support/scratch.h"

struct stand {
    struct harness h;
    char backups[64], to[64];
    void (*look)(struct stand *t, struct engine *restored); // at each restore; NULL: nothing more
};

static void stand_open(struct stand *t) {
    t->look = NULL;
    harness_open_dir(&t->h, true);
    scratch_dir("backups", t->backups);
    scratch_dir("restored", t->to);
}

static void stand_close(struct stand *t) {
    assert_int_equal(dir_remove_all(&t->h.ctx, t->backups), NACRE_OK);
    if (file_exists(t->to)) assert_int_equal(dir_remove_all(&t->h.ctx, t->to), NACRE_OK);
    harness_close(&t->h);
}

static void put(struct stand *t, int id, int n) {
    char json[64];
    snprintf(json, sizeof json, "{\"_id\":%d,\"n\":%d}", id, n);
    assert_int_equal(harness_put(&t->h, "c", json, NULL), NACRE_OK);
}

static nacre_status try_create(struct stand *t, const char *name, const char *parent) {
    struct backup_call call = {.dir = t->backups, .name = name};
    ctx_reset(&t->h.ctx);
    return backup_create(&t->h.ctx, t->h.engine, &call, parent);
}

static void create(struct stand *t, const char *name, const char *parent) {
    nacre_status status = try_create(t, name, parent);
    if (status != NACRE_OK) fail_msg("%s: %s", name, t->h.ctx.err.detail);
}

static nacre_status try_restore(struct stand *t, const char *name, const int64_t *time_ms,
                                const char *log) {
    struct backup_call call = {.dir = t->backups, .name = name};
    struct backup_restore restore = {
        .to = t->to, .has_time = time_ms != NULL, .time_ms = time_ms ? *time_ms : 0, .log = log};
    ctx_reset(&t->h.ctx);
    return backup_restore(&t->h.ctx, &call, &restore);
}

// All documents of collection c: ids, versions and bodies, in one number; and how many.
enum { WRITERS = 3, IDS = 50, WRITER_STEP = 1000 };

struct sum {
    uint64_t documents, hash, seq, commit_ts;
};
static struct sum sum_of(struct ctx *ctx, struct engine *e) {
    struct view *view = engine_view(e);
    struct sum sum = {.seq = view->seq, .commit_ts = view->commit_ts};
    struct kv_iter_options all = {0};
    struct kv_iter *it;
    struct engine_collection c;
    assert_int_equal(engine_resolve(ctx, e, (struct target){.collection = SLICE_LIT("c")}, &c),
                     NACRE_OK);
    assert_int_equal(view->kv->ops->iter_open(view->kv, ctx, view->kv_view, KV_DATA, &all, &it),
                     NACRE_OK);
    for (it->ops->seek_first(it); it->valid; it->ops->next(it)) {
        if (it->key.p[4] != KIND_DOCUMENT) continue;
        sum.documents++;
        sum.hash = hash_bytes_seed(it->key.p, it->key.n, sum.hash);
        sum.hash = hash_bytes_seed(it->value.p, it->value.n, sum.hash);
    }
    assert_int_equal(it->ops->status(it, ctx), NACRE_OK);
    it->ops->close(it);
    txn_view_release(view);
    return sum;
}

static void fail_at(void *arg, const char *text) {
    (void)arg;
    fail_msg("%s", text);
}

static int64_t n_of(struct harness *h, int id) {
    const char *json = harness_get(h, "c", val_int(id));
    long long n = -1;
    if (json) sscanf(strstr(json, "\"n\":"), "\"n\":%lld", &n);
    return n;
}

// Of each writer, who goes round its ids with growing numbers, there is what it wrote up to some
// moment, and nothing of later.
static void check_prefixes(struct stand *t, struct engine *e) {
    struct harness h = t->h;
    h.engine = e;
    for (int first = 0; first < WRITERS * WRITER_STEP; first += WRITER_STEP) {
        int64_t last = -1;
        for (int k = 0; k < IDS; k++) {
            int64_t n = n_of(&h, first + k);
            if (n > last) last = n;
        }
        for (int k = 0; k < IDS; k++) {
            int64_t round = last < k ? -1 : (last - k) / IDS;
            assert_int_equal(n_of(&h, first + k), round < 0 ? -1 : round * IDS + k);
        }
        t->h.ctx = h.ctx;
    }
}

// What a restore gives, checked; the directory is gone afterwards.
static struct sum restored(struct stand *t, const char *name, const int64_t *time_ms,
                           const char *log) {
    struct engine_options options = {.dir = t->to, .no_background = true};
    struct engine *e;
    uint64_t problems;
    struct ctx *ctx = &t->h.ctx;
    if (try_restore(t, name, time_ms, log) != NACRE_OK) fail_msg("%s: %s", name, ctx->err.detail);
    if (engine_open(ctx, &options, &e) != NACRE_OK) fail_msg("%s", ctx->err.detail);
    struct sum sum = sum_of(ctx, e);
    if (t->look) t->look(t, e);
    assert_int_equal(engine_check(ctx, e, fail_at, NULL, &problems), NACRE_OK);
    assert_int_equal(engine_close(ctx, e), NACRE_OK);
    assert_int_equal(dir_remove_all(ctx, t->to), NACRE_OK);
    return sum;
}

static uint64_t problems_of(struct stand *t, const char *name, engine_problem *each) {
    struct backup_call call = {.dir = t->backups, .name = name};
    uint64_t problems = 0;
    ctx_reset(&t->h.ctx);
    nacre_status status = backup_verify(&t->h.ctx, &call, each, NULL, &problems);
    if (status != NACRE_OK) fail_msg("%s: %s", name, t->h.ctx.err.detail);
    return problems;
}

static void ignore(void *arg, const char *text) { (void)arg, (void)text; }

static void assert_same(struct sum a, struct sum b) {
    assert_int_equal(a.documents, b.documents);
    assert_true(a.hash == b.hash);
}

static const char *list(struct stand *t, const char *name) {
    static struct buf text;
    buf_free(&text);
    buf_init(&text, NULL, 1 << 20);
    ctx_reset(&t->h.ctx);
    nacre_status status = name ? backup_get(&t->h.ctx, t->backups, name, &text)
                               : backup_list(&t->h.ctx, t->backups, &text);
    assert_int_equal(status, NACRE_OK);
    buf_put_u8(&text, 0);
    const char *out = arena_str(&t->h.ctx.arena, slice_of(text.p, text.n - 1));
    buf_free(&text);
    return out;
}

static void test_chain(void **state) {
    struct stand t;
    struct sum ends[4];
    char name[16], parent[16] = "";
    (void)state;
    stand_open(&t);
    for (int i = 0; i < 4; i++) {
        for (int k = 0; k < 100; k++)
            put(&t, i * 60 + k, i);
        snprintf(name, sizeof name, "b%d", i);
        create(&t, name, parent[0] ? parent : NULL);
        ends[i] = sum_of(&t.h.ctx, t.h.engine);
        snprintf(parent, sizeof parent, "%s", name);
    }
    put(&t, 1, 1000); // in none
    for (int i = 0; i < 4; i++) {
        snprintf(name, sizeof name, "b%d", i);
        assert_same(restored(&t, name, NULL, NULL), ends[i]);
        assert_int_equal(problems_of(&t, name, fail_at), 0);
    }
    assert_non_null(strstr(list(&t, NULL), "{\"name\":\"b1\",\"state\":\"complete\",\"kind\":"
                                           "\"incremental\",\"parent\":\"b0\","));
    assert_non_null(strstr(list(&t, "b2"), "{\"name\":\"c\",\"documents\":220}"));
    assert_int_equal(try_create(&t, "b3", NULL), NACRE_ALREADY_EXISTS);
    assert_int_equal(try_create(&t, "b4", "none"), NACRE_NOT_FOUND);
    assert_int_equal(try_create(&t, "../b4", NULL), NACRE_INVALID_ARGUMENT);
    assert_int_equal(backup_delete(&t.h.ctx, t.backups, "b2"), NACRE_CONFLICT);
    assert_int_equal(backup_delete(&t.h.ctx, t.backups, "b3"), NACRE_OK);
    assert_int_equal(backup_delete(&t.h.ctx, t.backups, "b3"), NACRE_NOT_FOUND);
    assert_null(strstr(list(&t, NULL), "b3"));
    stand_close(&t);
}

// A restored database goes on by itself, and its history is not the origin's: an incremental backup
// of it does not build on one of the origin.
static void test_goes_on(void **state) {
    struct stand t;
    struct engine_options options = {.no_background = true};
    struct engine *e;
    (void)state;
    stand_open(&t);
    put(&t, 1, 1);
    create(&t, "full", NULL);
    assert_int_equal(try_restore(&t, "full", NULL, NULL), NACRE_OK);
    assert_int_equal(try_restore(&t, "full", NULL, NULL), NACRE_INVALID_ARGUMENT); // not empty
    options.dir = t.to;
    assert_int_equal(engine_open(&t.h.ctx, &options, &e), NACRE_OK);
    struct harness other = t.h;
    other.engine = e;
    assert_int_equal(harness_put(&other, "c", "{\"_id\":2}", NULL), NACRE_OK);
    struct backup_call call = {.dir = t.backups, .name = "more"};
    assert_int_equal(backup_create(&other.ctx, e, &call, "full"), NACRE_HISTORY_EXPIRED);
    assert_int_equal(backup_create(&other.ctx, e, &call, NULL), NACRE_OK);
    assert_int_equal(engine_close(&other.ctx, e), NACRE_OK);
    assert_int_equal(engine_open(&other.ctx, &options, &e), NACRE_OK);
    assert_int_equal(sum_of(&other.ctx, e).documents, 2);
    assert_int_equal(engine_close(&other.ctx, e), NACRE_OK);
    t.h.ctx = other.ctx;
    stand_close(&t);
}

struct writer {
    struct stand *t;
    struct thread thread;
    int first;
    _Atomic bool *stop;
};

static void write_on(void *arg) {
    struct writer *w = arg;
    struct harness own = w->t->h;
    char json[64];
    ctx_init(&own.ctx, own.engine ? &world_system : NULL, NULL, SIZE_MAX);
    for (int i = 0; !atomic_load(w->stop); i++) {
        snprintf(json, sizeof json, "{\"_id\":%d,\"n\":%d}", w->first + i % IDS, i);
        assert_int_equal(harness_put(&own, "c", json, NULL), NACRE_OK);
    }
    ctx_free(&own.ctx);
}

// Under writers. What is restored must be one state that the origin had: the one at the sequence
// that the backup names, rebuilt from the log alone.
static void test_under_load(void **state) {
    struct stand t;
    struct writer writers[WRITERS];
    _Atomic bool stop = false;
    (void)state;
    stand_open(&t);
    put(&t, 0, 0);
    create(&t, "base", NULL);
    for (int i = 0; i < WRITERS; i++) {
        writers[i] = (struct writer){.t = &t, .first = i * WRITER_STEP, .stop = &stop};
        assert_int_equal(
            thread_start(&t.h.ctx, "writer", write_on, &writers[i], &writers[i].thread), NACRE_OK);
    }
    struct ctx ctx;
    ctx_init(&ctx, &world_system, NULL, SIZE_MAX);
    struct backup_call calls[] = {{.dir = t.backups, .name = "full"},
                                  {.dir = t.backups, .name = "more"}};
    assert_int_equal(backup_create(&ctx, t.h.engine, &calls[0], NULL), NACRE_OK);
    assert_int_equal(backup_create(&ctx, t.h.engine, &calls[1], "full"), NACRE_OK);
    atomic_store(&stop, true);
    for (int i = 0; i < WRITERS; i++)
        thread_join(&writers[i].thread);
    ctx_free(&ctx);
    t.look = check_prefixes;
    struct sum full = restored(&t, "full", NULL, NULL), more = restored(&t, "more", NULL, NULL);
    assert_true(full.seq < more.seq);
    assert_int_equal(problems_of(&t, "full", fail_at), 0);
    assert_int_equal(problems_of(&t, "more", fail_at), 0);
    create(&t, "late", "base");
    char log[96];
    snprintf(log, sizeof log, "%s/log", t.h.dir);
    int64_t at_ms = (int64_t)(more.commit_ts >> 20);
    struct sum by_log = restored(&t, "late", &at_ms, log);
    assert_true(by_log.seq >= more.seq);
    stand_close(&t);
}

static void test_time(void **state) {
    struct stand t;
    struct sum ends[3];
    int64_t times[3];
    char log[96];
    (void)state;
    stand_open(&t);
    put(&t, 0, 0);
    create(&t, "full", NULL);
    for (int i = 0; i < 3; i++) {
        for (int k = 0; k < 10; k++)
            put(&t, k, i);
        ends[i] = sum_of(&t.h.ctx, t.h.engine);
        times[i] = (int64_t)(ends[i].commit_ts >> 20);
        // What comes next is of another millisecond.
        while (engine_now_ms(t.h.engine) <= (uint64_t)times[i])
            continue;
        if (i == 1) create(&t, "more", "full");
    }
    snprintf(log, sizeof log, "%s/log", t.h.dir);
    assert_same(restored(&t, "more", &times[0], NULL), ends[0]);
    assert_same(restored(&t, "more", &times[1], NULL), ends[1]);
    assert_same(restored(&t, "full", &times[1], log), ends[1]);
    assert_same(restored(&t, "more", &times[2], log), ends[2]);
    assert_same(restored(&t, "more", NULL, log), ends[2]);
    assert_int_equal(try_restore(&t, "more", &times[2], NULL), NACRE_INVALID_ARGUMENT);
    int64_t early = times[0] - 86400000;
    assert_int_equal(try_restore(&t, "more", &early, NULL), NACRE_HISTORY_EXPIRED);
    stand_close(&t);
}

// Every file of a backup with one byte changed, cut, or gone.
static void damage(struct stand *t, const char *path, int how) {
    struct buf bytes BUF_CLEANUP = {0};
    struct ctx *ctx = &t->h.ctx;
    buf_init(&bytes, NULL, 1 << 26);
    assert_int_equal(file_read_all(ctx, path, 1 << 26, &bytes), NACRE_OK);
    if (!bytes.n) return;
    uint8_t was = bytes.p[bytes.n / 2];
    size_t n = bytes.n;
    if (how == 0) bytes.p[n / 2] ^= 1;
    if (how == 2)
        assert_int_equal(file_remove(ctx, path), NACRE_OK);
    else
        assert_int_equal(file_replace(ctx, path, bytes.p, how == 1 ? n - 1 : n), NACRE_OK);
    assert_true(problems_of(t, "more", ignore) > 0);
    assert_int_not_equal(try_restore(t, "more", NULL, NULL), NACRE_OK);
    bytes.p[n / 2] = was;
    assert_int_equal(file_replace(ctx, path, bytes.p, n), NACRE_OK);
}

static void damage_folder(struct stand *t, const char *folder) {
    struct dir_list files;
    char path[400];
    assert_int_equal(dir_list(&t->h.ctx, folder, &files), NACRE_OK);
    for (size_t i = 0; i < files.count; i++) {
        snprintf(path, sizeof path, "%.100s/%.200s", folder, files.names[i]);
        if (strcmp(files.names[i], "lock") != 0) damage(t, path, (int)(i % 3));
    }
    dir_list_free(&files);
}

static void test_damage(void **state) {
    static const char *const folders[] = {"full/store", "full/log-1", "more/log-1"};
    struct stand t;
    char path[400];
    (void)state;
    stand_open(&t);
    put(&t, 1, 1);
    create(&t, "full", NULL);
    put(&t, 2, 2);
    create(&t, "more", "full");
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s", t.backups, folders[i]);
        damage_folder(&t, path);
    }
    for (int how = 0; how < 3; how++) {
        snprintf(path, sizeof path, "%s/more/MANIFEST", t.backups);
        damage(&t, path, how);
    }
    assert_int_equal(problems_of(&t, "more", fail_at), 0);
    // What a crash leaves.
    snprintf(path, sizeof path, "%s/more/MANIFEST", t.backups);
    assert_int_equal(file_remove(&t.h.ctx, path), NACRE_OK);
    assert_string_equal(list(&t, "more"), "{\"name\":\"more\",\"state\":\"incomplete\"}");
    assert_int_equal(try_restore(&t, "more", NULL, NULL), NACRE_CORRUPT);
    assert_non_null(strstr(t.h.ctx.err.detail, "incomplete"));
    assert_int_equal(try_create(&t, "next", "more"), NACRE_CORRUPT);
    assert_int_equal(backup_delete(&t.h.ctx, t.backups, "more"), NACRE_OK);
    stand_close(&t);
}

// Trimmed and not archived: told, with what to do.
static void test_trimmed(void **state) {
    struct stand t;
    (void)state;
    stand_open(&t);
    put(&t, 1, 1);
    create(&t, "full", NULL);
    char big[40000];
    memset(big, 'x', sizeof big);
    memcpy(big, "{\"_id\":7,\"x\":\"", 14);
    memcpy(big + sizeof big - 3, "\"}", 3);
    for (int i = 0; i < 1200; i++) { // more than two segments of the log
        big[20] = (char)('a' + i % 26);
        assert_int_equal(harness_put(&t.h, "c", big, NULL), NACRE_OK);
        ctx_reset(&t.h.ctx);
    }
    harness_reopen(&t.h); // flushes and trims
    assert_int_equal(try_create(&t, "more", "full"), NACRE_HISTORY_EXPIRED);
    assert_non_null(strstr(t.h.ctx.err.hint, "full backup"));
    assert_null(strstr(list(&t, NULL), "more")); // nothing is left of it
    create(&t, "again", NULL);
    stand_close(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chain),  cmocka_unit_test(test_goes_on),
        cmocka_unit_test(test_time),   cmocka_unit_test(test_under_load),
        cmocka_unit_test(test_damage), cmocka_unit_test(test_trimmed)};
    scratch_leave_disk();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
