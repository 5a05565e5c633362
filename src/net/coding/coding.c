#include "net/coding/coding.h"

#include <zlib.h>

#include "base/bits/zstd.h"
#include "net/http.h"

enum { GZIP_LEVEL = 3, GZIP_WINDOW = 15 + 16, GZIP_MEMORY = 8, PIECE = 16 << 10 };

// --- which ---

static struct slice trim(struct slice s) {
    while (s.n && (s.p[0] == ' ' || s.p[0] == '\t'))
        s = slice_skip(s, 1);
    while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
        s.n--;
    return s;
}

// The part before the sign, which the rest loses too.
static struct slice take(struct slice *rest, char sign) {
    const uint8_t *at = rest->n ? memchr(rest->p, sign, rest->n) : NULL;
    struct slice part = slice_of(rest->p, at ? (size_t)(at - rest->p) : rest->n);
    *rest = slice_skip(*rest, part.n + (at != NULL));
    return trim(part);
}

// "q=0.75": 750; what is no weight counts as nothing wanted.
static int weight_of(struct slice text) {
    int weight = 0, unit = 1000;
    if (text.n == 0) return 1000;
    if (text.n < 3 || (text.p[0] | 0x20) != 'q' || text.p[1] != '=') return 0;
    for (size_t i = 2; i < text.n && i < 7; i++) {
        if (text.p[i] == '.' && i == 3) continue;
        if (text.p[i] < '0' || text.p[i] > '9') return 0;
        weight += unit * (text.p[i] - '0');
        unit /= 10;
    }
    return weight > 1000 ? 1000 : weight;
}

enum coding coding_choose(struct slice accept) {
    int zstd = -1, gzip = -1, any = 0; // -1: not named
    while (accept.n) {
        struct slice item = take(&accept, ','), name = take(&item, ';');
        int weight = weight_of(trim(item));
        if (http_header_is(name, "zstd"))
            zstd = weight;
        else if (http_header_is(name, "gzip") || http_header_is(name, "x-gzip"))
            gzip = weight;
        else if (slice_eq_str(name, "*"))
            any = weight;
    }
    if (gzip < 0) gzip = any;
    if (zstd < 0) zstd = 0; // who says * may not know it
    if (zstd == 0 && gzip == 0) return CODING_NONE;
    return zstd >= gzip ? CODING_ZSTD : CODING_GZIP;
}

const char *coding_name(enum coding coding) { return coding == CODING_ZSTD ? "zstd" : "gzip"; }

// --- coded ---

struct coder {
    struct zstd_writer *zstd; // or
    z_stream gzip;
};

struct coder *coding_open(enum coding coding) {
    struct coder *coder = mem_zalloc(sizeof *coder);
    if (!coder) return NULL;
    bool made;
    if (coding == CODING_ZSTD) {
        coder->zstd = zstd_writer_new();
        made = coder->zstd != NULL;
    } else {
        made = deflateInit2(&coder->gzip, GZIP_LEVEL, Z_DEFLATED, GZIP_WINDOW, GZIP_MEMORY,
                            Z_DEFAULT_STRATEGY) == Z_OK;
    }
    if (made) return coder;
    mem_free(coder);
    return NULL;
}

void coding_close(struct coder *coder) {
    if (!coder) return;
    if (coder->zstd)
        zstd_writer_free(coder->zstd);
    else
        deflateEnd(&coder->gzip);
    mem_free(coder);
}

static bool put_gzip(z_stream *z, struct slice bytes, enum coder_step step, struct buf *out) {
    static const int modes[] = {
        [CODER_MORE] = Z_NO_FLUSH, [CODER_FLUSH] = Z_SYNC_FLUSH, [CODER_END] = Z_FINISH};
    do {
        size_t most = bytes.n < 1 << 30 ? bytes.n : 1 << 30;
        int mode = most < bytes.n ? Z_NO_FLUSH : modes[step];
        z->next_in = (uint8_t *)(uintptr_t)bytes.p;
        z->avail_in = (unsigned)most;
        do {
            z->next_out = buf_reserve(out, PIECE);
            z->avail_out = PIECE;
            if (!z->next_out || deflate(z, mode) == Z_STREAM_ERROR) return false;
            out->n += PIECE - z->avail_out;
        } while (z->avail_out == 0);
        bytes = slice_skip(bytes, most);
    } while (bytes.n);
    return true;
}

bool coding_put(struct coder *coder, struct slice bytes, enum coder_step step, struct buf *out) {
    if (!coder->zstd) return put_gzip(&coder->gzip, bytes, step, out);
    return zstd_writer_put(coder->zstd, bytes, step == CODER_FLUSH, step == CODER_END, out);
}
