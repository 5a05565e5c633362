// The record envelope. Bytes: docs/format/record.md.
#include "log/record.h"

#include "base/bits/bits.h"
#include "base/bits/zstd.h"
#include "base/err/ctx.h"
#include "log/replog.h"

enum {
    RECORD_MAGIC = 0x4352434e, // "NCRC", little-endian
    RECORD_FORMAT = 1,
    RECORD_HEAD_BYTES = 76,
    RECORD_FLAGS_AT = 6,
    RECORD_COUNT_AT = 72,
    RECORD_FLAGS_KNOWN = RECORD_ZSTD | RECORD_ENCRYPTED,
    RECORD_ZSTD_LEVEL = 1,
    RECORD_ZSTD_WORTH = 256, // commands shorter than this are not tried
    RECORD_COMMAND_MIN = 5,  // type, three varints of one byte
};

void record_begin(struct record_writer *w, struct buf *out, const struct record_head *head) {
    *w = (struct record_writer){.out = out, .start = out->n};
    uint8_t *p = buf_reserve(out, RECORD_HEAD_BYTES);
    if (!p) return;
    bits_put_le32(p, RECORD_MAGIC);
    p[4] = RECORD_FORMAT;
    p[5] = head->apply_version;
    bits_put_le16(p + RECORD_FLAGS_AT, head->flags);
    memcpy(p + 8, head->cluster_id, sizeof head->cluster_id);
    bits_put_le32(p + 24, head->node);
    bits_put_le32(p + 28, head->incarnation);
    bits_put_le64(p + 32, head->counter);
    bits_put_le64(p + 40, head->proposed_ts);
    bits_put_le64(p + 48, head->not_after_ts);
    bits_put_le64(p + 56, head->submitter_applied);
    bits_put_le64(p + 64, head->submitter_hash);
    bits_put_le32(p + RECORD_COUNT_AT, 0);
    out->n += RECORD_HEAD_BYTES;
}

void record_add(struct record_writer *w, const struct record_command *command) {
    uint8_t type[2];
    bits_put_le16(type, command->type);
    buf_put(w->out, type, sizeof type);
    buf_put_varint(w->out, command->catalog_epoch);
    buf_put_varint(w->out, command->names.n);
    buf_put_slice(w->out, command->names);
    buf_put_varint(w->out, command->payload.n);
    buf_put_slice(w->out, command->payload);
    w->count++;
}

// Replaces the commands by u32 size, zstd frame. *smaller = false: they stay as they are.
static nacre_status compress(struct ctx *ctx, struct record_writer *w, bool *smaller) {
    size_t from = w->start + RECORD_HEAD_BYTES;
    struct slice plain = slice_skip(buf_slice(w->out), from);
    *smaller = false;
    if (plain.n < RECORD_ZSTD_WORTH || plain.n > REPLOG_RECORD_MAX) return NACRE_OK;
    BUF_CLEANUP struct buf frame;
    buf_init(&frame, w->out->budget, 2 * (size_t)REPLOG_RECORD_MAX);
    TRY(zstd_compress(ctx, plain, RECORD_ZSTD_LEVEL, &frame));
    if (frame.n + 4 >= plain.n) return NACRE_OK;
    w->out->n = from;
    buf_put_le32(w->out, (uint32_t)plain.n);
    buf_put_slice(w->out, buf_slice(&frame)); // fits: it is shorter than what stood there
    *smaller = true;
    return NACRE_OK;
}

nacre_status record_end(struct ctx *ctx, struct record_writer *w) {
    if (buf_status(w->out) != NACRE_OK) return err_buf(ctx, w->out);
    uint16_t flags = bits_le16(w->out->p + w->start + RECORD_FLAGS_AT);
    if (flags & RECORD_ENCRYPTED)
        return err_set(ctx, NACRE_UNIMPLEMENTED, "encrypted log records are not implemented");
    if (flags & ~RECORD_FLAGS_KNOWN)
        return err_set(ctx, NACRE_INVALID_ARGUMENT, "unknown flags 0x%x of a log record", flags);
    bool smaller = false;
    if (flags & RECORD_ZSTD) TRY(compress(ctx, w, &smaller));
    if (!smaller) flags &= (uint16_t)~RECORD_ZSTD;
    uint8_t *p = w->out->p + w->start;
    bits_put_le16(p + RECORD_FLAGS_AT, flags);
    bits_put_le32(p + RECORD_COUNT_AT, w->count);
    return NACRE_OK;
}

static nacre_status corrupt(struct ctx *ctx, const char *what) {
    return err_set(ctx, NACRE_CORRUPT, "log record: %s", what);
}

static void read_head(const uint8_t *p, struct record_head *out) {
    out->apply_version = p[5];
    out->flags = bits_le16(p + RECORD_FLAGS_AT);
    memcpy(out->cluster_id, p + 8, sizeof out->cluster_id);
    out->node = bits_le32(p + 24);
    out->incarnation = bits_le32(p + 28);
    out->counter = bits_le64(p + 32);
    out->proposed_ts = bits_le64(p + 40);
    out->not_after_ts = bits_le64(p + 48);
    out->submitter_applied = bits_le64(p + 56);
    out->submitter_hash = bits_le64(p + 64);
    out->count = bits_le32(p + RECORD_COUNT_AT);
}

static nacre_status expand(struct ctx *ctx, struct slice *rest, struct buf *scratch) {
    uint32_t size;
    if (!bits_take_le32(rest, &size) || size > REPLOG_RECORD_MAX)
        return corrupt(ctx, "size of the compressed commands is out of range");
    buf_reset(scratch);
    nacre_status status = zstd_decompress(ctx, *rest, size, scratch);
    bool larger = status == NACRE_REQUEST_TOO_LARGE && buf_status(scratch) == NACRE_OK;
    if (status != NACRE_OK && !larger) return status;
    if (larger || scratch->n != size)
        return corrupt(ctx, "compressed commands have another size than stated");
    *rest = buf_slice(scratch);
    return NACRE_OK;
}

nacre_status record_open(struct ctx *ctx, struct slice bytes, struct buf *scratch,
                         struct record_head *head, struct record_reader *out) {
    if (bytes.n < RECORD_HEAD_BYTES) return corrupt(ctx, "shorter than its head");
    if (bits_le32(bytes.p) != RECORD_MAGIC) return corrupt(ctx, "wrong magic");
    if (bytes.p[4] != RECORD_FORMAT)
        return err_set(ctx, NACRE_INCOMPATIBLE_FORMAT,
                       "log record has format %u, this version reads format %d", bytes.p[4],
                       (int)RECORD_FORMAT);
    struct record_head read;
    read_head(bytes.p, &read);
    if (read.flags & ~RECORD_FLAGS_KNOWN)
        return err_set(ctx, NACRE_INCOMPATIBLE_FORMAT, "log record has unknown flags 0x%x",
                       read.flags);
    if (read.flags & RECORD_ENCRYPTED)
        return err_set(ctx, NACRE_UNIMPLEMENTED, "encrypted log records are not implemented");
    struct slice rest = slice_skip(bytes, RECORD_HEAD_BYTES);
    if (read.flags & RECORD_ZSTD) TRY(expand(ctx, &rest, scratch));
    if (read.count > rest.n / RECORD_COMMAND_MIN)
        return corrupt(ctx, "more commands than bytes for them");
    if (read.count == 0 && rest.n) return corrupt(ctx, "bytes after the last command");
    *head = read;
    *out = (struct record_reader){.rest = rest, .left = read.count};
    return NACRE_OK;
}

static bool take_sized(struct slice *rest, struct slice *out) {
    struct slice from = *rest;
    uint64_t size;
    if (!bits_take_varint(&from, &size) || size > from.n || !bits_take(&from, (size_t)size, out))
        return false;
    *rest = from;
    return true;
}

static bool names_good(struct slice names) {
    uint64_t count;
    uint32_t tablet;
    struct slice key;
    if (!record_names_count(&names, &count)) return false;
    while (count > 0 && record_names_next(&names, &tablet, &key)) count--;
    return count == 0 && names.n == 0;
}

nacre_status record_next(struct ctx *ctx, struct record_reader *r, struct record_command *out,
                         bool *found) {
    *found = false;
    if (r->left == 0) return NACRE_OK;
    struct slice rest = r->rest, type;
    struct record_command command;
    if (!bits_take(&rest, 2, &type) || !bits_take_varint(&rest, &command.catalog_epoch) ||
        !take_sized(&rest, &command.names) || !take_sized(&rest, &command.payload))
        return corrupt(ctx, "a command is cut short");
    if (!names_good(command.names)) return corrupt(ctx, "names of a command are malformed");
    if (r->left == 1 && rest.n) return corrupt(ctx, "bytes after the last command");
    command.type = bits_le16(type.p);
    r->rest = rest;
    r->left--;
    *out = command;
    *found = true;
    return NACRE_OK;
}

bool record_names_count(struct slice *names, uint64_t *count) {
    if (names->n == 0) { // a command that touches no key
        *count = 0;
        return true;
    }
    return bits_take_varint(names, count);
}

bool record_names_next(struct slice *names_rest, uint32_t *tablet, struct slice *key) {
    struct slice rest = *names_rest;
    if (!bits_take_be32(&rest, tablet) || !take_sized(&rest, key)) return false;
    *names_rest = rest;
    return true;
}
