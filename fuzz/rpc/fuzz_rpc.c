// Request messages: any bytes, for any operation, fill a call or are refused; what they fill is
// text without a byte 0. The first byte chooses the operation.
#include <stdint.h>
#include <stdlib.h>

#include "rpc/rpc_table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct ctx ctx;
    struct slice rest = {0};
    if (size == 0) return 0;
    const struct rpc_method *method = &rpc_methods[data[0] % rpc_method_count];
    struct op_call call = {.op = method->op, .ctx = &ctx};
    ctx_init(&ctx, &world_system, NULL, 16 << 20);
    nacre_status status =
        rpc_call_fill(&call, method->request, slice_of(data + 1, size - 1), &rest);
    if (status == NACRE_OK && call.body && strlen(call.body) != call.body_size) abort();
    if (status == NACRE_OK && rest.n && (rest.p < data || rest.p + rest.n > data + size)) abort();
    if (status != NACRE_OK && ctx.err.status != status) abort();
    ctx_free(&ctx);
    return 0;
}
