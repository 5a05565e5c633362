// The bytes of a segment file. The specification with the version rules: docs/format/log.md.
#ifndef LOG_LOCAL_LOG_FORMAT_H
#define LOG_LOCAL_LOG_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem/slice.h"

enum {
    LOG_FORMAT = 1,
    LOG_SECTOR = 512,     // what a disk writes whole or not at all
    LOG_BLOCK_BYTES = 64, // head, opening and mark, each at the start of a sector of its own
    LOG_OPENING_AT = 512,
    LOG_MARK_AT = 1024,
    LOG_RECORDS_AT = 4096,
    LOG_RECORD_HEAD = 48,
    LOG_ALIGN = 8,
    LOG_NAME_BYTES = 24, // "0123456789abcdef.log" and a NUL
};

// Durable before the file gets its name.
struct log_head {
    uint32_t format;
    uint64_t number, bytes,
        salt; // bytes: size of the file; salt: random, seeds every later check in the file
};
// Written when the log reaches the segment.
struct log_opening {
    uint64_t generation, first_index, chain_before, synced_upto;
};
// Written at a clean close: every record up to synced_upto is durable.
struct log_mark {
    uint64_t generation, synced_upto;
};
struct log_record_head {
    uint32_t length; // of the payload
    uint32_t crc;    // CRC-32C of length, payload and padding
    uint64_t generation, index, chain, synced_upto;
};

void log_format_put_head(uint8_t out[LOG_BLOCK_BYTES], const struct log_head *head);
void log_format_put_opening(uint8_t out[LOG_BLOCK_BYTES], const struct log_opening *opening,
                            uint64_t salt);
void log_format_put_mark(uint8_t out[LOG_BLOCK_BYTES], const struct log_mark *mark, uint64_t salt);
void log_format_put_record(uint8_t out[LOG_RECORD_HEAD], const struct log_record_head *head,
                           uint64_t salt);

// false: the bytes are none of ours, or damaged. format is not judged here.
bool log_format_get_head(const uint8_t *p, struct log_head *out);
bool log_format_get_opening(const uint8_t *p, uint64_t salt, struct log_opening *out);
bool log_format_get_mark(const uint8_t *p, uint64_t salt, struct log_mark *out);
bool log_format_get_record(const uint8_t *p, uint64_t salt, struct log_record_head *out);

// Bytes that a record takes in the file.
static inline uint64_t log_record_bytes(uint64_t length) {
    return (LOG_RECORD_HEAD + length + LOG_ALIGN - 1) & ~(uint64_t)(LOG_ALIGN - 1);
}
// padded: payload followed by the padding, log_record_bytes(length) - LOG_RECORD_HEAD bytes.
uint32_t log_record_crc(uint32_t length, const uint8_t *padded);
uint64_t log_record_chain(uint64_t chain_before, struct slice payload);

void log_name_print(uint64_t number, char out[LOG_NAME_BYTES]);
bool log_name_parse(const char *name, uint64_t *out_number);

#endif
