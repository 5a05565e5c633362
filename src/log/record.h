// The record envelope: what one append carries. The same bytes in every log. Little-endian; all of
// it in docs/format/record.md:
//   magic u32 · format u8 · apply_version u8 · flags u16 · cluster_id 16 bytes · node u32 ·
//   incarnation u32 · counter u64 · proposed_ts u64 · not_after_ts u64 · submitter_applied u64 ·
//   submitter_hash u64 · count u32 · commands
#ifndef LOG_RECORD_H
#define LOG_RECORD_H

#include "base/err/status.h"
#include "base/mem/buf.h"

struct ctx;

enum record_flag {
    RECORD_ZSTD = 1,
    RECORD_ENCRYPTED = 2, // with a key id; reserved, refused as NACRE_UNIMPLEMENTED
};

struct record_head {
    uint8_t apply_version;
    uint16_t flags;
    uint8_t cluster_id[16];
    uint32_t node, incarnation;
    uint64_t counter;      // per incarnation: a retried append is recognised by it
    uint64_t proposed_ts;  // ms << 20
    uint64_t not_after_ts; // 0 = none
    uint64_t submitter_applied, submitter_hash;
    uint32_t count;
};

// A command: closed (everything that is not a function of the state is inside).
struct record_command {
    uint16_t type; // txn/command.h
    uint64_t catalog_epoch;
    // Tablets and keys touched, named up front: varint count · {tablet u32 BE, varint key size,
    // key}…; no bytes at all if there are none.
    struct slice names;
    struct slice payload;
};

// Encoder: begin, add commands, end. Sticky errors in out. With RECORD_ZSTD in flags the commands
// part is compressed if that is smaller (and the flag dropped if not).
struct record_writer {
    struct buf *out;
    size_t start;
    uint32_t count;
};
void record_begin(struct record_writer *w, struct buf *out, const struct record_head *head);
void record_add(struct record_writer *w, const struct record_command *command);
MUST_USE nacre_status record_end(struct ctx *ctx, struct record_writer *w);

// Decoder. Foreign bytes: NACRE_CORRUPT, NACRE_INCOMPATIBLE_FORMAT. scratch holds decompressed
// bytes; commands borrow from it or from bytes.
struct record_reader {
    struct slice rest;
    uint32_t left;
};
MUST_USE nacre_status record_open(struct ctx *ctx, struct slice bytes, struct buf *scratch,
                                  struct record_head *head, struct record_reader *out);
MUST_USE nacre_status record_next(struct ctx *ctx, struct record_reader *r,
                                  struct record_command *out, bool *found);
// Takes the count from the front of *names; then next is called count times. false: malformed
// (names that record_next gave are not).
bool record_names_count(struct slice *names, uint64_t *count);
bool record_names_next(struct slice *names_rest, uint32_t *tablet, struct slice *key);

#endif
