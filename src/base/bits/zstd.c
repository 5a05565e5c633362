// libzstd, with its memory from base/mem (so that allocation faults reach it).
#define ZSTD_STATIC_LINKING_ONLY // for ZSTD_customMem
#include <zstd.h>

#include "base/bits/zstd.h"

#include "base/err/ctx.h"
#include "base/err/err.h"

// A frame header alone makes a decoder allocate its window: 8 MiB is what RFC 8878 §3.1.1.1.2 asks
// decoders to support, and more is refused. (Whole frames that state their size need no window.)
enum { ZSTD_STREAM_WINDOW_LOG = 23, ZSTD_CHUNK = 64 << 10 };

// opaque: a bool that tells "no memory" from libzstd's other errors.
static void *zstd_alloc(void *opaque, size_t size) {
    void *p = mem_alloc(size);
    if (!p) *(bool *)opaque = true;
    return p;
}

static void zstd_free(void *opaque, void *p) {
    (void)opaque;
    mem_free(p);
}

static ZSTD_customMem zstd_mem(bool *no_memory) {
    *no_memory = false;
    return (ZSTD_customMem){zstd_alloc, zstd_free, no_memory};
}

static nacre_status zstd_failed(struct ctx *ctx, size_t result, bool no_memory) {
    if (no_memory) return err_nomem(ctx);
    return err_set(ctx, NACRE_CORRUPT, "compressed data is damaged: %s", ZSTD_getErrorName(result));
}

nacre_status zstd_compress(struct ctx *ctx, struct slice in, int level, struct buf *out) {
    // Where ZSTD_compressBound's worst case has no room, what there is may do. (Its error value is
    // a very large number.)
    size_t bound = ZSTD_compressBound(in.n), left = out->max - out->n;
    size_t cap = bound < left ? bound : left;
    uint8_t *to = buf_reserve(out, cap ? cap : 1);
    if (!to) return err_buf(ctx, out);
    bool no_memory;
    ZSTD_CCtx *cctx = ZSTD_createCCtx_advanced(zstd_mem(&no_memory));
    if (!cctx) return err_nomem(ctx);
    size_t n = ZSTD_compressCCtx(cctx, to, cap, in.p, in.n, level);
    ZSTD_freeCCtx(cctx);
    if (!ZSTD_isError(n)) {
        out->n += n;
        return NACRE_OK;
    }
    if (no_memory) return err_nomem(ctx);
    nacre_status status = cap < bound ? NACRE_REQUEST_TOO_LARGE : NACRE_INTERNAL;
    return err_set(ctx, status, "cannot compress %zu bytes into %zu: %s", in.n, cap,
                   ZSTD_getErrorName(n));
}

static nacre_status zstd_too_large(struct ctx *ctx, size_t max_bytes) {
    return err_set(ctx, NACRE_REQUEST_TOO_LARGE,
                   "compressed data is more than %zu bytes when decompressed", max_bytes);
}

static nacre_status zstd_decompress_sized(struct ctx *ctx, struct slice in, size_t size,
                                          struct buf *out) {
    uint8_t *to = buf_reserve(out, size);
    if (!to) return err_buf(ctx, out);
    bool no_memory;
    ZSTD_DCtx *dctx = ZSTD_createDCtx_advanced(zstd_mem(&no_memory));
    if (!dctx) return err_nomem(ctx);
    size_t n = ZSTD_decompressDCtx(dctx, to, size, in.p, in.n);
    ZSTD_freeDCtx(dctx);
    if (ZSTD_isError(n)) return zstd_failed(ctx, n, no_memory);
    if (n != size)
        return err_set(ctx, NACRE_CORRUPT, "compressed data does not have the size it states");
    out->n += n;
    return NACRE_OK;
}

// For frames whose writer did not know the size. left: bytes that may still be written.
static nacre_status zstd_decompress_unsized(struct ctx *ctx, struct zstd_stream *stream,
                                            struct slice in, size_t max_bytes, struct buf *out) {
    size_t left = max_bytes < out->max - out->n ? max_bytes : out->max - out->n;
    while (!zstd_stream_done(stream)) {
        size_t room = left < ZSTD_CHUNK ? left : ZSTD_CHUNK, before = in.n, n;
        uint8_t *to = buf_reserve(out, room);
        if (!to) return err_buf(ctx, out);
        TRY(zstd_stream_read(ctx, stream, &in, to, room, &n));
        out->n += n;
        left -= n;
        if (zstd_stream_done(stream) || n || in.n != before) continue;
        if (in.n || left == 0) return zstd_too_large(ctx, max_bytes);
        return err_set(ctx, NACRE_CORRUPT, "compressed data ends too early");
    }
    return NACRE_OK;
}

nacre_status zstd_decompress(struct ctx *ctx, struct slice in, size_t max_bytes, struct buf *out) {
    size_t frame = ZSTD_findFrameCompressedSize(in.p, in.n);
    if (ZSTD_isError(frame)) return zstd_failed(ctx, frame, false);
    if (frame != in.n) return err_set(ctx, NACRE_CORRUPT, "bytes follow the compressed data");
    unsigned long long size = ZSTD_getFrameContentSize(in.p, in.n);
    if (size == ZSTD_CONTENTSIZE_ERROR)
        return err_set(ctx, NACRE_CORRUPT, "compressed data has a damaged header");
    if (size != ZSTD_CONTENTSIZE_UNKNOWN) {
        if (size > max_bytes) return zstd_too_large(ctx, max_bytes);
        return zstd_decompress_sized(ctx, in, (size_t)size, out);
    }
    struct zstd_stream *stream;
    TRY(zstd_stream_new(ctx, &stream));
    size_t n = out->n;
    nacre_status status = zstd_decompress_unsized(ctx, stream, in, max_bytes, out);
    zstd_stream_free(stream);
    if (status != NACRE_OK) out->n = n;
    return status;
}

struct zstd_stream {
    ZSTD_DCtx *dctx;
    bool done; // at the end of a frame
    bool no_memory;
    bool failed; // what libzstd does after an error is not defined: it is not asked again
};

nacre_status zstd_stream_new(struct ctx *ctx, struct zstd_stream **out) {
    struct zstd_stream *stream = mem_zalloc(sizeof *stream);
    if (!stream) return err_nomem(ctx);
    stream->dctx = ZSTD_createDCtx_advanced(zstd_mem(&stream->no_memory));
    if (!stream->dctx) {
        mem_free(stream);
        return err_nomem(ctx);
    }
    ZSTD_DCtx_setParameter(stream->dctx, ZSTD_d_windowLogMax, ZSTD_STREAM_WINDOW_LOG);
    *out = stream;
    return NACRE_OK;
}

void zstd_stream_free(struct zstd_stream *stream) {
    if (!stream) return;
    ZSTD_freeDCtx(stream->dctx);
    mem_free(stream);
}

nacre_status zstd_stream_read(struct ctx *ctx, struct zstd_stream *stream, struct slice *in,
                              uint8_t *out, size_t cap, size_t *out_n) {
    if (stream->failed) return err_set(ctx, NACRE_CORRUPT, "compressed data is damaged");
    ZSTD_inBuffer from = {.src = in->p, .size = in->n};
    ZSTD_outBuffer to = {.dst = out, .size = cap};
    // One call stops at the end of a frame, and with input left when the room is full.
    do {
        size_t from_before = from.pos, to_before = to.pos;
        // At the end of a frame with no input a further call would read as the start of a new one.
        if (stream->done && from.pos == from.size) break;
        size_t result = ZSTD_decompressStream(stream->dctx, &to, &from);
        if (ZSTD_isError(result)) {
            stream->failed = true;
            return zstd_failed(ctx, result, stream->no_memory);
        }
        stream->done = result == 0;
        if (from.pos == from_before && to.pos == to_before) break;
    } while (to.pos < to.size);
    *in = slice_skip(*in, from.pos);
    *out_n = to.pos;
    return NACRE_OK;
}

bool zstd_stream_done(const struct zstd_stream *stream) { return stream->done; }

// --- writing ---

struct zstd_writer {
    ZSTD_CCtx *zstd;
};

struct zstd_writer *zstd_writer_new(void) {
    struct zstd_writer *writer = mem_zalloc(sizeof *writer);
    if (!writer) return NULL;
    writer->zstd = ZSTD_createCCtx();
    bool made = writer->zstd &&
                !ZSTD_isError(ZSTD_CCtx_setParameter(writer->zstd, ZSTD_c_compressionLevel, 1)) &&
                !ZSTD_isError(ZSTD_CCtx_setParameter(writer->zstd, ZSTD_c_windowLog, 18));
    if (made) return writer;
    zstd_writer_free(writer);
    return NULL;
}

void zstd_writer_free(struct zstd_writer *writer) {
    ZSTD_freeCCtx(writer->zstd);
    mem_free(writer);
}

bool zstd_writer_put(struct zstd_writer *writer, struct slice in, bool flush, bool end,
                     struct buf *out) {
    enum { PIECE = 16 << 10 };
    ZSTD_EndDirective mode = end ? ZSTD_e_end : flush ? ZSTD_e_flush : ZSTD_e_continue;
    ZSTD_inBuffer from = {in.p, in.n, 0};
    size_t left = 1;
    while (left) {
        ZSTD_outBuffer to = {buf_reserve(out, PIECE), PIECE, 0};
        if (!to.dst) return false;
        left = ZSTD_compressStream2(writer->zstd, &to, &from, mode);
        if (ZSTD_isError(left)) return false;
        out->n += to.pos;
        if (mode == ZSTD_e_continue) left = from.size - from.pos; // the rest may stay with it
    }
    return true;
}
