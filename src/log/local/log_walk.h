// Reading one segment file: forward record by record with every check, or in search of any record.
#ifndef LOG_LOCAL_LOG_WALK_H
#define LOG_LOCAL_LOG_WALK_H

#include "base/mem/buf.h"
#include "base/os/file.h"
#include "log/local/log_format.h"

// A sliding run of a file's bytes.
struct log_window {
    const struct file *file;
    struct buf bytes; // the file's bytes from at on
    uint64_t at;
};
// size bytes at offset; they must lie below limit, and nothing beyond limit is read (bytes there
// may still change). *out is good until the next call. NACRE_CORRUPT if the file is shorter.
MUST_USE nacre_status log_window_get(struct ctx *ctx, struct log_window *window, uint64_t offset,
                                     uint64_t size, uint64_t limit, const uint8_t **out);

// What the first 4 KiB of a segment say.
struct log_blocks {
    struct log_head head;
    bool opened, marked, opening_empty; // opening_empty: all zeros, never reached
    struct log_opening opening;
    struct log_mark mark;
};
// NACRE_CORRUPT (damaged head, wrong number or size), NACRE_INCOMPATIBLE_FORMAT.
MUST_USE nacre_status log_blocks_read(struct ctx *ctx, const struct file *file, uint64_t number,
                                      struct log_blocks *out);

struct log_walk {
    struct log_window window;
    uint64_t salt;
    uint64_t offset;                   // where the next record begins
    uint64_t generation, index, chain; // of the last record read
    bool chain_unknown;                // the next record's chain is taken for granted
    // Where a record was expected and there is none that is whole:
    const char *why;
    bool head_good; // bad_head is intact all the same
    struct log_record_head bad_head;
};
void log_walk_init(struct log_walk *walk, const struct file *file, const struct log_blocks *blocks,
                   struct budget *budget);
void log_walk_free(struct log_walk *walk);
// The next record below limit. *found = false: there is none, see why. payload as log_window_get.
MUST_USE nacre_status log_walk_next(struct ctx *ctx, struct log_walk *walk, uint64_t limit,
                                    struct log_record_head *head, struct slice *payload,
                                    bool *found);
// Whether what stands at walk->offset, where log_walk_next found no record, can be a record that
// lost a sector in a power cut: segments are zeroed before use, so a lost sector reads as zeros.
MUST_USE nacre_status log_walk_torn(struct ctx *ctx, struct log_walk *walk, uint64_t limit,
                                    bool *out);

// What lies at or after an offset: any record's head of this generation or a later one, with an
// index not below the given one, vouches that records were appended up to there.
struct log_search {
    uint64_t min_generation, min_index; // in
    bool first_only;                    // in: stop at the first head
    bool found, nonzero;
    uint64_t at;     // of the first head found
    uint64_t synced; // largest synced_upto of those found
};
MUST_USE nacre_status log_walk_search(struct ctx *ctx, struct log_walk *walk, uint64_t from,
                                      uint64_t limit, struct log_search *search);

bool log_bytes_zero(const uint8_t *p, uint64_t size);

#endif
