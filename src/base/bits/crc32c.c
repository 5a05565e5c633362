// CRC-32C, reflected polynomial 0x82f63b78. Hardware: three interleaved streams hide the latency of
// the crc32 instruction; their results are joined by tables that shift a checksum over a block of
// zero bytes (M. Adler, "crc32c.c", 2013).
#include <pthread.h>
#include <stdatomic.h>

#include "base/bits/bits.h"
#include "base/bits/crc32c_ways.h"

#define POLY 0x82f63b78u

static uint32_t step_tables[8][256];
static pthread_once_t step_once = PTHREAD_ONCE_INIT;

static void step_tables_init(void) {
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t crc = i;
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? crc >> 1 ^ POLY : crc >> 1;
        step_tables[0][i] = crc;
    }
    for (uint32_t i = 0; i < 256; i++)
        for (int k = 1; k < 8; k++) {
            uint32_t before = step_tables[k - 1][i];
            step_tables[k][i] = step_tables[0][before & 0xff] ^ before >> 8;
        }
}

uint32_t crc32c_by_tables(uint32_t crc, const void *bytes, size_t size) {
    pthread_once(&step_once, step_tables_init);
    const uint8_t *p = bytes;
    crc = ~crc;
    for (; size >= 8; size -= 8, p += 8) {
        uint64_t word = bits_le64(p) ^ crc;
        crc = 0;
        for (int k = 0; k < 8; k++)
            crc ^= step_tables[7 - k][(word >> (8 * k)) & 0xff];
    }
    for (; size; size--, p++)
        crc = step_tables[0][(crc ^ *p) & 0xff] ^ crc >> 8;
    return ~crc;
}

#if defined(__x86_64__) || defined(__aarch64__)

// A stored row is often shorter than three of the short blocks.
enum { BLOCK_LONG = 4096, BLOCK_SHORT = 256, BLOCK_ROW = 64 };

static uint32_t shift_long[4][256], shift_short[4][256], shift_row[4][256];
static pthread_once_t shift_once = PTHREAD_ONCE_INIT;

// a · b modulo the polynomial; bit 31 is x^0.
static uint32_t poly_mul(uint32_t a, uint32_t b) {
    uint32_t product = 0;
    for (uint32_t m = 1u << 31; m; m >>= 1) {
        if (a & m) product ^= b;
        b = b & 1 ? b >> 1 ^ POLY : b >> 1;
    }
    return product;
}

static void shift_table_init(uint32_t table[4][256], uint32_t block_bytes) {
    uint32_t power = 1u << 30; // x
    // block_bytes is a power of two: x^(8 · block_bytes) by squaring alone.
    for (uint32_t n = 8 * block_bytes; n > 1; n >>= 1)
        power = poly_mul(power, power);
    for (uint32_t k = 0; k < 4; k++)
        for (uint32_t i = 0; i < 256; i++)
            table[k][i] = poly_mul(power, i << (8 * k));
}

static void shift_tables_init(void) {
    shift_table_init(shift_long, BLOCK_LONG);
    shift_table_init(shift_short, BLOCK_SHORT);
    shift_table_init(shift_row, BLOCK_ROW);
}

static inline uint32_t shift(uint32_t (*table)[256], uint32_t crc) {
    return table[0][crc & 0xff] ^ table[1][crc >> 8 & 0xff] ^ table[2][crc >> 16 & 0xff] ^
           table[3][crc >> 24];
}

#ifdef __x86_64__
#include <nmmintrin.h>
#define HARDWARE __attribute__((target("sse4.2")))
#define STEP8(crc, p) ((uint32_t)_mm_crc32_u64((crc), bits_le64(p)))
#define STEP1(crc, p) _mm_crc32_u8((crc), *(p))
static bool hardware_present(void) { return __builtin_cpu_supports("sse4.2"); }
#else
#include <sys/auxv.h>
// Not arm_acle.h: clang's declares these only when the whole file is compiled for them.
#ifdef __clang__
#define HARDWARE __attribute__((target("crc")))
#define STEP8(crc, p) __builtin_arm_crc32cd((crc), bits_le64(p))
#define STEP1(crc, p) __builtin_arm_crc32cb((crc), *(p))
#else
#define HARDWARE __attribute__((target("+crc")))
#define STEP8(crc, p) __builtin_aarch64_crc32cx((crc), bits_le64(p))
#define STEP1(crc, p) __builtin_aarch64_crc32cb((crc), *(p))
#endif
static bool hardware_present(void) { return getauxval(AT_HWCAP) & (1ul << 7); } // HWCAP_CRC32
#endif

HARDWARE static inline uint32_t three_blocks(uint32_t crc, const uint8_t *p, size_t block,
                                             uint32_t (*table)[256]) {
    uint32_t crc1 = 0, crc2 = 0;
    for (const uint8_t *end = p + block; p < end; p += 8) {
        crc = STEP8(crc, p);
        crc1 = STEP8(crc1, p + block);
        crc2 = STEP8(crc2, p + 2 * block);
    }
    crc = shift(table, crc) ^ crc1;
    return shift(table, crc) ^ crc2;
}

HARDWARE static uint32_t by_hardware(uint32_t crc, const void *bytes, size_t size) {
    const uint8_t *p = bytes;
    crc = ~crc;
    for (; size >= 3 * BLOCK_LONG; size -= 3 * BLOCK_LONG, p += 3 * BLOCK_LONG)
        crc = three_blocks(crc, p, BLOCK_LONG, shift_long);
    for (; size >= 3 * BLOCK_SHORT; size -= 3 * BLOCK_SHORT, p += 3 * BLOCK_SHORT)
        crc = three_blocks(crc, p, BLOCK_SHORT, shift_short);
    for (; size >= 3 * BLOCK_ROW; size -= 3 * BLOCK_ROW, p += 3 * BLOCK_ROW)
        crc = three_blocks(crc, p, BLOCK_ROW, shift_row);
    for (; size >= 8; size -= 8, p += 8)
        crc = STEP8(crc, p);
    for (; size; size--, p++)
        crc = STEP1(crc, p);
    return ~crc;
}

crc32c_way *crc32c_hardware(void) {
    if (!hardware_present()) return NULL;
    pthread_once(&shift_once, shift_tables_init);
    return by_hardware;
}

#else

crc32c_way *crc32c_hardware(void) { return NULL; }

#endif

static uint32_t choose(uint32_t crc, const void *bytes, size_t size);
// The first call chooses; later ones go straight to the way chosen.
static _Atomic(crc32c_way *) chosen = choose;

static uint32_t choose(uint32_t crc, const void *bytes, size_t size) {
    crc32c_way *way = crc32c_folding();
    if (!way) way = crc32c_hardware();
    if (!way) way = crc32c_by_tables;
    atomic_store_explicit(&chosen, way, memory_order_release);
    return way(crc, bytes, size);
}

uint32_t crc32c(uint32_t crc, const void *bytes, size_t size) {
    return atomic_load_explicit(&chosen, memory_order_acquire)(crc, bytes, size);
}
