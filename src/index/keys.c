// The key parts of a document in an index.
#include "base/err/check.h"
#include "filter/filter.h"
#include "index/component.h"
#include "index/entry.h"
#include "index/entry_bytes.h"

nacre_status index_covers(struct ctx *ctx, const struct index_def *index, const struct doc *doc,
                          bool *out) {
    if (index->where.n == 0) {
        *out = true;
        return NACRE_OK;
    }
    if (!index->where_filter)
        return err_set(ctx, NACRE_INTERNAL, "the filter of index \"%s\" was not parsed",
                       index->name);
    return filter_eval(ctx, index->where_filter, doc, out);
}

// Two fields whose first array is one and the same.
static bool keys_share_array(const struct index_def *index, const struct component_list *lists,
                             uint32_t a, uint32_t b) {
    if (lists[a].array_depth != lists[b].array_depth) return false;
    for (uint32_t i = 0; i < lists[a].array_depth; i++)
        if (!slice_eq(index->fields[a].path.parts[i].name, index->fields[b].path.parts[i].name))
            return false;
    return true;
}

static nacre_status keys_parallel(struct ctx *ctx, const struct index_def *index, uint32_t a,
                                  uint32_t b, const char *why) {
    struct slice one = index->fields[a].path.text, other = index->fields[b].path.text;
    char pointer[ERR_TEXT_MAX];
    nacre_status status = err_set(ctx, NACRE_INVALID_ARGUMENT,
                                  "parallel arrays: index \"%s\" is over \"%.*s\" and \"%.*s\", %s",
                                  index->name, (int)(one.n < 64 ? one.n : 64), (const char *)one.p,
                                  (int)(other.n < 64 ? other.n : 64), (const char *)other.p, why);
    index_pointer(&index->fields[b].path, pointer);
    err_expected(ctx, pointer, "no second array", "array");
    return status;
}

static nacre_status keys_check_arrays(struct ctx *ctx, const struct index_def *index,
                                      const struct component_list *lists) {
    uint32_t first = UINT32_MAX;
    for (uint32_t i = 0; i < index->field_count; i++) {
        if (lists[i].array_depth == 0) continue;
        if (first == UINT32_MAX)
            first = i;
        else if (!keys_share_array(index, lists, first, i))
            return keys_parallel(ctx, index, first, i, "and both are arrays in this document");
        else if (index->unique) // each with each would collide where the elements themselves do not
            return keys_parallel(ctx, index, first, i,
                                 "and a unique index cannot be over two fields of one array");
    }
    return NACRE_OK;
}

static nacre_status keys_count(struct ctx *ctx, const struct index_def *index,
                               const struct component_list *lists, uint32_t *out) {
    uint64_t count = 1;
    for (uint32_t i = 0; i < index->field_count; i++) {
        count *= lists[i].count;
        if (count > INDEX_ENTRIES_MAX)
            return err_set(ctx, NACRE_INVALID_ARGUMENT,
                           "the document has more than %d entries in index \"%s\"",
                           INDEX_ENTRIES_MAX, index->name);
    }
    *out = (uint32_t)count;
    return NACRE_OK;
}

// at: which component of each field.
static nacre_status key_make(struct ctx *ctx, const struct index_def *index,
                             const struct component_list *lists, const uint32_t *at,
                             struct index_key *out) {
    struct index_key key = {0};
    size_t n = 0;
    for (uint32_t i = 0; i < index->field_count; i++)
        n += lists[i].items[at[i]].bytes.n;
    uint8_t *bytes = arena_alloc(&ctx->arena, n);
    if (!bytes) return err_nomem(ctx);
    key.components = slice_of(bytes, n);
    for (uint32_t i = 0; i < index->field_count; i++) {
        const struct component *c = &lists[i].items[at[i]];
        memcpy(bytes, c->bytes.p, c->bytes.n);
        bytes += c->bytes.n;
        key.type_bits[i / 4] |= (uint8_t)(c->type_bits << (2 * (i % 4)));
        key.has_null |= c->is_null;
        key.cut |= c->type_bits == KEY_TB_CUT;
    }
    *out = key;
    return NACRE_OK;
}

// Components are prefixes of no other, so combinations in the order of their fields are in the
// order of their bytes.
static nacre_status keys_make(struct ctx *ctx, const struct index_def *index,
                              const struct component_list *lists, struct index_keys *keys) {
    uint32_t at[INDEX_FIELDS_MAX] = {0};
    for (uint32_t k = 0; k < keys->count; k++) {
        TRY(key_make(ctx, index, lists, at, &keys->keys[k]));
        for (uint32_t i = index->field_count; i-- > 0;) {
            if (++at[i] < lists[i].count) break;
            at[i] = 0;
        }
    }
    return NACRE_OK;
}

nacre_status index_keys_of(struct ctx *ctx, const struct index_def *index, const struct doc *doc,
                           struct index_keys *out) {
    struct component_list lists[INDEX_FIELDS_MAX];
    struct index_keys keys = {0};
    CHECK(index->field_count > 0 && index->field_count <= INDEX_FIELDS_MAX);
    for (uint32_t i = 0; i < index->field_count; i++) {
        TRY(component_list_of(ctx, &index->fields[i], doc, &lists[i]));
        if (lists[i].array_depth) keys.arrays |= (uint16_t)(1u << i);
    }
    TRY(keys_check_arrays(ctx, index, lists));
    TRY(keys_count(ctx, index, lists, &keys.count));
    keys.keys = ARENA_ARRAY(&ctx->arena, struct index_key, (size_t)keys.count);
    if (!keys.keys) return err_nomem(ctx);
    TRY(keys_make(ctx, index, lists, &keys));
    *out = keys;
    return NACRE_OK;
}
