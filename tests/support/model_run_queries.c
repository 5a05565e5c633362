#include "support/model_run_queries.h"

#include <stdio.h>
#include <string.h>

#include "base/err/check.h"
#include "doc/json.h"
#include "query/query.h"
#include "support/model_run_past.h"
#include "support/model_run_writes.h"

enum { FIELDS_MAX = 3, PLANS_MAX = 12 };

// What is asked, and what must come.
struct asked {
    struct model_collection *c;
    const struct naive_cond *cond;
    struct model_order order;
    const char *fields[FIELDS_MAX];
    uint32_t field_count, limit;
    bool total;
    const char *spelling; // of cond; NULL: none
    struct model_rows rows;
};

static void choose(struct run *run, struct model_collection *c, struct asked *out) {
    static const char *const fields[] = {"n", "o.x", "a.b", "tags", "_version", "_lease", "o", "s"};
    *out = (struct asked){.c = c, .limit = 1 + run_below(run, 40), .total = run_chance(run, 20)};
    if (run_chance(run, 90)) out->cond = random_cond(run, c, COND_QUERY);
    if (run_chance(run, 65)) random_order(run, c, &out->order);
    if (run_chance(run, 30)) out->limit = 1 + run_below(run, 4);
    if (out->cond) out->spelling = random_spelling(run, out->cond);
    uint32_t want = run_chance(run, 30) ? 1 + run_below(run, FIELDS_MAX) : 0,
             from = run_below(run, 8);
    for (; out->field_count < want; out->field_count++)
        out->fields[out->field_count] = fields[(from + 3 * out->field_count) % 8];
}

static void put_names(struct buf *out, const char *name, const char *const *paths,
                      const bool *descending, uint32_t count, bool as_text) {
    if (!count) return;
    buf_printf(out, ",\"%s\":%s", name, as_text ? "\"" : "[");
    for (uint32_t i = 0; i < count; i++)
        buf_printf(out, as_text ? "%s%s%s" : "%s\"%s%s\"", i ? "," : "",
                   descending && descending[i] ? "-" : "", paths[i]);
    buf_put_u8(out, as_text ? '"' : ']');
}

static const char *body_of(struct run *run, const struct asked *a, const char *cursor,
                           uint32_t limit) {
    struct buf json BUF_CLEANUP = {0};
    buf_init(&json, NULL, SIZE_MAX);
    buf_printf(&json, "{\"limit\":%u", limit);
    if (a->spelling) {
        buf_put_str(&json, ",\"filter\":");
        if (a->spelling[0] == '{')
            buf_put_str(&json, a->spelling);
        else
            json_write_str(&json, slice_str(a->spelling));
    }
    put_names(&json, "sort", a->order.paths, a->order.descending, a->order.count,
              run_chance(run, 50));
    put_names(&json, "fields", a->fields, NULL, a->field_count, run_chance(run, 50));
    if (cursor) buf_printf(&json, ",\"cursor\":\"%s\"", cursor);
    if (a->total) buf_put_str(&json, ",\"count\":\"exact\"");
    buf_put_u8(&json, '}');
    return scratch_text(run, &json);
}

// --- one page ---------------------------------------------------------------------------

struct page {
    struct ctx ctx;
    struct view *view;
    struct query_target target;
    struct query_request request;
    struct query *query;
    struct query_stats stats;
};

static void target_of(struct run *run, struct view *view, const struct model_collection *c,
                      struct query_target *out) {
    const struct database *db = catalog_database(view->catalog, slice_str(c->database));
    *out = (struct query_target){.view = view, .memo = engine_memo(run->engine)};
    if (db) out->collection = catalog_collection(view->catalog, db->id, slice_str(c->name));
    if (!out->collection) run_fail(run, "collection %s is not in the catalog", c->name);
}

static void open_page(struct run *run, const struct asked *a, const char *cursor, uint32_t limit,
                      bool forbid, struct page *p) {
    const char *body = body_of(run, a, cursor, limit);
    *p = (struct page){0};
    ctx_init(&p->ctx, &run->world.world, NULL, SIZE_MAX);
    run_note(run, "query %s%s %s", a->c->name, forbid ? " (no indexes)" : "", body);
    nacre_status status = query_request_parse(&p->ctx, model_json(&run->model, body), &p->request);
    if (status != NACRE_OK) run_fail(run, "query: %s", p->ctx.err.detail);
    p->request.forbid_indexes = forbid;
    if (run_chance(run, 60)) p->request.forced_plan = 1 + run_below(run, PLANS_MAX);
    p->request.now_ms = (int64_t)run_now_ms(run);
    p->view = run_view(run, a->c);
    target_of(run, p->view, a->c, &p->target);
    status = query_open(&p->ctx, &p->target, &p->request, &p->query);
    if (status != NACRE_OK) run_fail(run, "query: %s", p->ctx.err.detail);
}

static void close_page(struct page *p) {
    query_stats(p->query, &p->stats);
    query_close(p->query);
    txn_view_release(p->view);
    ctx_free(&p->ctx);
}

static void compare_presented(struct run *run, const struct asked *a, const struct page *p,
                              const struct query_row *row, const struct model_doc *doc) {
    struct buf got BUF_CLEANUP = {0}, wanted BUF_CLEANUP = {0}, plain BUF_CLEANUP = {0};
    struct present_options options = {.fields = p->request.fields, .now_ms = p->request.now_ms};
    buf_init(&got, NULL, SIZE_MAX);
    buf_init(&wanted, NULL, SIZE_MAX);
    buf_init(&plain, NULL, SIZE_MAX);
    present_doc(&got, &row->row, &options);
    buf_put_u8(&got, 0);
    model_present(&run->model, &wanted, doc, a->fields, a->field_count);
    buf_put_u8(&wanted, 0);
    // Through the parser, so that both have the same spelling of numbers.
    json_write_doc(&plain, model_json(&run->model, (const char *)wanted.p), JSON_INT64_NUMBER);
    buf_put_u8(&plain, 0);
    if (strcmp((const char *)got.p, (const char *)plain.p) != 0)
        run_fail(run, "presented %s\nthe model has %s", (const char *)got.p, (const char *)plain.p);
}

static void compare_next(struct run *run, const struct asked *a, const struct page *p,
                         const struct query_row *row, uint32_t at) {
    if (at >= a->rows.count) run_fail(run, "row %u: the model has only %u", at, a->rows.count);
    const struct model_doc *doc = a->rows.docs[at];
    struct val id = bson_find(row->row.body, SLICE_LIT("_id"));
    struct model_id got = model_id_of(id);
    if (!model_id_eq(&got, &doc->id))
        run_fail(run, "row %u is %lld%s, the model has %lld%s", at, (long long)got.number, got.text,
                 (long long)doc->id.number, doc->id.text);
    run_compare_row(run, &row->row, doc);
    if (a->field_count || run->ops % 8 == 0) compare_presented(run, a, p, row, doc);
}

// Reads the page that begins at row `at`; *cursor gets the token of the next one, or NULL.
static uint32_t read_page(struct run *run, const struct asked *a, struct page *p, uint32_t at,
                          const char **cursor) {
    struct query_row row;
    struct buf token BUF_CLEANUP = {0};
    uint32_t from = at;
    bool found = true;
    buf_init(&token, NULL, SIZE_MAX);
    for (; found; at += found) {
        nacre_status status = query_next(&p->ctx, p->query, &row, &found);
        if (status != NACRE_OK) run_fail(run, "next: %s", p->ctx.err.detail);
        if (found) compare_next(run, a, p, &row, at);
    }
    if (a->total && query_total(p->query) != a->rows.count)
        run_fail(run, "total %llu, the model has %u", (unsigned long long)query_total(p->query),
                 a->rows.count);
    nacre_status status = query_cursor(&p->ctx, p->query, &token);
    if (status != NACRE_OK) run_fail(run, "cursor: %s", p->ctx.err.detail);
    *cursor = token.n ? scratch_text(run, &token) : NULL;
    run->counts.pages++;
    run->counts.rows += at - from;
    if (at - from > p->request.limit) run_fail(run, "a page of %u rows", at - from);
    return at;
}

static void read_all(struct run *run, const struct asked *a, uint32_t limit, bool forbid) {
    const char *cursor = NULL;
    uint32_t at = 0;
    do {
        struct page p;
        open_page(run, a, cursor, limit, forbid, &p);
        uint32_t next = read_page(run, a, &p, at, &cursor);
        if (cursor && next - at < limit) run_fail(run, "a short page has a cursor");
        at = next;
        close_page(&p);
        run->counts.by_index += p.stats.access == QUERY_ACCESS_INDEX;
        run->counts.by_join += p.stats.join != NULL;
        run->counts.past_by_index += run->past_ms && p.stats.access == QUERY_ACCESS_INDEX;
        if (forbid && p.stats.access == QUERY_ACCESS_INDEX) run_fail(run, "an index was used");
        if (run->past_ms) run_meanwhile(run);
        // Cursors survive it.
        if (limit > 4 && run_chance(run, 1) && !run->tx && !run->past_ms) run_reopen(run);
    } while (cursor);
    if (at != a->rows.count) run_fail(run, "%u rows, the model has %u", at, a->rows.count);
}

void run_query(struct run *run, struct model_collection *c) {
    struct asked a;
    if (!c->there) return;
    choose(run, c, &a);
    model_select(&run->model, c, a.cond, &a.order, false, &a.rows);
    run->counts.queries++;
    read_all(run, &a, a.limit, false);
    read_all(run, &a, run_chance(run, 80) ? QUERY_LIMIT_MAX : 1 + run_below(run, 60), true);
}

// --- counts -----------------------------------------------------------------------------

void run_count(struct run *run, struct model_collection *c) {
    struct model_rows rows;
    struct query_target target;
    struct filter *filter = NULL;
    if (!c->there) return;
    const struct naive_cond *cond = run_chance(run, 90) ? random_cond(run, c, COND_QUERY) : NULL;
    struct query_count_request request = {.now_ms = (int64_t)run_now_ms(run)};
    if (cond) {
        const char *text = random_spelling(run, cond);
        run_note(run, "count %s %s", c->name, text);
        nacre_status status =
            filter_parse_any(&run->ctx, slice_str(text), &filter_regex_pcre2, &filter);
        if (status != NACRE_OK) run_fail(run, "%s: %s", text, run->ctx.err.detail);
    }
    request.filter = filter;
    model_select(&run->model, c, cond, NULL, false, &rows);
    struct view *view = run_view(run, c);
    target_of(run, view, c, &target);
    for (int forbid = 0; forbid < 2; forbid++) {
        uint64_t got = 0;
        request.forbid_indexes = forbid;
        request.forced_plan = run_below(run, PLANS_MAX);
        nacre_status status = query_count(&run->ctx, &target, &request, &got, NULL);
        if (status != NACRE_OK) run_fail(run, "count: %s", run->ctx.err.detail);
        if (got != rows.count)
            run_fail(run, "%llu are counted%s, the model has %u", (unsigned long long)got,
                     forbid ? " without indexes" : "", rows.count);
    }
    txn_view_release(view);
    run->counts.counts++;
}

// --- everything -------------------------------------------------------------------------

void run_compare(struct run *run) {
    for (int i = 0; i < MODEL_COLLECTIONS; i++) {
        struct asked a = {.c = &run->model.collections[i]};
        if (!a.c->there) continue;
        model_select(&run->model, a.c, NULL, NULL, false, &a.rows);
        read_all(run, &a, QUERY_LIMIT_MAX, false);
    }
}

static void print_problem(void *arg, const char *text) {
    (void)arg;
    fprintf(stderr, "check: %s\n", text);
}

void run_check(struct run *run) {
    uint64_t problems = 0;
    run_note(run, "check");
    run->counts.checks++;
    run_compare(run);
    nacre_status status = engine_check(&run->ctx, run->engine, print_problem, NULL, &problems);
    if (status != NACRE_OK) run_fail(run, "check: %s", run->ctx.err.detail);
    if (problems) run_fail(run, "check found %llu problems", (unsigned long long)problems);
}
