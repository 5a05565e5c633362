// Records that a query has no room for: runs of them in one temporary file, each written once, in
// its order, and read back the same way.
//
//   block: crc32c u32 of (place in the file u64 · payload) · payload
//   payload of a run: (size u32 · bytes)… cut into blocks of one size
//
// All that is written passes spill_end or flush_block in spill.c: there it would be encrypted.
// One thread at a time.
#ifndef QUERY_SPILL_H
#define QUERY_SPILL_H

#include "base/err/ctx.h"
#include "base/os/temp.h"

// Where queries spill, and how much each of its parts (a sort, a table of groups) holds in memory
// before it does. Shared by all queries of a database.
struct spill_place {
    struct temp_dir dir;
    size_t work_bytes;
};
#define SPILL_WORK_LEAST ((size_t)64 << 10)

// The memory that a part may have: less than work_bytes where the budget nears its end.
size_t spill_work_bytes(const struct spill_place *place, const struct budget *budget);

struct spill_run {
    uint64_t at, size; // in the file; bytes of payload
};

struct spill {
    struct spill_place *place;
    struct budget *budget;
    struct file file;
    uint64_t end;      // of what was written
    uint64_t checked;  // free space was looked at up to here
    uint64_t written;  // over all its life, for statistics
    size_t block_size; // with its checksum
    uint8_t *block;    // being filled; NULL: no run is
    size_t filled;
    struct spill_run *runs;
    size_t first, count, cap; // runs[first .. count) are still to be read
};

void spill_init(struct spill *spill, struct spill_place *place, struct budget *budget);
void spill_free(struct spill *spill);  // closes the file, which is gone then
void spill_reset(struct spill *spill); // forgets the runs, keeps the file
// A new run, records into it, its end. After an error of any of them only spill_free and
// spill_reset. NACRE_DISK_FULL, NACRE_MEMORY_LIMIT, NACRE_IO_ERROR.
MUST_USE nacre_status spill_begin(struct ctx *ctx, struct spill *spill);
MUST_USE nacre_status spill_put(struct ctx *ctx, struct spill *spill, struct slice record);
MUST_USE nacre_status spill_end(struct ctx *ctx, struct spill *spill);

struct spill_reader {
    struct spill *spill;
    struct spill_run run; // what is ahead
    uint8_t *block;
    size_t filled, next;
    struct buf parts; // a record that lies in several blocks
    struct slice record;
};
// Takes the first run that is still to be read.
MUST_USE nacre_status spill_reader_open(struct ctx *ctx, struct spill *spill,
                                        struct spill_reader *out);
void spill_reader_close(struct spill_reader *reader); // accepts a zeroed one
// reader->record, valid until the next call. NACRE_CORRUPT.
MUST_USE nacre_status spill_reader_next(struct ctx *ctx, struct spill_reader *reader, bool *found);

#endif
