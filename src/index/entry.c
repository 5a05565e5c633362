// The bytes of entries and guards.
#include "index/entry.h"

#include "base/bits/bits.h"
#include "doc/key.h"
#include "index/entry_bytes.h"

void index_entry_key(struct buf *out, uint32_t tablet, uint32_t index_id, struct slice components,
                     struct slice id_key) {
    buf_reset(out);
    keyspace_index(out, tablet, index_id);
    buf_put_slice(out, components);
    buf_put_slice(out, id_key);
}

void index_guard_key(struct buf *out, uint32_t tablet, uint32_t index_id, struct slice components) {
    buf_reset(out);
    keyspace_unique(out, tablet, index_id);
    buf_put_slice(out, components);
}

void index_entry_value(struct buf *out, const struct index_def *index,
                       const struct index_entry *entry) {
    buf_reset(out);
    buf_put_u8(out, INDEX_ENTRY_FORMAT);
    buf_put_le64(out, entry->begin_ts);
    buf_put_le64(out, entry->rowid);
    buf_put(out, entry->type_bits, index_type_bits_size(index));
}

void index_guard_value(struct buf *out, uint64_t begin_ts, struct slice id_key) {
    buf_reset(out);
    buf_put_u8(out, INDEX_GUARD_FORMAT);
    buf_put_le64(out, begin_ts);
    buf_put_slice(out, id_key);
}

static nacre_status entry_bad(struct ctx *ctx, const char *what) {
    return err_set(ctx, NACRE_CORRUPT, "%s", what);
}

static nacre_status entry_format(struct ctx *ctx, const char *what, uint8_t format, int known) {
    return err_set(ctx, NACRE_INCOMPATIBLE_FORMAT,
                   "%s is of format %u; this program knows format %d", what, format, known);
}

nacre_status index_entry_decode(struct ctx *ctx, struct slice value, struct index_entry *out) {
    if (value.n < 1) return entry_bad(ctx, "an index entry has no value");
    if (value.p[0] != INDEX_ENTRY_FORMAT)
        return entry_format(ctx, "an index entry", value.p[0], INDEX_ENTRY_FORMAT);
    if (value.n <= INDEX_ENTRY_HEAD || value.n > INDEX_ENTRY_HEAD + INDEX_TYPE_BITS_MAX)
        return entry_bad(ctx, "the value of an index entry is of the wrong size");
    out->begin_ts = bits_le64(value.p + 1);
    out->rowid = bits_le64(value.p + 9);
    out->type_bits = value.p + INDEX_ENTRY_HEAD;
    return NACRE_OK;
}

// One component as a whole. That it is a string or an integer is seen by whoever decodes it.
static bool entry_is_id(struct slice key) {
    return key.n > 0 && key_component_size(key, false) == key.n;
}

nacre_status index_guard_decode(struct ctx *ctx, struct slice value, uint64_t *begin_ts,
                                struct slice *id_key) {
    if (value.n < 1) return entry_bad(ctx, "a unique guard has no value");
    if (value.p[0] != INDEX_GUARD_FORMAT)
        return entry_format(ctx, "a unique guard", value.p[0], INDEX_GUARD_FORMAT);
    if (value.n <= INDEX_GUARD_HEAD || !entry_is_id(slice_skip(value, INDEX_GUARD_HEAD)))
        return entry_bad(ctx, "a unique guard does not hold the id of a document");
    *begin_ts = bits_le64(value.p + 1);
    *id_key = slice_skip(value, INDEX_GUARD_HEAD);
    return NACRE_OK;
}

nacre_status index_key_split(struct ctx *ctx, const struct index_def *index, struct slice key,
                             struct slice *components, struct slice *id_key) {
    if (key.n < INDEX_KEY_HEAD || key.p[4] != KIND_INDEX ||
        bits_be32(key.p + KEYSPACE_PREFIX) != index->id)
        return err_set(ctx, NACRE_CORRUPT, "a key is no entry of index \"%s\"", index->name);
    struct slice rest = slice_skip(key, INDEX_KEY_HEAD), from = rest;
    for (uint32_t i = 0; i < index->field_count; i++) {
        size_t n = key_component_size(rest, index->fields[i].descending);
        if (n == 0)
            return err_set(ctx, NACRE_CORRUPT, "an entry key of index \"%s\" is malformed",
                           index->name);
        rest = slice_skip(rest, n);
    }
    if (!entry_is_id(rest))
        return err_set(ctx, NACRE_CORRUPT, "an entry key of index \"%s\" ends in no id",
                       index->name);
    *components = slice_of(from.p, from.n - rest.n);
    *id_key = rest;
    return NACRE_OK;
}

struct slice index_key_cut(const struct index_def *index, struct slice components,
                           uint32_t fields) {
    struct slice rest = components;
    if (components.n <= INDEX_WHOLE_MAX) return slice_of(NULL, 0);
    for (uint32_t i = 0; i < fields; i++) {
        bool descending = index->fields[i].descending;
        size_t n = key_component_size(rest, descending);
        if (n == 0) break; // malformed: whoever splits the key tells
        bool cut = n > INDEX_WHOLE_MAX && rest.p[n - 1] == (descending ? 0x00 : 0xFF);
        rest = slice_skip(rest, n);
        if (cut) return slice_of(components.p, components.n - rest.n);
    }
    return slice_of(NULL, 0);
}
