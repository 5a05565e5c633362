// Access paths in logged commands. Bytes: docs/format/index.md.
#include "index/range.h"

#include "base/bits/bits.h"
#include "catalog/keyspace.h"

void access_path_write(struct buf *out, const struct access_path *path) {
    buf_put_le32(out, path->tablet);
    buf_put_le32(out, path->index_id);
    buf_put_u8(out, path->reverse);
    buf_put_varint(out, path->range_count);
    for (uint32_t i = 0; i < path->range_count; i++) {
        buf_put_varint(out, path->ranges[i].lower.n);
        buf_put_slice(out, path->ranges[i].lower);
        buf_put_varint(out, path->ranges[i].upper.n);
        buf_put_slice(out, path->ranges[i].upper);
    }
}

static nacre_status range_bad(struct ctx *ctx, const char *what) {
    return err_set(ctx, NACRE_CORRUPT, "an access path is malformed: %s", what);
}

static bool range_take_key(struct slice *in, struct slice *out) {
    uint64_t n = 0;
    return bits_take_varint(in, &n) && n <= in->n && bits_take(in, (size_t)n, out);
}

struct range_bounds {
    uint8_t low[KEYSPACE_PREFIX + 4], high[KEYSPACE_PREFIX + 4];
    size_t low_n, high_n;
};

// What the keys of the path lie in: [low, high).
static bool range_bounds_of(const struct access_path *path, struct range_bounds *out) {
    bool documents = path->index_id == 0;
    if (path->tablet == 0 || path->index_id == UINT32_MAX) return false;
    bits_put_be32(out->low, path->tablet);
    bits_put_be32(out->high, path->tablet);
    out->low[4] = documents ? KIND_DOCUMENT : KIND_INDEX;
    out->high[4] = documents ? KIND_DOCUMENT + 1 : KIND_INDEX;
    bits_put_be32(out->low + KEYSPACE_PREFIX, path->index_id);
    bits_put_be32(out->high + KEYSPACE_PREFIX, path->index_id + 1);
    out->low_n = out->high_n = documents ? KEYSPACE_PREFIX : KEYSPACE_PREFIX + 4;
    return true;
}

static nacre_status range_take(struct ctx *ctx, struct slice *in, const struct range_bounds *bounds,
                               struct slice after, struct key_range *out) {
    if (!range_take_key(in, &out->lower) || !range_take_key(in, &out->upper))
        return range_bad(ctx, "it is too short");
    if (slice_cmp(out->lower, out->upper) >= 0) return range_bad(ctx, "a range is empty");
    if (slice_cmp(out->lower, after) < 0)
        return range_bad(ctx, "its ranges are not ascending and disjoint");
    if (slice_cmp(out->upper, slice_of(bounds->high, bounds->high_n)) > 0)
        return range_bad(ctx, "a range leaves its index");
    return NACRE_OK;
}

nacre_status access_path_read(struct ctx *ctx, struct slice *in, struct access_path *out) {
    struct access_path path = {0};
    struct range_bounds bounds;
    struct slice rest = *in;
    uint8_t reverse = 0;
    uint64_t count = 0;
    if (!bits_take_le32(&rest, &path.tablet) || !bits_take_le32(&rest, &path.index_id) ||
        !bits_take_u8(&rest, &reverse) || !bits_take_varint(&rest, &count))
        return range_bad(ctx, "it is too short");
    if (reverse > 1 || count > ACCESS_RANGES_MAX || !range_bounds_of(&path, &bounds))
        return range_bad(ctx, "its head is out of bounds");
    path.reverse = reverse == 1;
    path.range_count = (uint32_t)count;
    path.ranges = ARENA_ARRAY(&ctx->arena, struct key_range, (size_t)path.range_count);
    if (!path.ranges) return err_nomem(ctx);
    struct slice after = slice_of(bounds.low, bounds.low_n);
    for (uint32_t i = 0; i < path.range_count; i++) {
        TRY(range_take(ctx, &rest, &bounds, after, &path.ranges[i]));
        after = path.ranges[i].upper;
    }
    *in = rest;
    *out = path;
    return NACRE_OK;
}
