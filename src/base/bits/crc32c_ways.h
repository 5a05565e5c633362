// The ways to compute CRC-32C, for crc32c.c and for the tests that hold them against each other.
#ifndef BASE_BITS_CRC32C_WAYS_H
#define BASE_BITS_CRC32C_WAYS_H

#include <stddef.h>
#include <stdint.h>

typedef uint32_t crc32c_way(uint32_t crc, const void *bytes, size_t size);

// Works everywhere: eight tables of 256.
uint32_t crc32c_by_tables(uint32_t crc, const void *bytes, size_t size);
// The CPU's own instruction, or NULL where there is none.
crc32c_way *crc32c_hardware(void);
// By carry-less multiplication of wide registers, or NULL.
crc32c_way *crc32c_folding(void);

#endif
