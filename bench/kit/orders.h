// Nacre with the orders of kit.h, through the public library.
#ifndef BENCH_KIT_ORDERS_H
#define BENCH_KIT_ORDERS_H

#include <stdint.h>

#include "nacre/nacre.h"

nacre_db *orders_open(const char *dir, uint64_t memory_bytes); // makes it; ends the process if not
nacre_session *orders_session(nacre_db *db);
void orders_close(nacre_db *db, nacre_session *session);
void orders_create(nacre_session *session, int indexes); // 0..2
// Imports count orders from `from` on as NDJSON that is made as it is read.
void orders_import(nacre_session *session, uint64_t from, uint64_t count);
double orders_input_cpu_s(uint64_t count); // what making the input costs
void orders_must(nacre_session *session, nacre_status status);

#endif
