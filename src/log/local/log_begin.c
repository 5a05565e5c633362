// A log that begins behind records that it does not hold.
#include "base/err/ctx.h"
#include "log/local/log_impl.h"

nacre_status log_local_begin(struct ctx *ctx, const char *dir, uint64_t segment_bytes,
                             const struct log_origin *origin) {
    struct log_prepare prepare = {.file = FILE_CLOSED};
    struct log_head want = {.number = 1, .bytes = log_segment_bytes(segment_bytes)};
    struct log_opening opening = {.generation = origin->generation,
                                  .first_index = origin->last_index + 1,
                                  .chain_before = origin->chain,
                                  .synced_upto = origin->last_index};
    TRY(dir_make(ctx, dir));
    nacre_status status = log_prepare_whole(ctx, dir, &prepare, &want, &opening);
    log_prepare_drop(&prepare);
    return status;
}
