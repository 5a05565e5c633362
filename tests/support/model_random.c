#include "support/model_random.h"

#include <stdio.h>
#include <string.h>

#include "base/err/check.h"

static const char *const words[] = {"red",  "green", "blue", "foo",     "food", "bar",
                                    "bark", "a",     "ab",   "waiting", "done", "running"};
static const char *const states[] = {"waiting", "running", "done"};

static const char *word(struct run *run) { return words[run_below(run, 12)]; }

const char *scratch_text(struct run *run, const struct buf *buf) {
    char *text = arena_str(&run->model.scratch, buf_slice(buf));
    CHECK(text != NULL);
    return text;
}

struct model_id random_id(struct run *run) {
    struct model_id id = {.is_int = run_chance(run, 70)};
    if (id.is_int)
        id.number = run_below(run, 90);
    else
        snprintf(id.text, sizeof id.text, "k%u", run_below(run, 40));
    return id;
}

// --- documents --------------------------------------------------------------------------

static void put_value(struct run *run, struct buf *out, int depth) {
    struct naive_source source = {.arena = &run->model.scratch, .rng = &run->rng};
    naive_print(out, naive_random_value(&source, depth));
}

static void put_words(struct run *run, struct buf *out) {
    uint32_t n = run_below(run, 5);
    buf_put_u8(out, '[');
    for (uint32_t i = 0; i < n; i++)
        buf_printf(out, "%s\"%s\"", i ? "," : "", word(run));
    buf_put_u8(out, ']');
}

static void put_point(struct run *run, struct buf *out) {
    buf_put_str(out, "{\"x\":");
    put_value(run, out, 0);
    if (run_chance(run, 80)) buf_printf(out, ",\"y\":\"%s\"", word(run));
    buf_put_u8(out, '}');
}

static void put_points(struct run *run, struct buf *out) {
    uint32_t n = run_below(run, 4);
    if (run_chance(run, 60)) {
        put_point(run, out);
        return;
    }
    buf_put_u8(out, '[');
    for (uint32_t i = 0; i < n; i++) {
        if (i) buf_put_u8(out, ',');
        if (run_chance(run, 85))
            put_point(run, out);
        else
            put_value(run, out, 1);
    }
    buf_put_u8(out, ']');
}

static void put_unique(struct run *run, struct buf *out) {
    uint32_t roll = run_below(run, 20);
    if (roll == 0)
        buf_put_str(out, "null");
    else if (roll == 1)
        buf_printf(out, "[%u,%u]", run_below(run, 600), run_below(run, 600));
    else
        buf_printf(out, roll == 2 ? "%u.0" : "%u", run_below(run, 600));
}

// Beyond what a component of an index key may hold, alike at the front.
static void put_long(struct run *run, struct buf *out) {
    buf_put_u8(out, '"');
    for (int i = 0; i < 1100; i++)
        buf_put_u8(out, (uint8_t)('a' + i % 7));
    buf_printf(out, "%s\"", word(run));
}

static void put_field(struct run *run, struct buf *out, char name) {
    switch (name) {
    case 'n':
        put_value(run, out, run_chance(run, 95) ? 0 : 1);
        return;
    case 'q':
        buf_printf(out, "%u", run_below(run, 5));
        return;
    case 's':
        buf_printf(out, "\"%s\"", word(run));
        return;
    case 't':
        if (run_chance(run, 85))
            put_words(run, out);
        else
            buf_printf(out, "\"%s\"", word(run));
        return;
    case 'o':
        put_points(run, out);
        return;
    case 'u':
        put_unique(run, out);
        return;
    case 'd':
        buf_printf(out, "{\"$date\":\"2024-01-01T00:00:0%u.000Z\"}", run_below(run, 10));
        return;
    case 'l':
        put_long(run, out);
        return;
    default:
        put_value(run, out, 3);
    }
}

const char *random_fields(struct run *run, const struct model_collection *c,
                          const struct model_id *id) {
    static const struct {
        char kind, name[5];
        uint8_t percent;
    } fields[] = {{'n', "n", 90}, {'q', "q", 90}, {'s', "s", 80}, {'t', "tags", 70},
                  {'o', "o", 60}, {'u', "u", 60}, {'d', "d", 20}, {'l', "l", 3},
                  {'a', "a", 40}, {'a', "b", 20}};
    struct buf out BUF_CLEANUP = {0};
    uint32_t n = sizeof fields / sizeof *fields, from = run_below(run, n);
    buf_init(&out, NULL, SIZE_MAX);
    buf_printf(&out, "\"st\":\"%s\"", states[run_below(run, 3)]);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t at = (from + i) % n;
        if (!run_chance(run, fields[at].percent)) continue;
        buf_printf(&out, ",\"%s\":", fields[at].name);
        put_field(run, &out, fields[at].kind);
    }
    if (c->primary_key) {
        buf_printf(&out, ",\"%s\":", c->primary_key);
        model_id_json(&out, id);
    }
    return scratch_text(run, &out);
}

// --- patches ----------------------------------------------------------------------------

// The form with the number in place of each '#'.
static void put_form(struct buf *out, const char *form, int number) {
    for (; *form; form++) {
        if (*form == '#')
            buf_printf(out, "%d", number);
        else
            buf_put_u8(out, (uint8_t)*form);
    }
}

static void put_operator(struct run *run, struct buf *out, uint32_t which) {
    static const char *const forms[] = {
        "\"$inc\":{\"n\":#}",     "\"$inc\":{\"cnt\":#,\"o.x\":1}",
        "\"$mul\":{\"cnt\":#}",   "\"$min\":{\"n\":#}",
        "\"$max\":{\"q\":#}",     "\"$push\":{\"tags\":#}",
        "\"$pull\":{\"tags\":#}", "\"$addToSet\":{\"w\":#}",
        "\"$push\":{\"w\":#}",    "\"$set\":{\"b.0\":#}",
        "\"$set\":{\"o.x\":#}",   "\"$inc\":{\"u\":#}",
    };
    if (which < 12) {
        put_form(out, forms[which], (int)run_below(run, 7) - 2);
        return;
    }
    switch (which) {
    case 12:
        buf_printf(out, "\"$push\":{\"tags\":{\"$each\":[\"%s\",\"%s\"]}}", word(run), word(run));
        return;
    case 13:
        buf_printf(out, "\"$addToSet\":{\"tags\":{\"$each\":[\"%s\",\"%s\"]}}", word(run),
                   word(run));
        return;
    case 14:
        buf_printf(out, "\"$pull\":{\"tags\":\"%s\"}", word(run));
        return;
    case 15:
        buf_put_str(out, "\"$unset\":{\"w\":true,\"o.y\":true}");
        return;
    case 16:
        buf_put_str(out, "\"$rename\":{\"a\":\"b\"}");
        return;
    case 17:
        buf_put_str(out, "\"$currentDate\":{\"d\":true}");
        return;
    case 18:
        buf_printf(out, "\"$set\":{\"st\":\"%s\",\"s\":\"%s\"}", states[run_below(run, 3)],
                   word(run));
        return;
    default:
        buf_put_str(out, "\"$set\":{\"a\":");
        put_value(run, out, 2);
        buf_put_u8(out, '}');
    }
}

static void put_operators(struct run *run, struct buf *out) {
    uint32_t which = run_below(run, 21), more = (which + 1 + run_below(run, 20)) % 21;
    put_operator(run, out, which);
    if (which == more || which / 2 == more / 2 || !run_chance(run, 30)) return;
    buf_put_u8(out, ',');
    put_operator(run, out, more);
}

static void put_merge(struct run *run, struct buf *out) {
    buf_printf(out, "\"q\":%u", run_below(run, 5));
    if (run_chance(run, 40)) buf_printf(out, ",\"o\":{\"y\":\"%s\",\"z\":null}", word(run));
    if (run_chance(run, 30)) buf_put_str(out, ",\"tags\":null");
    if (run_chance(run, 30)) {
        buf_put_str(out, ",\"a\":");
        put_value(run, out, 2);
    }
}

static void put_json_patch(struct run *run, struct buf *out) {
    static const char *const ops[] = {
        "{\"op\":\"add\",\"path\":\"/w\",\"value\":#}",
        "{\"op\":\"replace\",\"path\":\"/n\",\"value\":#}",
        "{\"op\":\"test\",\"path\":\"/q\",\"value\":#}",
        "{\"op\":\"add\",\"path\":\"/tags/0\",\"value\":#}",
        "{\"op\":\"add\",\"path\":\"/tags/-\",\"value\":#}",
        "{\"op\":\"remove\",\"path\":\"/s\"}",
        "{\"op\":\"copy\",\"from\":\"/st\",\"path\":\"/s\"}",
        "{\"op\":\"move\",\"from\":\"/a\",\"path\":\"/b\"}",
        "{\"op\":\"remove\",\"path\":\"/tags/0\"}",
    };
    uint32_t n = 1 + run_below(run, 3);
    buf_put_str(out, "\"ops\":[");
    for (uint32_t i = 0; i < n; i++) {
        if (i) buf_put_u8(out, ',');
        uint32_t which = run_below(run, 9);
        put_form(out, ops[which], (int)run_below(run, 5));
    }
    buf_put_u8(out, ']');
}

static bool is_patch(struct run *run, enum patch_kind kind, const char *text) {
    struct patch patch;
    struct model *m = &run->model;
    struct slice bson = model_json(m, text);
    if (kind == PATCH_JSON) return patch_of_ops(&m->ctx, bson, &patch) == NACRE_OK;
    return patch_of_object(&m->ctx, bson, &patch) == NACRE_OK;
}

const char *random_patch(struct run *run, enum patch_kind *out_kind) {
    struct buf out BUF_CLEANUP = {0};
    uint32_t roll = run_below(run, 10);
    buf_init(&out, NULL, SIZE_MAX);
    *out_kind = roll < 6 ? PATCH_OPERATORS : roll < 8 ? PATCH_MERGE : PATCH_JSON;
    buf_put_u8(&out, '{');
    if (*out_kind == PATCH_OPERATORS)
        put_operators(run, &out);
    else if (*out_kind == PATCH_MERGE)
        put_merge(run, &out);
    else
        put_json_patch(run, &out);
    buf_put_u8(&out, '}');
    const char *text = scratch_text(run, &out);
    if (is_patch(run, *out_kind, text)) return text; // else two paths were in each other's way
    *out_kind = PATCH_OPERATORS;
    return "{\"$inc\":{\"cnt\":1}}";
}

const char *random_set(struct run *run) {
    struct buf out BUF_CLEANUP = {0};
    buf_init(&out, NULL, SIZE_MAX);
    buf_printf(&out, "{\"st\":\"%s\"", run_chance(run, 80) ? "running" : word(run));
    if (run_chance(run, 30)) buf_printf(&out, ",\"w\":%u", run_below(run, 9));
    uint32_t roll = run_below(run, 100);
    if (roll < 30)
        buf_printf(&out, roll < 20 ? ",\"o.x\":%u" : ",\"o\":{\"z\":%u}", run_below(run, 9));
    if (run_chance(run, 10)) buf_printf(&out, ",\"u\":%u", run_below(run, 600));
    buf_put_u8(&out, '}');
    return scratch_text(run, &out);
}

const char *random_on_expire(struct run *run) {
    static const char *const forms[] = {"{\"$set\":{\"st\":\"done\"}}", "{\"$inc\":{\"cnt\":1}}",
                                        "{\"st\":\"waiting\",\"w\":null}",
                                        "{\"$inc\":{\"s\":1}}"}; // the last fits no text
    return forms[run_below(run, 4)];
}

// --- filters and orders -----------------------------------------------------------------

static const char *const paths[] = {
    "n",
    "q",
    "s",
    "st",
    "tags",
    "o.x",
    "o.y",
    "u",
    "d",
    "l",
    "a",
    "b",
    "a.b",
    "a.0",
    "a.x",
    "/a/b",
    "o.0.x",
    "tags.1",
    "cnt",
    "w",
    "n",
    "q",
    "s",
    "u",
    "_id",
    "_id",
    "_version",
    "_updated",
    "_created",
    "_expires",
    "_lease.holder",
    "_lease.until",
};
enum { PATHS_BODY = 26, PATHS_ALL = sizeof paths / sizeof *paths };

const char *random_path(struct run *run) { return paths[run_below(run, PATHS_BODY)]; }

struct sampler {
    struct run *run;
    const struct model_collection *c;
};

static const struct naive *sample(void *arg) {
    const struct sampler *s = arg;
    if (!s->c->count) return NULL;
    const struct model_doc *doc = s->c->docs[run_below(s->run, s->c->count)];
    return doc->live ? model_root(&s->run->model, doc) : NULL;
}

// One of the collection's, half of the time.
static const struct model_index *random_index(struct run *run, const struct model_collection *c) {
    if (!c->index_count || run_chance(run, 50)) return NULL;
    return &c->indexes[run_below(run, c->index_count)];
}

const struct naive_cond *random_cond(struct run *run, const struct model_collection *c,
                                     enum random_cond_kind kind) {
    struct sampler sampler = {run, c};
    const struct model_index *index = random_index(run, c);
    struct naive_source source = {.arena = &run->model.scratch,
                                  .rng = &run->rng,
                                  .paths = paths,
                                  .path_count = kind == COND_INDEX ? PATHS_BODY : PATHS_ALL,
                                  .sample = sample,
                                  .arg = &sampler,
                                  .no_regex = kind != COND_QUERY};
    if (index && kind != COND_INDEX) { // about what an index may serve
        source.paths = index->paths;
        source.path_count = index->field_count;
    }
    return naive_random_cond(&source, kind == COND_INDEX ? 1 : (int)run_below(run, 4));
}

bool cond_has_regex(const struct naive_cond *cond) {
    bool any = cond->op == NAIVE_REGEX;
    for (uint32_t i = 0; i < cond->count; i++)
        any |= cond_has_regex(cond->kids[i]);
    return any;
}

const char *random_spelling(struct run *run, const struct naive_cond *cond) {
    struct buf out BUF_CLEANUP = {0};
    buf_init(&out, NULL, SIZE_MAX);
    if (run_chance(run, 50) && naive_cond_text(&out, cond)) return scratch_text(run, &out);
    buf_reset(&out);
    naive_cond_json(&out, cond);
    return scratch_text(run, &out);
}

static void order_of_index(struct run *run, const struct model_index *index,
                           struct model_order *out) {
    bool reverse = run_chance(run, 40);
    out->count = 1 + run_below(run, index->field_count);
    for (uint32_t i = 0; i < out->count; i++) {
        out->paths[i] = index->paths[i];
        out->descending[i] = index->descending[i] != reverse;
    }
    if (run_chance(run, 20)) out->descending[out->count - 1] ^= true;
}

void random_order(struct run *run, const struct model_collection *c, struct model_order *out) {
    uint32_t want = run_below(run, MODEL_FIELDS_MAX + 1);
    const struct model_index *index = random_index(run, c);
    *out = (struct model_order){0};
    if (index) {
        order_of_index(run, index, out);
        return;
    }
    while (out->count < want) {
        out->paths[out->count] = paths[run_below(run, PATHS_ALL)];
        out->descending[out->count++] = run_chance(run, 40);
    }
}
