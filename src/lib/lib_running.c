// What runs, of all sessions: listed, cancelled.
#include "base/text/time.h"
#include "doc/json.h"
#include "lib/lib.h"
#include "lib/lib_caller.h"

void lib_running_begin(struct nacre_session *s, struct running *r, const char *what,
                       const struct nacre_collection *collection, const char *text) {
    struct target target = {0};
    if (collection->database) target.database = slice_str(collection->database);
    if (collection->name) target.collection = slice_str(collection->name);
    engine_running_begin(s->db->engine, r, what, target, text ? slice_str(text) : (struct slice){0},
                         s->caller ? slice_str(s->caller) : (struct slice){0});
    s->ctx.watch = &r->watch;
}

void lib_running_end(struct nacre_session *s, struct running *r) {
    s->ctx.watch = NULL;
    engine_running_end(s->db->engine, r);
    lib_cost_note(s, &r->watch);
}

void lib_cost_note(struct nacre_session *s, const struct ctx_watch *watch) {
    s->cost.examined += atomic_load(&watch->examined);
    if (watch->plan[0]) memcpy(s->cost.plan, watch->plan, sizeof s->cost.plan);
}

struct lib_cost lib_cost_take(nacre_session *s) {
    struct lib_cost cost = s->cost;
    s->cost = (struct lib_cost){0};
    return cost;
}

struct engine *lib_engine(nacre_db *db) {
    return db->engine;
}

void lib_caller_set(nacre_session *s, const char *name, bool all) {
    s->caller = name;
    s->caller_sees_all = all;
}

// NULL: of all.
static const char *visible(const struct nacre_session *s) {
    return s->caller_sees_all ? NULL : s->caller;
}

struct list {
    struct buf *out;
    const char *caller; // NULL: of all
    uint64_t now_ms;
    bool any;
};

static void put_one(void *arg, const struct running *r) {
    struct list *list = arg;
    if (list->caller && strcmp(r->caller, list->caller) != 0) return;
    char since[TIME_TEXT_MAX];
    size_t n = time_print((int64_t)r->since_ms, since);
    uint64_t ms = list->now_ms > r->since_ms ? list->now_ms - r->since_ms : 0;
    buf_printf(list->out, "%s{\"id\":\"%llu\",\"op\":\"%s\",\"database\":\"%s\",\"collection\":",
               list->any ? "," : "", (unsigned long long)r->id, r->what, r->database);
    json_write_str(list->out, slice_str(r->collection));
    if (r->caller[0]) {
        buf_put_str(list->out, ",\"caller\":");
        json_write_str(list->out, slice_str(r->caller));
    }
    if (r->text[0]) {
        buf_put_str(list->out, ",\"request\":");
        json_write_str(list->out, slice_str(r->text));
    }
    buf_printf(list->out, ",\"since\":\"%.*s\",\"ms\":%llu,\"rows\":%llu,\"examined\":%llu}",
               (int)n, since, (unsigned long long)ms, (unsigned long long)atomic_load(&r->rows),
               (unsigned long long)atomic_load(&r->watch.examined));
    list->any = true;
}

nacre_status nacre_running(nacre_session *s, const char **out) {
    TRY(lib_begin(s));
    if (!out) return lib_null(s, "out", "where the text goes");
    struct list list = {
        .out = &s->text, .caller = visible(s), .now_ms = engine_now_ms(s->db->engine)};
    s->text.max = LIB_TEXT_MAX;
    lib_text_reset(&s->text);
    buf_put_str(&s->text, "{\"items\":[");
    engine_running_each(s->db->engine, put_one, &list);
    buf_put_str(&s->text, "]}");
    return lib_text_give(s, &s->text, out, NULL);
}

static bool parse_id(const char *text, uint64_t *out) {
    *out = 0;
    for (; *text; text++) {
        if (*text < '0' || *text > '9' || *out > UINT64_MAX / 10 - 1) return false;
        *out = *out * 10 + (uint64_t)(*text - '0');
    }
    return true;
}

nacre_status nacre_running_cancel(nacre_session *s, const char *id) {
    uint64_t number;
    TRY(lib_begin(s));
    if (!id) return lib_null(s, "id", "the id of what runs");
    if (!parse_id(id, &number)) number = 0; // nothing has it
    return lib_done(s, engine_running_cancel(&s->ctx, s->db->engine, number, visible(s)));
}
