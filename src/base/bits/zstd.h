// Compression of whole buffers and of streams (libzstd lives behind this header).
#ifndef BASE_BITS_ZSTD_H
#define BASE_BITS_ZSTD_H

#include "base/mem/buf.h"

struct ctx;

// Appends one frame to out. NACRE_REQUEST_TOO_LARGE if out may not take it.
MUST_USE nacre_status zstd_compress(struct ctx *ctx, struct slice in, int level, struct buf *out);
// in is exactly one frame; its content is appended to out, or out->n is as it was. NACRE_CORRUPT if
// it is damaged, NACRE_REQUEST_TOO_LARGE if it decompresses to more than max_bytes or
// out may take.
MUST_USE nacre_status zstd_decompress(struct ctx *ctx, struct slice in, size_t max_bytes,
                                      struct buf *out);

// Streaming decompression without I/O: feed input, take output. Several frames may follow each
// other. Windows above 8 MiB are refused. After an error every read is NACRE_CORRUPT.
struct zstd_stream;
MUST_USE nacre_status zstd_stream_new(struct ctx *ctx, struct zstd_stream **out);
void zstd_stream_free(struct zstd_stream *stream);
// Consumes from *in, writes up to cap bytes to out. Call again until *in is empty and *out_n < cap.
MUST_USE nacre_status zstd_stream_read(struct ctx *ctx, struct zstd_stream *stream,
                                       struct slice *in, uint8_t *out, size_t cap, size_t *out_n);
// True when the last frame is complete (false at the end of input: truncated).
bool zstd_stream_done(const struct zstd_stream *stream);

// Streaming compression of one frame, fast rather than small.
struct zstd_writer;
struct zstd_writer *zstd_writer_new(void); // NULL: there is no memory
void zstd_writer_free(struct zstd_writer *writer);
// Appends to out what is ready; flush: all of it; end: and the frame is whole.
MUST_USE bool zstd_writer_put(struct zstd_writer *writer, struct slice in, bool flush, bool end,
                              struct buf *out);

#endif
