#include "log/local/log_format.h"

#include <stdio.h>

#include "base/bits/bits.h"
#include "log/replog.h"

static const char HEAD_MAGIC[8] = {'N', 'A', 'C', 'R', 'E', 'L', 'O', 'G'};
static const char OPENING_MAGIC[8] = {'L', 'O', 'G', 'S', 'T', 'A', 'R', 'T'};
static const char MARK_MAGIC[8] = {'L', 'O', 'G', 'C', 'L', 'O', 'S', 'E'};

enum { BLOCK_HASH_AT = LOG_BLOCK_BYTES - 8, RECORD_HASH_AT = LOG_RECORD_HEAD - 8 };

static void block_begin(uint8_t *out, const char *magic) {
    memset(out, 0, LOG_BLOCK_BYTES);
    memcpy(out, magic, 8);
}

static void block_end(uint8_t *out, uint64_t seed) {
    bits_put_le64(out + BLOCK_HASH_AT, hash_bytes_seed(out, BLOCK_HASH_AT, seed));
}

static bool block_good(const uint8_t *p, const char *magic, uint64_t seed) {
    return memcmp(p, magic, 8) == 0 &&
           bits_le64(p + BLOCK_HASH_AT) == hash_bytes_seed(p, BLOCK_HASH_AT, seed);
}

// Below 2^63, so that no sum of a few of them overflows.
static bool position_good(uint64_t generation, uint64_t index) {
    return generation - 1 < INT64_MAX && index - 1 < INT64_MAX;
}

void log_format_put_head(uint8_t out[LOG_BLOCK_BYTES], const struct log_head *head) {
    block_begin(out, HEAD_MAGIC);
    bits_put_le32(out + 8, head->format);
    bits_put_le64(out + 16, head->number);
    bits_put_le64(out + 24, head->bytes);
    bits_put_le64(out + 32, head->salt);
    block_end(out, 0);
}

bool log_format_get_head(const uint8_t *p, struct log_head *out) {
    if (!block_good(p, HEAD_MAGIC, 0)) return false;
    *out = (struct log_head){.format = bits_le32(p + 8),
                             .number = bits_le64(p + 16),
                             .bytes = bits_le64(p + 24),
                             .salt = bits_le64(p + 32)};
    return true;
}

void log_format_put_opening(uint8_t out[LOG_BLOCK_BYTES], const struct log_opening *opening,
                            uint64_t salt) {
    block_begin(out, OPENING_MAGIC);
    bits_put_le64(out + 8, opening->generation);
    bits_put_le64(out + 16, opening->first_index);
    bits_put_le64(out + 24, opening->chain_before);
    bits_put_le64(out + 32, opening->synced_upto);
    block_end(out, salt);
}

bool log_format_get_opening(const uint8_t *p, uint64_t salt, struct log_opening *out) {
    if (!block_good(p, OPENING_MAGIC, salt)) return false;
    struct log_opening opening = {.generation = bits_le64(p + 8),
                                  .first_index = bits_le64(p + 16),
                                  .chain_before = bits_le64(p + 24),
                                  .synced_upto = bits_le64(p + 32)};
    if (opening.synced_upto >= opening.first_index ||
        !position_good(opening.generation, opening.first_index))
        return false;
    *out = opening;
    return true;
}

void log_format_put_mark(uint8_t out[LOG_BLOCK_BYTES], const struct log_mark *mark, uint64_t salt) {
    block_begin(out, MARK_MAGIC);
    bits_put_le64(out + 8, mark->generation);
    bits_put_le64(out + 16, mark->synced_upto);
    block_end(out, salt);
}

bool log_format_get_mark(const uint8_t *p, uint64_t salt, struct log_mark *out) {
    if (!block_good(p, MARK_MAGIC, salt)) return false;
    *out = (struct log_mark){.generation = bits_le64(p + 8), .synced_upto = bits_le64(p + 16)};
    return true;
}

void log_format_put_record(uint8_t out[LOG_RECORD_HEAD], const struct log_record_head *head,
                           uint64_t salt) {
    bits_put_le32(out, head->length);
    bits_put_le32(out + 4, head->crc);
    bits_put_le64(out + 8, head->generation);
    bits_put_le64(out + 16, head->index);
    bits_put_le64(out + 24, head->chain);
    bits_put_le64(out + 32, head->synced_upto);
    bits_put_le64(out + RECORD_HASH_AT, hash_bytes_seed(out, RECORD_HASH_AT, salt));
}

bool log_format_get_record(const uint8_t *p, uint64_t salt, struct log_record_head *out) {
    struct log_record_head head = {.length = bits_le32(p),
                                   .crc = bits_le32(p + 4),
                                   .generation = bits_le64(p + 8),
                                   .index = bits_le64(p + 16),
                                   .chain = bits_le64(p + 24),
                                   .synced_upto = bits_le64(p + 32)};
    // The cheap conditions first: a search for records tries every eighth byte.
    if (!position_good(head.generation, head.index) || head.synced_upto >= head.index ||
        head.length > REPLOG_RECORD_MAX)
        return false;
    if (bits_le64(p + RECORD_HASH_AT) != hash_bytes_seed(p, RECORD_HASH_AT, salt)) return false;
    *out = head;
    return true;
}

uint32_t log_record_crc(uint32_t length, const uint8_t *padded) {
    uint8_t bytes[4];
    bits_put_le32(bytes, length); // first, so that an empty payload does not have checksum 0
    return crc32c(crc32c(0, bytes, sizeof bytes), padded,
                  log_record_bytes(length) - LOG_RECORD_HEAD);
}

uint64_t log_record_chain(uint64_t chain_before, struct slice payload) {
    return hash_bytes_seed(payload.n ? payload.p : (const uint8_t *)"", payload.n, chain_before);
}

void log_name_print(uint64_t number, char out[LOG_NAME_BYTES]) {
    snprintf(out, LOG_NAME_BYTES, "%016llx.log", (unsigned long long)number);
}

bool log_name_parse(const char *name, uint64_t *out_number) {
    uint64_t number = 0;
    for (int i = 0; i < 16; i++) {
        char c = name[i];
        bool digit = c >= '0' && c <= '9', letter = c >= 'a' && c <= 'f';
        if (!digit && !letter) return false;
        number = number << 4 | (uint64_t)(digit ? c - '0' : c - 'a' + 10);
    }
    if (strcmp(name + 16, ".log") != 0 || number == 0) return false;
    *out_number = number;
    return true;
}
