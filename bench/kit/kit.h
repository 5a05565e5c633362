// What the benchmarks share: options, clocks, medians of rounds that peers take in turn, and rows
// of the table in docs/benchmarks.md.
#ifndef BENCH_KIT_KIT_H
#define BENCH_KIT_KIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { KIT_ROUNDS_MAX = 31 };

// "--name VALUE" of the command line.
const char *kit_text(int argc, char **argv, const char *name, const char *fallback);
uint64_t kit_number(int argc, char **argv, const char *name, uint64_t fallback);

double kit_now_s(void);                       // monotonic
double kit_cpu_s(void);                       // of the process
double kit_thread_cpu_s(void);                // of the calling thread
double kit_median(double *values, int count); // sorts them
void kit_rest(void);                          // until an idle store has merged its young files
double kit_peak_mib(void);                    // memory of the process at its height
void kit_drop_caches_hint(const char *dir);   // asks the system to forget the files of dir

// A scratch directory under --dir (default /tmp), made new; its path is valid until the next call
// with the same slot (0..3).
const char *kit_dir(const char *base, const char *name, int slot);
void kit_remove(const char *dir);

// One row: | measure | goal | figure | verdict |. figure is printf-like.
void kit_row(const char *measure, const char *goal, bool met, const char *figure, ...)
    __attribute__((format(printf, 4, 5)));

// A document of about 1 KB as JSON text: the i-th, always the same. Returns its size, without NUL;
// room: at least 1,300 bytes. Fields: _id (16 hexadecimal digits), customer (< 100,000), created,
// total, tags, address, lines, text.
size_t kit_order(char *out, uint64_t i);
void kit_order_id(char out[17], uint64_t i);
uint64_t kit_order_customer(uint64_t i);

#endif
