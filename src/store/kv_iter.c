#include "base/err/ctx.h"
#include "store/kv.h"

nacre_status kv_iter_failure(struct kv_iter *it) {
    struct ctx probe;
    if (it->valid) return NACRE_OK;
    ctx_init(&probe, NULL, NULL, 0);
    nacre_status status = it->ops->status(it, &probe);
    ctx_free(&probe);
    return status;
}
