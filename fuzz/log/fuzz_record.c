// The record envelope: any bytes are read or refused; what is read is written back as the same
// bytes.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/err/ctx.h"
#include "log/record.h"

static void must(bool ok) {
    if (!ok) abort();
}

static void read_names(struct slice names) {
    uint64_t count;
    uint32_t tablet;
    struct slice key;
    must(record_names_count(&names, &count));
    for (; count > 0; count--) must(record_names_next(&names, &tablet, &key));
    must(names.n == 0);
}

static nacre_status copy(struct ctx *ctx, struct slice bytes, struct buf *scratch, struct buf *out,
                         struct record_head *head) {
    struct record_reader reader;
    struct record_command command;
    struct record_writer writer;
    bool found = true;
    TRY(record_open(ctx, bytes, scratch, head, &reader));
    struct record_head plain = *head;
    plain.flags = 0;
    record_begin(&writer, out, &plain);
    while (found) {
        TRY(record_next(ctx, &reader, &command, &found));
        if (!found) break;
        read_names(command.names);
        record_add(&writer, &command);
    }
    return record_end(ctx, &writer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct ctx ctx;
    struct buf scratch, first, second;
    struct record_head head;
    ctx_init(&ctx, &world_system, NULL, 1 << 16);
    buf_init(&scratch, NULL, 1 << 20);
    buf_init(&first, NULL, 2 << 20);
    buf_init(&second, NULL, 2 << 20);
    if (copy(&ctx, slice_of(data, size), &scratch, &first, &head) == NACRE_OK) {
        if (head.flags == 0) must(slice_eq(buf_slice(&first), slice_of(data, size)));
        must(copy(&ctx, buf_slice(&first), &scratch, &second, &head) == NACRE_OK);
        must(slice_eq(buf_slice(&first), buf_slice(&second)));
    }
    buf_free(&scratch);
    buf_free(&first);
    buf_free(&second);
    ctx_free(&ctx);
    return 0;
}
