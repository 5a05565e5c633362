// The end of a MANIFEST after a power cut. RocksDB syncs a MANIFEST after each group of edits, so
// only the last group can be incomplete. Where it just ends early, RocksDB leaves it out; where a
// sector in its middle is missing, RocksDB refuses to open, or skips the zeros and applies what
// stands behind them. So the last group is cut off here, from its first record that is not whole.
// Only bytes that no flush has vouched for (rocks_guard.c) are ever cut, so nothing that was
// promised goes.
//
// Layout (RocksDB, db/log_format.h): blocks of 32 KiB; in them
//   fragment := masked crc32c (of type and payload) u32 · length u16 · type u8 · payload
// of types 1 full, 2 first, 3 middle, 4 last; less than 7 bytes at the end of a block are zeros.
#include "base/bits/bits.h"
#include "base/os/file.h"
#include "store/rocks/rocks_internal.h"

enum { BLOCK = 32768, HEADER = 7, MANIFEST_MAX = 256 << 20 };
enum { FULL = 1, FIRST = 2, MIDDLE = 3, LAST = 4 };

static uint32_t masked(uint32_t crc) { return ((crc >> 15) | (crc << 17)) + 0xa282ead8u; }

// The fragment at *at, which is moved behind it. 0: there is no whole one.
static int fragment(struct slice file, size_t *at) {
    size_t left = BLOCK - *at % BLOCK;
    if (left < HEADER) *at += left;
    if (*at > file.n || file.n - *at < HEADER) return 0;
    const uint8_t *p = file.p + *at;
    size_t length = bits_le16(p + 4);
    left = BLOCK - *at % BLOCK;
    if (length + HEADER > left || length + HEADER > file.n - *at) return 0;
    if (p[6] < FULL || p[6] > LAST || masked(crc32c(0, p + 6, length + 1)) != bits_le32(p))
        return 0;
    *at += HEADER + length;
    return p[6];
}

size_t rocks_manifest_whole(struct slice file) {
    size_t whole = 0, at = 0;
    bool inside = false; // between a first fragment and its last
    for (int type = fragment(file, &at); type; type = fragment(file, &at)) {
        if (inside != (type == MIDDLE || type == LAST)) break;
        inside = type == FIRST || type == MIDDLE;
        if (!inside) whole = at;
    }
    return whole;
}

nacre_status rocks_manifest_read(struct ctx *ctx, const char *path, struct buf *out) {
    buf_init(out, NULL, MANIFEST_MAX);
    return file_read_all(ctx, path, MANIFEST_MAX, out);
}

nacre_status rocks_manifest_cut(struct ctx *ctx, const char *path, size_t size) {
    struct file file = FILE_CLOSED;
    TRY(file_open(ctx, path, FILE_WRITE, &file));
    nacre_status status = file_truncate(ctx, &file, size);
    if (status == NACRE_OK) status = file_sync(ctx, &file);
    file_close(&file);
    return status;
}
