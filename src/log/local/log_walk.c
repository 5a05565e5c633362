#include "log/local/log_walk.h"

#include "base/bits/bits.h"
#include "base/err/check.h"
#include "base/err/ctx.h"
#include "log/replog.h"

enum { WINDOW_READ = 128 * 1024, WINDOW_KEEP = 4 * 1024 * 1024 };

static uint64_t min_u64(uint64_t a, uint64_t b) { return a < b ? a : b; }

bool log_bytes_zero(const uint8_t *p, uint64_t size) {
    return size == 0 || (p[0] == 0 && memcmp(p, p + 1, size - 1) == 0);
}

static void window_init(struct log_window *window, const struct file *file, struct budget *budget) {
    *window = (struct log_window){.file = file};
    buf_init(&window->bytes, budget, (size_t)REPLOG_RECORD_MAX + WINDOW_READ);
}

static nacre_status window_read(struct ctx *ctx, struct log_window *window, uint64_t offset,
                                uint64_t size, uint64_t limit) {
    size_t want = (size_t)(size > WINDOW_READ ? size : min_u64(WINDOW_READ, limit - offset));
    if (window->bytes.cap > WINDOW_KEEP && want <= WINDOW_READ) buf_free(&window->bytes);
    buf_reset(&window->bytes);
    uint8_t *to = buf_reserve(&window->bytes, want);
    if (!to) return err_buf(ctx, &window->bytes);
    size_t n;
    TRY(file_read_at(ctx, window->file, offset, to, want, &n));
    window->at = offset;
    window->bytes.n = n;
    if (n < size)
        return err_set(ctx, NACRE_CORRUPT,
                       "log file %s ends at offset %llu, expected bytes up to %llu",
                       window->file->path, (unsigned long long)(offset + n),
                       (unsigned long long)(offset + size));
    return NACRE_OK;
}

nacre_status log_window_get(struct ctx *ctx, struct log_window *window, uint64_t offset,
                            uint64_t size, uint64_t limit, const uint8_t **out) {
    DCHECK(offset + size <= limit);
    if (offset < window->at || offset + size > window->at + window->bytes.n)
        TRY(window_read(ctx, window, offset, size, limit));
    *out = window->bytes.p + (offset - window->at);
    return NACRE_OK;
}

static nacre_status bad_head(struct ctx *ctx, const struct file *file, const char *why) {
    return err_set(ctx, NACRE_CORRUPT, "log file %s, offset 0: %s", file->path, why);
}

nacre_status log_blocks_read(struct ctx *ctx, const struct file *file, uint64_t number,
                             struct log_blocks *out) {
    uint8_t bytes[LOG_MARK_AT + LOG_BLOCK_BYTES];
    uint64_t size;
    size_t n;
    TRY(file_size(ctx, file, &size));
    TRY(file_read_at(ctx, file, 0, bytes, sizeof bytes, &n));
    if (n < sizeof bytes) return bad_head(ctx, file, "the file is shorter than its head");
    struct log_blocks blocks = {0};
    if (!log_format_get_head(bytes, &blocks.head))
        return bad_head(ctx, file, "the head is damaged");
    if (blocks.head.format != LOG_FORMAT)
        return err_set(ctx, NACRE_INCOMPATIBLE_FORMAT,
                       "log file %s has format %u, this version reads format %u", file->path,
                       blocks.head.format, (unsigned)LOG_FORMAT);
    if (blocks.head.number != number)
        return bad_head(ctx, file, "the file has another number's name");
    if (blocks.head.bytes != size || size < LOG_RECORDS_AT)
        return err_set(ctx, NACRE_CORRUPT, "log file %s has %llu bytes, its head says %llu",
                       file->path, (unsigned long long)size, (unsigned long long)blocks.head.bytes);
    const uint8_t *opening = bytes + LOG_OPENING_AT;
    blocks.opened = log_format_get_opening(opening, blocks.head.salt, &blocks.opening);
    blocks.opening_empty = log_bytes_zero(opening, LOG_BLOCK_BYTES);
    blocks.marked = log_format_get_mark(bytes + LOG_MARK_AT, blocks.head.salt, &blocks.mark);
    *out = blocks;
    return NACRE_OK;
}

void log_walk_init(struct log_walk *walk, const struct file *file, const struct log_blocks *blocks,
                   struct budget *budget) {
    *walk = (struct log_walk){.salt = blocks->head.salt, .offset = LOG_RECORDS_AT};
    if (blocks->opened) {
        walk->generation = blocks->opening.generation;
        walk->index = blocks->opening.first_index - 1;
        walk->chain = blocks->opening.chain_before;
    }
    window_init(&walk->window, file, budget);
}

void log_walk_free(struct log_walk *walk) { buf_free(&walk->window.bytes); }

// NULL if the record is good.
static const char *record_fault(const struct log_walk *walk, const struct log_record_head *head,
                                const uint8_t *body) {
    uint64_t pad = log_record_bytes(head->length) - LOG_RECORD_HEAD - head->length;
    if (log_record_crc(head->length, body) != head->crc) return "checksum of the payload differs";
    if (!log_bytes_zero(body + head->length, pad)) return "padding is not zero";
    if (walk->chain_unknown) return NULL;
    if (log_record_chain(walk->chain, slice_of(body, head->length)) != head->chain)
        return "chain of hashes is broken";
    return NULL;
}

static const char *head_fault(const struct log_walk *walk, const struct log_record_head *head,
                              uint64_t room) {
    if (head->generation != walk->generation) return "record of another generation";
    if (head->index != walk->index + 1) return "record with another index than the next";
    if (log_record_bytes(head->length) > room) return "record is longer than the file";
    return NULL;
}

nacre_status log_walk_next(struct ctx *ctx, struct log_walk *walk, uint64_t limit,
                           struct log_record_head *head, struct slice *payload, bool *found) {
    *found = false;
    walk->head_good = false;
    walk->why = "no room for a record";
    uint64_t room = limit - walk->offset;
    if (room < LOG_RECORD_HEAD) return NACRE_OK;
    const uint8_t *p;
    TRY(log_window_get(ctx, &walk->window, walk->offset, LOG_RECORD_HEAD, limit, &p));
    walk->why = "head of the record is damaged";
    if (!log_format_get_record(p, walk->salt, &walk->bad_head)) return NACRE_OK;
    walk->head_good = true;
    walk->why = head_fault(walk, &walk->bad_head, room);
    if (walk->why) return NACRE_OK;
    uint64_t size = log_record_bytes(walk->bad_head.length);
    TRY(log_window_get(ctx, &walk->window, walk->offset, size, limit, &p));
    walk->why = record_fault(walk, &walk->bad_head, p + LOG_RECORD_HEAD);
    if (walk->why) return NACRE_OK;
    *head = walk->bad_head;
    *payload = slice_of(p + LOG_RECORD_HEAD, head->length);
    walk->offset += size;
    walk->index = head->index;
    walk->chain = head->chain;
    walk->chain_unknown = false;
    *found = true;
    return NACRE_OK;
}

nacre_status log_walk_torn(struct ctx *ctx, struct log_walk *walk, uint64_t limit, bool *out) {
    uint64_t size = LOG_RECORD_HEAD;
    if (walk->head_good) size = log_record_bytes(walk->bad_head.length);
    uint64_t end = walk->offset + min_u64(size, limit - walk->offset);
    *out = false;
    for (uint64_t at = walk->offset; at < end && !*out;) {
        uint64_t next = min_u64((at / LOG_SECTOR + 1) * LOG_SECTOR, end);
        const uint8_t *p;
        TRY(log_window_get(ctx, &walk->window, at, next - at, limit, &p));
        *out = log_bytes_zero(p, next - at);
        at = next;
    }
    return NACRE_OK;
}

static bool search_take(struct log_search *search, const struct log_record_head *head,
                        uint64_t at) {
    if (head->generation < search->min_generation || head->index < search->min_index) return false;
    if (!search->found) search->at = at;
    search->found = true;
    if (head->synced_upto > search->synced) search->synced = head->synced_upto;
    return true;
}

nacre_status log_walk_search(struct ctx *ctx, struct log_walk *walk, uint64_t from, uint64_t limit,
                             struct log_search *search) {
    uint64_t at = from;
    while (at < limit) {
        uint64_t n = min_u64(WINDOW_READ / 2, limit - at);
        const uint8_t *p;
        TRY(log_window_get(ctx, &walk->window, at, n, limit, &p));
        bool last = n == limit - at;
        if (log_bytes_zero(p, n)) {
            // A head that begins in these zeros would have zeros for its length and more: none
            // does.
            at += last ? n : n - LOG_RECORD_HEAD + LOG_ALIGN;
            continue;
        }
        search->nonzero = true;
        uint64_t i = 0, step = LOG_ALIGN;
        for (; i + LOG_RECORD_HEAD <= n; i += step) {
            struct log_record_head head;
            step = LOG_ALIGN;
            if (!log_format_get_record(p + i, walk->salt, &head)) continue;
            if (search_take(search, &head, at + i) && search->first_only) return NACRE_OK;
            // What stands in a payload is the caller's and proves nothing.
            step = log_record_bytes(head.length);
        }
        at = last ? limit : at + i;
    }
    return NACRE_OK;
}
