// Lines of an input of any length, plain or zstd-compressed (told by its first bytes), or records
// of CSV, which may go over several lines. What is longer than LINE_BYTES_MAX is passed over and
// told as such; memory stays within that.
#ifndef LIB_LIB_LINES_H
#define LIB_LIB_LINES_H

#include "base/bits/zstd.h"
#include "base/err/ctx.h"
#include "base/mem/buf.h"
#include "doc/csv/csv.h"
#include "nacre/nacre.h"

enum { LINE_BYTES_MAX = 64 << 20 }; // the JSON of a 16 MiB document may be longer than it

struct lib_lines {
    nacre_read_fn *read;
    void *arg;
    struct buf text;       // decompressed
    size_t at, searched;   // of text: begin of the next line, no newline from at to here
    struct buf compressed; // not yet decompressed: [compressed_at, n)
    size_t compressed_at;
    struct zstd_stream *zstd;
    bool csv;
    struct csv_scan scan; // of csv
    uint64_t bytes;       // read
    uint64_t number;      // of the line given last, from 1; where it begins
    uint64_t last;        // where it ends
    bool started, ended;
    bool unended; // the line given last had no newline
};

void lib_lines_init(struct lib_lines *lines, nacre_read_fn *read, void *arg, bool csv,
                    struct budget *budget);
void lib_lines_free(struct lib_lines *lines);

enum lib_line_kind { LINE_END, LINE_TEXT, LINE_TOO_LONG };
// The next line without its newline, valid until the next call. NACRE_IO_ERROR (the reader failed),
// NACRE_CORRUPT (the compressed input), NACRE_MEMORY_LIMIT.
MUST_USE nacre_status lib_lines_next(struct ctx *ctx, struct lib_lines *lines,
                                     enum lib_line_kind *kind, struct slice *out);

#endif
