// CSV (RFC 4180) to documents and back: a document is its JSON form taken apart, a column a path.
//
// The header holds paths, dotted or JSON Pointers; an extended value is a path that ends with its
// name (born.$date). Unquoted text that reads as a JSON number, true, false or null is that, {} and
// [] are the empty object and array, empty is missing; anything else is text, and so is all that is
// quoted. A path all of whose next names are indexes is an array, any other an object; where a
// document has the other kind, or a container is empty, its own cell says {} or [].
#ifndef DOC_CSV_CSV_H
#define DOC_CSV_CSV_H

#include "base/ds/map.h"
#include "base/err/ctx.h"
#include "doc/bson.h"

enum { CSV_COLUMNS_MAX = 10000 };

// Where records end. Zeroed to begin with.
struct csv_scan {
    uint8_t state;
    uint64_t newlines; // passed, those in quotes too
};
// Goes on over text from *at. True: a record has ended, *at is behind its '\n'. False: *at is the
// end of text.
bool csv_scan(struct csv_scan *scan, struct slice text, size_t *at);

struct csv_node;
struct csv_cell;

// The columns of one file, as a tree of names.
struct csv_columns {
    struct arena arena;
    struct buf scratch;
    struct map children; // by parent and name
    struct csv_node *root;
    struct csv_node **order; // of the columns
    struct csv_cell *cells;  // of the record at hand, by column
    uint32_t count, nodes, record;
};

// NACRE_MEMORY_LIMIT; free it in any case.
MUST_USE nacre_status csv_columns_init(struct ctx *ctx, struct budget *budget,
                                       struct csv_columns *out);
void csv_columns_free(struct csv_columns *columns);

// --- reading: a header, then records ---

// A record without its '\n', that begins in this line. NACRE_INVALID_ARGUMENT with line, column and
// what was expected: not CSV, no path, a column twice, too many columns.
MUST_USE nacre_status csv_header_read(struct ctx *ctx, struct csv_columns *columns,
                                      struct slice text, uint64_t line);
// Appends the record as a JSON object, for json_parse. Errors as above: not CSV, not UTF-8, fields
// more or fewer than columns, two values at one place; NACRE_REQUEST_TOO_LARGE beyond json->max.
MUST_USE nacre_status csv_record_read(struct ctx *ctx, struct csv_columns *columns,
                                      struct slice text, uint64_t line, struct buf *json);

// --- writing: every document is shown first, then the header and each document again ---

// A column that is there, where nothing stands against it, though no document has it; columns come
// in the order of first sight.
MUST_USE nacre_status csv_columns_name(struct ctx *ctx, struct csv_columns *columns,
                                       struct slice path);
// NACRE_INVALID_ARGUMENT: more than CSV_COLUMNS_MAX columns.
MUST_USE nacre_status csv_columns_show(struct ctx *ctx, struct csv_columns *columns,
                                       struct slice bson);
// Header and record with their CRLF. Failures of out stick in it. No column takes a field:
// NACRE_INVALID_ARGUMENT.
MUST_USE nacre_status csv_header_write(struct ctx *ctx, struct csv_columns *columns,
                                       struct buf *out);
MUST_USE nacre_status csv_record_write(struct ctx *ctx, struct csv_columns *columns,
                                       struct slice bson, struct buf *out);

#endif
