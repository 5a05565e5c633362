// CSV text: records end where they end however the text is cut; what is read as documents and
// written again is read as the same documents.
#include <stdint.h>
#include <stdlib.h>

#include "doc/csv/csv.h"
#include "doc/json.h"
#include "support/doc_same.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { OUT_MAX = 1 << 22, DOCS_MAX = 8 };

static struct ctx ctx;

static void must(bool holds) {
    if (!holds) abort();
}

struct docs {
    struct buf bson[DOCS_MAX];
    int count;
};

static void docs_free(struct docs *docs) {
    for (int i = 0; i < docs->count; i++)
        buf_free(&docs->bson[i]);
}

// A record as a document, if it is one.
static bool take_document(struct csv_columns *columns, struct slice record, uint64_t line,
                          struct docs *out) {
    struct buf json, *bson = &out->bson[out->count];
    buf_init(&json, NULL, OUT_MAX);
    buf_init(bson, NULL, OUT_MAX);
    bool good = csv_record_read(&ctx, columns, record, line, &json) == NACRE_OK;
    if (good) {
        nacre_status status = json_parse(&ctx, buf_slice(&json), NULL, bson);
        must(status != NACRE_INVALID_JSON); // numbers out of range, no good extended values …
        good = status == NACRE_OK;
    }
    if (good)
        out->count++;
    else
        buf_free(bson);
    buf_free(&json);
    return good;
}

static bool next_record(struct csv_scan *scan, struct slice text, size_t *at, struct slice *out) {
    size_t from = *at;
    bool ended = csv_scan(scan, text, at);
    *out = slice_of(text.p + from, *at - from - ended);
    return ended || out->n;
}

static void check_cut(struct slice text) {
    struct csv_scan whole = {0}, cut = {0};
    size_t at = 0, other = 0;
    bool ended;
    do {
        ended = csv_scan(&whole, text, &at);
        bool again = false;
        // A byte more at a time.
        for (size_t n = other + 1; n <= text.n && !again; n++)
            again = csv_scan(&cut, slice_of(text.p, n), &other);
        must(again == ended && other == at && cut.newlines == whole.newlines);
    } while (ended);
}

// False: there is no header.
static bool read_all(struct slice text, struct docs *docs, bool all) {
    struct csv_columns columns;
    struct csv_scan scan = {0};
    struct slice record;
    size_t at = 0;
    must(csv_columns_init(&ctx, NULL, &columns) == NACRE_OK);
    bool good = next_record(&scan, text, &at, &record) &&
                csv_header_read(&ctx, &columns, record, 1) == NACRE_OK;
    while (good && docs->count < DOCS_MAX && next_record(&scan, text, &at, &record)) {
        bool taken = take_document(&columns, record, scan.newlines, docs);
        must(taken || !all);
    }
    csv_columns_free(&columns);
    return good;
}

static void write_all(const struct docs *docs, struct buf *text) {
    struct csv_columns columns;
    must(csv_columns_init(&ctx, NULL, &columns) == NACRE_OK);
    for (int i = 0; i < docs->count; i++)
        must(csv_columns_show(&ctx, &columns, buf_slice(&docs->bson[i])) == NACRE_OK);
    must(csv_header_write(&ctx, &columns, text) == NACRE_OK);
    for (int i = 0; i < docs->count; i++)
        must(csv_record_write(&ctx, &columns, buf_slice(&docs->bson[i]), text) == NACRE_OK);
    must(buf_status(text) == NACRE_OK);
    csv_columns_free(&columns);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct docs first, second;
    struct slice text = slice_of(data, size);
    if (size == 0 || size > 1 << 16) return 0;
    first.count = second.count = 0;
    ctx_init(&ctx, &world_system, NULL, 1 << 26);
    if (size < 1024) check_cut(text);
    struct buf out;
    buf_init(&out, NULL, 1 << 26);
    // An empty document alone in a file without columns has no record.
    if (read_all(text, &first, false) && first.count) {
        write_all(&first, &out);
        if (out.p[0] != '\r') {
            must(read_all(buf_slice(&out), &second, true));
            must(first.count == second.count);
            for (int i = 0; i < first.count; i++)
                must(doc_same_fields(val_bytes(VAL_OBJECT, buf_slice(&first.bson[i])),
                                     val_bytes(VAL_OBJECT, buf_slice(&second.bson[i]))));
        }
    }
    buf_free(&out);
    docs_free(&first);
    docs_free(&second);
    ctx_free(&ctx);
    return 0;
}
