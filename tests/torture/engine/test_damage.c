// Damaged files of a closed database and of a killed one: a flipped bit, a cut, a missing file.
// Opening it refuses with a typed error that names a file, and changes nothing that it holds (when
// the store opened and one of its rows is damaged, RocksDB has written its MANIFEST anew): with the
// damage undone, everything is there again. Or it opens, and then every document reads right or
// says that it is corrupt, and the check reports the damage wherever a document is not right. In
// log segments, tables (the catalog's rows lie there, too), the MANIFEST, CURRENT, the guard and
// FORMAT every damage is seen and told with its file, in segments and tables also with its place.
// Only the very last record of a killed database's log, which nothing vouches for yet, may be taken
// for a torn tail. Then directories that cannot be opened at all: a newer format, another's files,
// one in use.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/ds/rng.h"
#include "base/os/file.h"
#include "engine/engine.h"
#include "support/dir_image.h"
#include "support/scratch.h"

enum { DOCUMENTS = 400, FLUSHED = 220, TRIALS = 60, EACH = 5, PAD = 200 };
enum { FINE = 0, REFUSED = 10, REPORTED = 11, LAST_LOST = 12, BAD = 13 };

struct scene {
    char dir[64], db[80];
    struct ctx ctx;
    struct dir_image image; // before any damage
    struct rng rng;
    int outcomes[16];
};

// Of the trial: the file that is damaged, and whether what was told names it, and a place in it.
static const char *damaged = "";
static bool named, placed;

static void note_text(const char *text) {
    const char *slash = strrchr(damaged, '/');
    bool names = *damaged && strstr(text, slash ? slash + 1 : damaged);
    named |= names;
    placed |= names && strstr(text, "offset");
}

static struct engine_options options_of(const char *db) {
    return (struct engine_options){.dir = db,
                                   .create = true,
                                   .memory_bytes = 32u << 20,
                                   .disk_reserve_bytes = 1,
                                   .no_background = true,
                                   // Its outputs and edits come when they come: a close or a kill
                                   // leaves some that nothing refers to or vouches for yet.
                                   .no_compaction = true};
}

static struct slice body_of(struct ctx *ctx, int id) {
    struct buf bytes BUF_CLEANUP = {0};
    struct bson_writer w;
    char pad[PAD];
    for (int i = 0; i < PAD; i++)
        pad[i] = (char)('a' + (id * 31 + i * 7) % 26);
    buf_init(&bytes, NULL, SIZE_MAX);
    bson_begin(&w, &bytes);
    bson_put(&w, SLICE_LIT("_id"), val_int(id));
    bson_put(&w, SLICE_LIT("n"), val_int(id % 10));
    bson_put(&w, SLICE_LIT("pad"), val_str(slice_of(pad, PAD)));
    bson_end(&w);
    return slice_of(arena_copy(&ctx->arena, bytes.p, bytes.n), bytes.n);
}

static nacre_status put(struct ctx *ctx, struct engine *engine, int id) {
    struct result result;
    struct write_item item = {.kind = WRITE_PUT, .body = body_of(ctx, id)};
    struct write_request request = {
        .target.collection = SLICE_LIT("c"), .count = 1, .items = &item};
    return engine_write(ctx, engine, &request, &result);
}

static nacre_status make_index(struct ctx *ctx, struct engine *engine) {
    struct result result;
    struct buf body BUF_CLEANUP = {0};
    struct bson_writer w;
    struct catalog_request request = {
        .op = CATALOG_CREATE_INDEX, .target.collection = SLICE_LIT("c"), .index = SLICE_LIT("n")};
    buf_init(&body, NULL, SIZE_MAX);
    bson_begin(&w, &body);
    bson_open_array(&w, SLICE_LIT("fields"));
    bson_put(&w, slice_of(NULL, 0), val_str(SLICE_LIT("n")));
    bson_close(&w);
    bson_end(&w);
    request.body = buf_slice(&body);
    TRY(engine_catalog(ctx, engine, &request, &result));
    return engine_wait_index(ctx, engine, request.target, request.index);
}

// Documents up to FLUSHED are in tables; those after it in the log only, unless it is closed.
static int make(const char *db, bool closed) {
    struct ctx ctx;
    struct engine *engine;
    struct engine_options options = options_of(db);
    ctx_init(&ctx, &world_system, NULL, SIZE_MAX);
    for (int id = 0; id < FLUSHED; id++) {
        if (id % (FLUSHED / 2) == 0 && engine_open(&ctx, &options, &engine) != NACRE_OK) return 1;
        if (put(&ctx, engine, id) != NACRE_OK) return 1;
        if (id == 50 && make_index(&ctx, engine) != NACRE_OK) return 1;
        if ((id + 1) % (FLUSHED / 2) == 0 && engine_close(&ctx, engine) != NACRE_OK) return 1;
    }
    if (engine_open(&ctx, &options, &engine) != NACRE_OK) return 1;
    for (int id = FLUSHED; id < DOCUMENTS; id++)
        if (put(&ctx, engine, id) != NACRE_OK) return 1;
    return closed && engine_close(&ctx, engine) != NACRE_OK;
}

// --- looking at a damaged database ------------------------------------------------------

static int say(const char *what, const char *detail) {
    printf("%s: %s\n", what, detail);
    return BAD;
}

static bool is_typed(const struct ctx *ctx) {
    nacre_status s = ctx->err.status;
    return s == NACRE_CORRUPT || s == NACRE_INCOMPATIBLE_FORMAT || s == NACRE_NOT_FOUND ||
           s == NACRE_INVALID_ARGUMENT;
}

// How many documents are not right; those that say so count as reported.
static int read_all(struct ctx *ctx, struct engine *engine, int *absent, int *reported) {
    struct engine_collection handle = {.target.collection = SLICE_LIT("c")};
    *absent = *reported = 0;
    for (int id = 0; id < DOCUMENTS; id++) {
        struct engine_doc doc = {0};
        ctx_reset(ctx);
        nacre_status status = engine_get(ctx, engine, &handle, val_int(id), &doc);
        if (status == NACRE_CORRUPT)
            ++*reported;
        else if (status == NACRE_DOCUMENT_NOT_FOUND && id == DOCUMENTS - 1)
            ++*absent;
        else if (status != NACRE_OK)
            return say("a document is gone", ctx->err.detail);
        else if (!slice_eq(doc.row.body, body_of(ctx, id)))
            return say("wrong data is served", "");
        engine_release_doc(engine, &doc);
    }
    return FINE;
}

static void count_problem(void *arg, const char *text) {
    note_text(text);
    ++*(int *)arg;
}

static bool is_store_head(const char *name) {
    return strstr(name, "MANIFEST-") || strstr(name, "CURRENT") || strstr(name, "nacre-guard");
}

// What speaks of one another in the store tells which of them is wrong as well as it can.
static int told(int outcome) {
    bool placing = strncmp(damaged, "log/", 4) == 0 || strstr(damaged, ".sst");
    if (!*damaged || is_store_head(damaged)) return outcome;
    return named && (placed || !placing) ? outcome : BAD;
}

static int look_open(struct ctx *ctx, struct engine *engine) {
    uint64_t problems;
    int absent, reported, counted = 0, read = read_all(ctx, engine, &absent, &reported);
    ctx_reset(ctx);
    nacre_status status = engine_check(ctx, engine, count_problem, &counted, &problems);
    if (status != NACRE_OK && status != NACRE_CORRUPT) return say("check", ctx->err.detail);
    if (status != NACRE_OK) note_text(ctx->err.detail);
    bool found = counted || status != NACRE_OK;
    nacre_status closed = engine_close(ctx, engine);
    (void)closed; // it may have met the damage
    if (read != FINE) return read;
    if (reported && !found) return say("the check finds nothing", "documents are corrupt");
    if (found) return told(REPORTED);
    return absent ? LAST_LOST : FINE;
}

// What RocksDB writes anew whenever it opens.
static void leave_housekeeping(struct dir_image *image) {
    static const char *const names[] = {"store/CURRENT", "store/MANIFEST-", "store/OPTIONS-",
                                        "store/nacre-guard", "store/nacre-torn"};
    for (size_t i = 0; i < image->count; i++) {
        struct dir_image_file *f = &image->files[i];
        size_t n = strlen(f->name);
        bool kept = strncmp(f->name, "store/", 6) != 0 || strcmp(f->name + n - 4, ".log") != 0;
        for (size_t k = 0; k < sizeof names / sizeof *names; k++)
            kept &= strncmp(f->name, names[k], strlen(names[k])) != 0;
        if (kept) continue;
        free(f->bytes);
        *f = image->files[--image->count];
        i--;
    }
}

static int look(const char *db) {
    struct ctx ctx;
    struct engine *engine;
    struct engine_options options = options_of(db);
    static struct dir_image before, after;
    (void)alarm(60);
    ctx_init(&ctx, &world_system, NULL, SIZE_MAX);
    dir_image_read(&before, db);
    if (engine_open(&ctx, &options, &engine) == NACRE_OK) return look_open(&ctx, engine);
    if (!is_typed(&ctx)) {
        printf("refused with %s: ", nacre_status_code(ctx.err.status));
        return say("", ctx.err.detail);
    }
    dir_image_read(&after, db);
    leave_housekeeping(&before);
    leave_housekeeping(&after);
    const char *name = dir_image_differs(&before, &after);
    if (name) {
        printf("(%s) ", ctx.err.detail);
        return say("a refused open changed", name);
    }
    note_text(ctx.err.detail);
    if (!strstr(ctx.err.detail, db)) return say("no file is named", ctx.err.detail);
    return told(REFUSED) == BAD ? say("not told with file and place", ctx.err.detail) : REFUSED;
}

static int in_child(int (*run)(const char *, bool), const char *db, bool flag) {
    (void)fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        int code = run(db, flag);
        (void)fflush(NULL);
        _exit(code);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
}

static int look_run(const char *db, bool unused) {
    (void)unused;
    return look(db);
}

// --- trials -----------------------------------------------------------------------------

struct damage {
    size_t file, at;
    int kind; // 0 flip, 1 cut, 2 remove
    unsigned bit;
};

static struct damage choose(struct scene *s) {
    struct damage d = {.file = (size_t)rng_below(&s->rng, s->image.count)};
    const struct dir_image_file *f = &s->image.files[d.file];
    uint64_t dice = rng_below(&s->rng, 20);
    d.kind = !f->kept || dice == 0 ? 2 : dice < 6 ? 1 : 0;
    // Sizes and offsets of where something is; a flip in the zeros behind it now and then.
    size_t bound = f->kept ? f->kept : 1;
    if (rng_below(&s->rng, 8) == 0 && f->size > bound) bound = f->size;
    d.at = (size_t)rng_below(&s->rng, bound);
    d.bit = (unsigned)rng_below(&s->rng, 8);
    return d;
}

static void apply(const struct scene *s, const struct damage *d) {
    char path[256];
    const struct dir_image_file *f = &s->image.files[d->file];
    (void)snprintf(path, sizeof path, "%s/%s", s->db, f->name);
    if (d->kind == 2) {
        assert_int_equal(unlink(path), 0);
    } else if (d->kind == 1) {
        assert_int_equal(truncate(path, (off_t)d->at), 0);
    } else {
        FILE *file = fopen(path, "r+");
        assert_non_null(file);
        uint8_t byte = d->at < f->kept ? f->bytes[d->at] : 0;
        assert_int_equal(fseek(file, (long)d->at, SEEK_SET), 0);
        assert_int_equal(fputc(byte ^ (1 << d->bit), file), (byte ^ (1 << d->bit)) & 255);
        assert_int_equal(fclose(file), 0);
    }
}

static void mend(const struct scene *s, const struct damage *d) {
    char path[256];
    const struct dir_image_file *f = &s->image.files[d->file];
    (void)snprintf(path, sizeof path, "%s/%s", s->db, f->name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(f->bytes, 1, f->kept, file), f->kept);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(truncate(path, (off_t)f->size), 0);
}

// must_see: the file is one in which no damage may pass.
static bool trial(struct scene *s, bool closed, const struct damage *d, bool must_see) {
    static const char *const kinds[] = {"bit flipped in", "cut:", "removed:"};
    const struct dir_image_file *f = &s->image.files[d->file];
    dir_image_write(&s->image, s->db);
    apply(s, d);
    damaged = must_see && d->kind == 0 ? f->name : "";
    int outcome = in_child(look_run, s->db, false);
    damaged = "";
    if (outcome == REFUSED) {
        mend(s, d);
        int mended = in_child(look_run, s->db, false);
        if (mended != FINE) printf("after the damage was undone: outcome %d\n", mended);
        if (mended != FINE) outcome = BAD;
    }
    assert_int_equal(dir_remove_all(&s->ctx, s->db), NACRE_OK);
    bool last = outcome == LAST_LOST && !closed && strncmp(f->name, "log/", 4) == 0;
    bool good = (outcome == FINE && !must_see) || outcome == REFUSED || outcome == REPORTED || last;
    if (good)
        s->outcomes[outcome]++;
    else
        printf("%s database, %s %s at %zu of %zu (bit %u): outcome %d\n",
               closed ? "closed" : "killed", kinds[d->kind], f->name, d->at, f->size, d->bit,
               outcome);
    return good;
}

// EACH flips, a cut and the loss of each file of a kind.
static uint64_t damage_kind(struct scene *s, bool closed, const char *kind, uint64_t each) {
    uint64_t bad = 0, files = 0;
    for (size_t i = 0; i < s->image.count; i++) {
        const struct dir_image_file *f = &s->image.files[i];
        if (strncmp(f->name, kind, strlen(kind)) != 0 || !f->kept) continue;
        files++;
        for (uint64_t n = 0; n < each + 2; n++) {
            struct damage d = {.file = i,
                               .at = (size_t)rng_below(&s->rng, f->kept),
                               .kind = n < each    ? 0
                                       : n == each ? 1
                                                   : 2,
                               .bit = (unsigned)rng_below(&s->rng, 8)};
            // Without its guard a store is as sound as RocksDB finds it.
            bool may_go = d.kind == 2 && strcmp(f->name, "store/nacre-guard") == 0;
            bad += !trial(s, closed, &d, !may_go);
        }
    }
    assert_true(files > 0);
    return bad;
}

static uint64_t number(const char *name, uint64_t otherwise) {
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 10) : otherwise;
}

static void scene_begin(struct scene *s) {
    *s = (struct scene){.dir = ""};
    scratch_dir("damage", s->dir);
    (void)snprintf(s->db, sizeof s->db, "%s/db", s->dir);
    ctx_init(&s->ctx, &world_system, NULL, SIZE_MAX);
}

static void scene_end(struct scene *s) {
    assert_int_equal(dir_remove_all(&s->ctx, s->dir), NACRE_OK);
    dir_image_free(&s->image);
    ctx_free(&s->ctx);
}

static void damage_all(bool closed) {
    static const char *const watched[] = {"log/0",         "store/0",           "store/MANIFEST-",
                                          "store/CURRENT", "store/nacre-guard", "FORMAT"};
    static struct scene s;
    uint64_t trials = number("NACRE_RUNS", TRIALS) / 2, bad = 0;
    scene_begin(&s);
    uint64_t seed = number("NACRE_SEED", 1);
    printf("NACRE_SEED=%llu\n", (unsigned long long)seed);
    rng_seed(&s.rng, seed + closed);
    assert_int_equal(in_child(make, s.db, closed), 0);
    dir_image_read(&s.image, s.db);
    assert_int_equal(dir_remove_all(&s.ctx, s.db), NACRE_OK);
    for (uint64_t i = 0; i < trials; i++) {
        struct damage d = choose(&s);
        bad += !trial(&s, closed, &d, false);
    }
    for (size_t k = 0; k < sizeof watched / sizeof *watched; k++)
        bad += damage_kind(&s, closed, watched[k], number("NACRE_RUNS", EACH));
    printf("%s: %llu trials anywhere and those of each kind of file: %d fine, %d refused, %d "
           "reported, %d without the last record\n",
           closed ? "closed" : "killed", (unsigned long long)trials, s.outcomes[FINE],
           s.outcomes[REFUSED], s.outcomes[REPORTED], s.outcomes[LAST_LOST]);
    scene_end(&s);
    assert_int_equal(bad, 0);
}

static void test_closed(void **state) {
    (void)state;
    damage_all(true);
}
static void test_killed(void **state) {
    (void)state;
    damage_all(false);
}

// --- what is no database, or not for this program ---------------------------------------

static void refuse(struct scene *s, bool create, nacre_status want) {
    struct engine *engine;
    struct engine_options options = options_of(s->db);
    static struct dir_image before, after;
    options.create = create;
    dir_image_read(&before, s->db);
    ctx_reset(&s->ctx);
    assert_int_equal(engine_open(&s->ctx, &options, &engine), want);
    dir_image_read(&after, s->db);
    const char *name = dir_image_differs(&before, &after);
    if (name) fail_msg("%s has changed", name);
    assert_non_null(strstr(s->ctx.err.detail, s->db));
    dir_image_free(&before);
    dir_image_free(&after);
}

static void write_text(struct scene *s, const char *name, const char *text) {
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", s->db, name);
    assert_int_equal(file_replace(&s->ctx, path, text, strlen(text)), NACRE_OK);
}

static void test_refused(void **state) {
    (void)state;
    static struct scene s;
    struct engine *engine, *second;
    scene_begin(&s);
    struct engine_options options = options_of(s.db);
    assert_int_equal(mkdir(s.db, 0700), 0);
    write_text(&s, "holiday.txt", "sun");
    refuse(&s, false, NACRE_NOT_FOUND);
    refuse(&s, true, NACRE_INVALID_ARGUMENT);
    assert_int_equal(dir_remove_all(&s.ctx, s.db), NACRE_OK);
    assert_int_equal(engine_open(&s.ctx, &options, &engine), NACRE_OK);
    assert_int_equal(put(&s.ctx, engine, 1), NACRE_OK);
    // The lock is a process's; in this one the second handle must be refused, too.
    assert_int_equal(engine_open(&s.ctx, &options, &second), NACRE_LOCKED);
    assert_int_equal(in_child(look_run, s.db, false), BAD); // locked is none of its outcomes
    assert_int_equal(engine_close(&s.ctx, engine), NACRE_OK);
    write_text(&s, "FORMAT", "nacre 2\n");
    refuse(&s, false, NACRE_INCOMPATIBLE_FORMAT);
    refuse(&s, true, NACRE_INCOMPATIBLE_FORMAT);
    write_text(&s, "FORMAT", "nacre 1\n");
    char path[128];
    (void)snprintf(path, sizeof path, "%s/LOCK", s.db);
    assert_int_equal(unlink(path), 0);
    write_text(&s, "FORMAT", "something else entirely\n");
    refuse(&s, true, NACRE_INCOMPATIBLE_FORMAT);
    scene_end(&s);
}

int main(void) {
    scratch_leave_disk();
    // The first two open databases in forked children only, which RocksDB bears as long as this
    // process has not used it itself.
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_closed), cmocka_unit_test(test_killed),
                                       cmocka_unit_test(test_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
