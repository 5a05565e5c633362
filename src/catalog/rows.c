// The envelope of catalog rows: format u8 · BSON · crc32c u32 LE over key, format and BSON. The
// checksum is the last four bytes in every format there will be, so that damage is told from the
// rows of a newer program.
#include "catalog/rows.h"

#include <stdio.h>

#include "base/bits/bits.h"
#include "base/err/check.h"
#include "doc/bson.h"

enum { ROW_FORMAT_SIZE = 1, ROW_CRC_SIZE = 4, ROW_NAME_MAX = 64 };

static uint32_t row_crc(struct slice key, struct slice before_crc) {
    return crc32c(crc32c(0, key.p, key.n), before_crc.p, before_crc.n);
}

// "of collection 7" and the like.
static void row_name(struct slice key, char out[ROW_NAME_MAX]) {
    struct slice rest = key;
    uint8_t kind = 0;
    uint32_t id = 0, index = 0;
    bool known = bits_take_u8(&rest, &kind), has_id = bits_take_be32(&rest, &id);
    bool has_index = bits_take_be32(&rest, &index);
    snprintf(out, ROW_NAME_MAX, "of no known kind");
    if (!known) return;
    if (kind == META_FORMAT)
        snprintf(out, ROW_NAME_MAX, "of the store's format");
    else if (kind == META_COUNTERS)
        snprintf(out, ROW_NAME_MAX, "of the counters");
    else if (kind == META_DATABASE && has_id)
        snprintf(out, ROW_NAME_MAX, "of database %u", id);
    else if (kind == META_COLLECTION && has_id)
        snprintf(out, ROW_NAME_MAX, "of collection %u", id);
    else if (kind == META_INDEX && has_index)
        snprintf(out, ROW_NAME_MAX, "of index %u of collection %u", index, id);
}

nacre_status catalog_row_bad(struct ctx *ctx, struct slice key, const char *what) {
    char name[ROW_NAME_MAX];
    row_name(key, name);
    return err_set(ctx, NACRE_CORRUPT, "the catalog row %s is damaged: %s", name, what);
}

nacre_status catalog_row_open(struct ctx *ctx, struct slice key, struct slice value,
                              struct slice *out_body) {
    if (value.n < ROW_FORMAT_SIZE + ROW_CRC_SIZE)
        return catalog_row_bad(ctx, key, "it is too short");
    struct slice before_crc = slice_of(value.p, value.n - ROW_CRC_SIZE);
    if (bits_le32(value.p + before_crc.n) != row_crc(key, before_crc))
        return catalog_row_bad(ctx, key, "its checksum does not match");
    if (value.p[0] != CATALOG_ROW_FORMAT) {
        char name[ROW_NAME_MAX];
        row_name(key, name);
        return err_set(ctx, NACRE_INCOMPATIBLE_FORMAT,
                       "the catalog row %s is of format %u; this program knows format %d", name,
                       value.p[0], CATALOG_ROW_FORMAT);
    }
    *out_body = slice_skip(before_crc, ROW_FORMAT_SIZE);
    return NACRE_OK;
}

void catalog_row_put(struct kv_batch *batch, struct slice key, const struct buf *body) {
    struct buf value BUF_CLEANUP;
    buf_init(&value, batch->bytes.budget, CATALOG_ROW_MAX);
    buf_put_u8(&value, CATALOG_ROW_FORMAT);
    buf_put_slice(&value, buf_slice(body));
    if (value.status == NACRE_OK) buf_put_le32(&value, row_crc(key, buf_slice(&value)));
    nacre_status status = body->status != NACRE_OK ? body->status : value.status;
    if (status == NACRE_OK)
        kv_batch_put(batch, KV_META, key, buf_slice(&value));
    else if (batch->bytes.status == NACRE_OK)
        batch->bytes.status = status;
}

nacre_status catalog_row_fields(struct ctx *ctx, struct slice key, struct slice value,
                                const struct catalog_row_field *fields, struct val *out) {
    struct slice body, name;
    struct val v;
    TRY(catalog_row_open(ctx, key, value, &body));
    nacre_status status = bson_validate(ctx, body);
    if (status == NACRE_CORRUPT)
        return catalog_row_bad(ctx, key, "its content is no BSON document");
    TRY(status);
    struct bson_iter it = bson_iter_of(body);
    bool more = bson_next(&it, &name, &v);
    for (size_t i = 0; fields[i].name; i++) {
        DCHECK(i < CATALOG_ROW_FIELDS_MAX);
        out[i] = val_missing();
        if (more && v.type == fields[i].type && slice_eq_str(name, fields[i].name)) {
            out[i] = v;
            more = bson_next(&it, &name, &v);
        } else if (!fields[i].optional) {
            return catalog_row_bad(ctx, key, "a field is missing or of another type");
        }
    }
    return more ? catalog_row_bad(ctx, key, "it holds an unknown field") : NACRE_OK;
}

static uint8_t name_fold(uint8_t c) { return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c; }

int catalog_name_cmp(struct slice a, struct slice b) {
    size_t n = a.n < b.n ? a.n : b.n;
    for (size_t i = 0; i < n; i++) {
        int c = name_fold(a.p[i]) - name_fold(b.p[i]);
        if (c) return c;
    }
    return (a.n > b.n) - (a.n < b.n);
}
