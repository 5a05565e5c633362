#include "lib/lib_lines.h"

enum { READ_BYTES = 256 << 10, ZSTD_READ_BYTES = 128 << 10 };

void lib_lines_init(struct lib_lines *l, nacre_read_fn *read, void *arg, bool csv,
                    struct budget *budget) {
    *l = (struct lib_lines){.read = read, .arg = arg, .csv = csv};
    buf_init(&l->text, budget, LINE_BYTES_MAX + 2 * READ_BYTES);
    buf_init(&l->compressed, budget, 2 * ZSTD_READ_BYTES);
}

void lib_lines_free(struct lib_lines *l) {
    zstd_stream_free(l->zstd);
    buf_free(&l->text);
    buf_free(&l->compressed);
}

// Appends what one call of the reader gives. *out_n 0: the end.
static nacre_status read_into(struct ctx *ctx, struct lib_lines *l, struct buf *to, size_t size,
                              size_t *out_n) {
    uint8_t *p = buf_reserve(to, size);
    if (!p) return err_buf(ctx, to);
    long n = l->read(l->arg, p, size);
    if (n < 0) return err_set(ctx, NACRE_IO_ERROR, "reading the input failed");
    if ((size_t)n > size)
        return err_set(ctx, NACRE_IO_ERROR, "the reader says %ld bytes; it was asked for %zu", n,
                       size);
    to->n += (size_t)n;
    l->bytes += (uint64_t)n;
    *out_n = (size_t)n;
    return NACRE_OK;
}

static nacre_status read_zstd(struct ctx *ctx, struct lib_lines *l) {
    size_t n = 1;
    while (n) {
        uint8_t *p = buf_reserve(&l->text, READ_BYTES);
        if (!p) return err_buf(ctx, &l->text);
        struct slice in =
            slice_of(l->compressed.p + l->compressed_at, l->compressed.n - l->compressed_at);
        size_t out_n = 0, before = in.n;
        TRY(zstd_stream_read(ctx, l->zstd, &in, p, READ_BYTES, &out_n));
        l->compressed_at += before - in.n;
        l->text.n += out_n;
        if (out_n) return NACRE_OK;
        buf_reset(&l->compressed);
        l->compressed_at = 0;
        TRY(read_into(ctx, l, &l->compressed, ZSTD_READ_BYTES, &n));
    }
    l->ended = true;
    if (zstd_stream_done(l->zstd)) return NACRE_OK;
    return err_set(ctx, NACRE_CORRUPT, "the compressed input ends early");
}

// The first bytes tell what it is.
static nacre_status start(struct ctx *ctx, struct lib_lines *l) {
    static const uint8_t gzip[2] = {0x1F, 0x8B};
    static const uint8_t magic[4] = {0x28, 0xB5, 0x2F, 0xFD}, mark[3] = {0xEF, 0xBB, 0xBF};
    size_t n = 1;
    l->started = true;
    while (l->text.n < sizeof magic && n)
        TRY(read_into(ctx, l, &l->text, READ_BYTES, &n));
    l->ended = n == 0;
    if (l->text.n >= sizeof gzip && memcmp(l->text.p, gzip, sizeof gzip) == 0) {
        nacre_status status = err_set(ctx, NACRE_UNIMPLEMENTED,
                                      "the input is compressed with gzip: expected plain text "
                                      "or zstd");
        err_hint(ctx, "unpack it on the way in, as with zcat");
        return status;
    }
    if (l->text.n >= sizeof magic && memcmp(l->text.p, magic, sizeof magic) == 0) {
        TRY(zstd_stream_new(ctx, &l->zstd));
        l->ended = false;
        struct buf text = l->text; // what was read is compressed
        l->text = l->compressed;
        l->compressed = text;
        l->text.max = l->compressed.max;
        l->compressed.max = 2 * READ_BYTES;
        return NACRE_OK;
    }
    if (l->text.n >= sizeof mark && memcmp(l->text.p, mark, sizeof mark) == 0) l->at = sizeof mark;
    l->searched = l->at;
    return NACRE_OK;
}

static nacre_status read_more(struct ctx *ctx, struct lib_lines *l) {
    size_t n;
    if (l->at) {
        memmove(l->text.p, l->text.p + l->at, l->text.n - l->at);
        l->text.n -= l->at;
        l->searched -= l->at;
        l->at = 0;
    }
    if (l->zstd) return read_zstd(ctx, l);
    TRY(read_into(ctx, l, &l->text, READ_BYTES, &n));
    l->ended = n == 0;
    return NACRE_OK;
}

// Moves l->searched behind the next newline, or to the end of what was read.
static bool search(struct lib_lines *l) {
    if (l->searched == l->text.n) return false;
    if (l->csv) return csv_scan(&l->scan, buf_slice(&l->text), &l->searched);
    const uint8_t *p = l->text.p, *end = memchr(p + l->searched, '\n', l->text.n - l->searched);
    l->searched = end ? (size_t)(end - p) + 1 : l->text.n;
    return end != NULL;
}

static bool find_newline(struct lib_lines *l, struct slice *out) {
    if (!search(l)) return false;
    *out = slice_of(l->text.p + l->at, l->searched - 1 - l->at);
    l->at = l->searched;
    return true;
}

// The rest of a line that is too long.
static nacre_status pass_over(struct ctx *ctx, struct lib_lines *l) {
    struct slice ignored;
    bool found;
    while (!(found = find_newline(l, &ignored)) && !l->ended) {
        l->at = l->text.n; // forgotten by read_more
        TRY(read_more(ctx, l));
    }
    if (l->ended && l->searched == l->text.n) l->at = l->text.n;
    l->unended = !found;
    return NACRE_OK;
}

static nacre_status next_line(struct ctx *ctx, struct lib_lines *l, enum lib_line_kind *kind,
                              struct slice *out) {
    if (!l->started) TRY(start(ctx, l));
    *kind = LINE_TEXT;
    while (!find_newline(l, out)) {
        if (l->text.n - l->at > LINE_BYTES_MAX) {
            *kind = LINE_TOO_LONG;
            return pass_over(ctx, l);
        }
        if (!l->ended) {
            TRY(read_more(ctx, l));
            continue;
        }
        // What is left is a line without a newline, or nothing.
        *out = slice_of(l->text.p + l->at, l->text.n - l->at);
        l->at = l->searched = l->text.n;
        l->unended = true;
        if (!out->n) *kind = LINE_END;
        return NACRE_OK;
    }
    return NACRE_OK;
}

nacre_status lib_lines_next(struct ctx *ctx, struct lib_lines *l, enum lib_line_kind *kind,
                            struct slice *out) {
    uint64_t newlines = l->scan.newlines;
    TRY(next_line(ctx, l, kind, out));
    if (*kind == LINE_END) return NACRE_OK;
    l->number = l->last + 1;
    newlines = l->scan.newlines - newlines;
    l->last += l->csv ? newlines + l->unended : 1;
    return NACRE_OK;
}
