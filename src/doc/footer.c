// The footer (docs/format/document.md): [format u8][hash u16|u32 × n][offset u16|u32 × n], sorted
// by hash, then offset.
//
// Invariants:
// 1. Every element of the top level and of the objects directly below it has exactly one entry.
// 2. hash is the low bits of the element's path hash with bit 0 replaced by its level (0 top, 1
// nested), so that a nested
//    field is never taken for one of the top level; offset is that of its type byte in the body.
// 3. The bytes are a function of the body alone: replicas must agree.
#include "doc/footer.h"

#include "base/err/check.h"
#include "base/err/ctx.h"
#include "doc/bson_types.h"
#include "doc/path.h"

enum footer_format { FOOTER_NARROW = 1, FOOTER_WIDE = 2 };

// Below so many entries linear search is as fast. Part of what apply writes: a new number needs a
// new apply version.
enum { FOOTER_ENTRIES_MIN = 12 };
enum { FOOTER_NARROW_BODY_MAX = UINT16_MAX };

// An entry while the footer is built: hash in the high half, offset in the low one, so that their
// order is that of numbers.
typedef uint64_t footer_entry;

enum { FOOTER_INLINE = 96, FOOTER_SORT_FEW = 48 };

struct footer_builder {
    const uint8_t *base; // of the body
    uint32_t hash_mask;
    bool failed; // no memory
    footer_entry *entries;
    size_t n, cap;
    footer_entry room[FOOTER_INLINE];
};

static inline uint32_t footer_width(uint8_t format) { return format == FOOTER_NARROW ? 2 : 4; }

static void footer_init(struct footer_builder *b, struct slice body) {
    b->base = body.p;
    b->hash_mask = body.n <= FOOTER_NARROW_BODY_MAX ? UINT16_MAX : UINT32_MAX;
    b->failed = false;
    b->entries = b->room;
    b->n = 0;
    b->cap = FOOTER_INLINE;
}

static void footer_free(struct footer_builder *b) {
    if (b->entries != b->room) mem_free(b->entries);
}

static void footer_grow(struct footer_builder *b) {
    bool was_inline = b->entries == b->room;
    size_t cap = b->cap * 2;
    footer_entry *fresh = mem_realloc(was_inline ? NULL : b->entries, cap * sizeof *fresh);
    if (!fresh) {
        b->failed = true;
        return;
    }
    if (was_inline) memcpy(fresh, b->room, sizeof b->room);
    b->entries = fresh;
    b->cap = cap;
}

static inline uint32_t footer_stored_hash(uint64_t hash, uint32_t mask, bool nested) {
    return ((uint32_t)hash & mask & ~1U) | nested;
}

static inline void footer_add(struct footer_builder *b, uint32_t hash, const uint8_t *element) {
    if (__builtin_expect(b->n == b->cap, 0)) footer_grow(b);
    if (b->failed) return;
    b->entries[b->n++] = (uint64_t)hash << 32 | (uint32_t)(element - b->base);
}

// In the order of offsets, which the sort keeps. parent: hash of the name of doc, NULL for the
// body.
static void footer_add_level(struct footer_builder *b, struct slice doc, const uint64_t *parent) {
    struct bson_iter it = bson_iter_of(doc);
    while (it.p < it.end) {
        const uint8_t *element = it.p;
        struct slice name = slice_of(element + 1, bson_name_size(element + 1));
        const uint8_t *value = name.p + name.n + 1;
        size_t size = bson_value_size(*element, value);
        uint64_t hash = parent ? footer_hash_nested(*parent, name) : footer_hash_name(name);
        footer_add(b, footer_stored_hash(hash, b->hash_mask, parent != NULL), element);
        if (!parent && *element == BSON_OBJECT) footer_add_level(b, slice_of(value, size), &hash);
        it.p = value + size;
    }
}

static void footer_sort_few(footer_entry *entries, size_t n) {
    for (size_t i = 1; i < n; i++) {
        footer_entry entry = entries[i];
        size_t at = i;
        for (; at > 0 && entries[at - 1] > entry; at--)
            entries[at] = entries[at - 1];
        entries[at] = entry;
    }
}

// Stable counting sort by 8 bits. Linear whatever the names are.
static void footer_sort_pass(const footer_entry *from, footer_entry *to, size_t n, uint32_t shift) {
    uint32_t at[256] = {0}, sum = 0;
    for (size_t i = 0; i < n; i++)
        at[from[i] >> shift & 255]++;
    for (size_t i = 0; i < 256; i++) {
        uint32_t count = at[i];
        at[i] = sum;
        sum += count;
    }
    for (size_t i = 0; i < n; i++)
        to[at[from[i] >> shift & 255]++] = from[i];
}

static void footer_sort(struct footer_builder *b) {
    if (b->failed || b->n <= FOOTER_SORT_FEW) {
        footer_sort_few(b->entries, b->failed ? 0 : b->n);
        return;
    }
    footer_entry *scratch = mem_alloc(b->n * sizeof *scratch);
    b->failed = !scratch;
    uint32_t end = b->hash_mask == UINT16_MAX ? 48 : 64;
    for (uint32_t shift = 32; scratch && shift < end; shift += 16) {
        footer_sort_pass(b->entries, scratch, b->n, shift);
        footer_sort_pass(scratch, b->entries, b->n, shift + 8);
    }
    mem_free(scratch);
}

static void footer_collect(struct footer_builder *b, struct slice body) {
    footer_init(b, body);
    footer_add_level(b, body, NULL);
    footer_sort(b);
}

// Writes the bytes of the collected entries; p has room for them.
static void footer_print(const struct footer_builder *b, uint8_t *p) {
    bool narrow = b->hash_mask == UINT16_MAX;
    *p++ = narrow ? FOOTER_NARROW : FOOTER_WIDE;
    uint8_t *offsets = p + b->n * (narrow ? 2 : 4);
    for (size_t i = 0; i < b->n; i++) {
        uint32_t hash = (uint32_t)(b->entries[i] >> 32), offset = (uint32_t)b->entries[i];
        if (narrow) {
            bits_put_le16(p + 2 * i, (uint16_t)hash);
            bits_put_le16(offsets + 2 * i, (uint16_t)offset);
        } else {
            bits_put_le32(p + 4 * i, hash);
            bits_put_le32(offsets + 4 * i, offset);
        }
    }
}

static size_t footer_size(const struct footer_builder *b) {
    return 1 + b->n * (b->hash_mask == UINT16_MAX ? 4 : 8);
}

void footer_build(struct buf *out, struct slice body) {
    struct footer_builder b;
    footer_collect(&b, body);
    if (b.failed) {
        if (out->status == NACRE_OK) out->status = NACRE_MEMORY_LIMIT;
    } else if (b.n >= FOOTER_ENTRIES_MIN) {
        size_t size = footer_size(&b);
        uint8_t *p = buf_reserve(out, size);
        if (p) {
            footer_print(&b, p);
            out->n += size;
        }
    }
    footer_free(&b);
}

static nacre_status footer_compare(struct ctx *ctx, const struct footer_builder *b,
                                   struct slice footer) {
    if (b->failed) return err_nomem(ctx);
    if (footer.n != footer_size(b))
        return err_set(ctx, NACRE_CORRUPT, "the footer has the wrong size");
    uint8_t *expected = arena_alloc(&ctx->arena, footer.n);
    if (!expected) return err_nomem(ctx);
    footer_print(b, expected);
    if (memcmp(expected, footer.p, footer.n) != 0)
        return err_set(ctx, NACRE_CORRUPT, "the footer does not index its document");
    return NACRE_OK;
}

// An empty footer is right for any body: it only costs time.
nacre_status footer_validate(struct ctx *ctx, struct slice body, struct slice footer) {
    if (footer.n == 0) return NACRE_OK;
    struct arena_mark mark = arena_mark(&ctx->arena);
    struct footer_builder b;
    footer_collect(&b, body);
    nacre_status status = footer_compare(ctx, &b, footer);
    footer_free(&b);
    arena_rewind(&ctx->arena, mark);
    return status;
}

// --- lookup ---

// Number of the first entry whose hash is not below hash.
static inline size_t footer_lower_bound(const uint8_t *hashes, size_t n, uint32_t width,
                                        uint32_t hash) {
    size_t at = 0;
    while (n > 0) {
        size_t half = n / 2;
        const uint8_t *p = hashes + (at + half) * width;
        uint32_t here = width == 2 ? bits_le16(p) : bits_le32(p);
        bool below = here < hash;
        at += below ? half + 1 : 0;
        n = below ? n - half - 1 : half;
    }
    return at;
}

struct footer_wanted {
    uint64_t hash;
    struct slice name;
    bool nested;
    const uint8_t *from, *to; // the element lies in [from, to)
};

// Names are compared with the NUL that ends them; no NUL is in a path's.
static inline bool footer_is_wanted(const struct footer_wanted *wanted, const uint8_t *element) {
    size_t n = wanted->name.n;
    if (element < wanted->from || element >= wanted->to) return false;
    if (n + 2 > (size_t)(wanted->to - element) || element[1 + n] != 0) return false;
    return n == 0 || memcmp(element + 1, wanted->name.p, n) == 0;
}

// The element, NULL if there is none.
static const uint8_t *footer_search(struct slice body, struct slice footer,
                                    const struct footer_wanted *wanted) {
    uint32_t width = footer_width(footer.p[0]);
    uint32_t hash =
        footer_stored_hash(wanted->hash, width == 2 ? UINT16_MAX : UINT32_MAX, wanted->nested);
    size_t n = (footer.n - 1) / (2 * (size_t)width);
    const uint8_t *hashes = footer.p + 1, *offsets = hashes + n * width;
    for (size_t i = footer_lower_bound(hashes, n, width, hash); i < n; i++) {
        uint32_t here = width == 2 ? bits_le16(hashes + 2 * i) : bits_le32(hashes + 4 * i);
        if (here != hash) break;
        uint32_t offset = width == 2 ? bits_le16(offsets + 2 * i) : bits_le32(offsets + 4 * i);
        if (footer_is_wanted(wanted, body.p + offset)) return body.p + offset;
    }
    return NULL;
}

static inline struct val footer_value(const uint8_t *element, struct slice name) {
    size_t size;
    return bson_value(*element, element + 1 + name.n + 1, &size);
}

bool footer_find(struct slice body, struct slice footer, const struct path *path, struct val *out,
                 uint32_t *depth_done) {
    *depth_done = 0;
    *out = val_missing();
    if (footer.n == 0 || path->count == 0) return false;
    const struct path_part *parts = path->parts;
    struct footer_wanted wanted = {parts[0].hash, parts[0].name, false, body.p, body.p + body.n};
    const uint8_t *element = footer_search(body, footer, &wanted);
    if (!element) return false;
    struct val v = footer_value(element, parts[0].name);
    *depth_done = 1;
    if (path->count > 1 && v.type == VAL_OBJECT) {
        wanted = (struct footer_wanted){path->hash, parts[1].name, true, v.p, v.p + v.n};
        element = footer_search(body, footer, &wanted);
        *depth_done = element ? 2 : 0;
        if (!element) return false;
        v = footer_value(element, parts[1].name);
    }
    *out = v;
    return true;
}
