// What the tests of query share: a collection of documents with indexes on either store, a view of
// it, and the naive answer that every plan must give.
#ifndef SUPPORT_QUERY_FIXTURE_H
#define SUPPORT_QUERY_FIXTURE_H

#include "query/aggregate.h"
#include "support/index_fixture.h"
#include "support/kv_stand.h"

enum { QUERY_FIXTURE_NOW_MS = 1700000000 };

struct query_fixture {
    struct index_fixture index; // its ctx is everybody's
    struct kv_stand stand;
    bool has_stand;
    struct view view;
    struct query_target target;
    struct spill_place spill; // with its directory; closed: target.spill is NULL
    uint32_t forced_plan;     // of the requests that query_fixture_request makes
    bool alternates;          // query_fixture_pages forbids the indexes for every other page
    struct query_fixture_doc {
        struct val id;
        const struct doc *doc;
        struct row row;
        struct slice id_key;
        bool live;
    } * docs;
    uint32_t count, cap;
};

void query_fixture_open(struct query_fixture *f, enum kv_stand_kind kind);
void query_fixture_close(struct query_fixture *f);
// From now on sorts and groups spill beyond so many bytes; 0: not any more.
void query_fixture_spill(struct query_fixture *f, size_t work_bytes);
// Writes a document (its _id is in it) with its index entries; what an index refuses is not
// written.
nacre_status query_fixture_put(struct query_fixture *f, const char *json);
nacre_status query_fixture_put_row(struct query_fixture *f, const char *json, struct row *row);
void query_fixture_delete(struct query_fixture *f, struct val id); // leaves a marker
// A new view of what was written; queries must be closed.
void query_fixture_publish(struct query_fixture *f);
struct query_request query_fixture_request(struct query_fixture *f, const char *json);
// The ids of one page as JSON texts with blanks between, and the cursor after it ("" = none)
// through out_cursor (may be NULL). In ctx's arena; the test fails on an error.
const char *query_fixture_page(struct query_fixture *f, const struct query_request *request,
                               const char **out_cursor);
// The same of a request's JSON, with what explain says of it: "index a: 1 2 3".
const char *query_fixture_run(struct query_fixture *f, const char *json);
// All pages of the request one after another.
const char *query_fixture_pages(struct query_fixture *f, struct query_request request,
                                uint32_t *out_rows);
// Every document evaluated and sorted, without limit and cursor.
const char *query_fixture_naive(struct query_fixture *f, const struct query_request *request,
                                uint32_t *out_rows);
// The rows of one page of an aggregate as JSON, one a line, or the code of the error and, after a
// blank, its pointer. token (may be NULL): of the page before; out_cursor as query_fixture_page. In
// ctx's arena.
const char *query_fixture_aggregate(struct query_fixture *f, const char *json, bool forbid_indexes,
                                    const char *token, const char **out_cursor);

#endif
