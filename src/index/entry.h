// Secondary index entries and unique guards as pure functions of documents; reachable from apply.
// Bytes: docs/format/index.md.
//   entry key   [tablet]['I'][index id][component…][typed id]
//   entry value format u8 · begin_ts u64 · rowid u64 · type bits (2 per component, packed)
//   guard key   [tablet]['U'][index id][component…]
//   guard value format u8 · begin_ts u64 · typed id
//   mark key    [tablet]['M'][index id]: some document made the index multikey; never goes
//   mark value  format u8 · fields u16: by which fields
// A multikey index has one entry per distinct value of its (one) array field. Null = missing: an
// entry, but never a guard collision; so is the empty array, which sorts before null.
#ifndef INDEX_ENTRY_H
#define INDEX_ENTRY_H

#include "base/err/ctx.h"
#include "catalog/catalog.h"
#include "doc/key.h"
#include "store/kv.h"

// Entries per document and index; beyond: NACRE_INVALID_ARGUMENT.
enum { INDEX_ENTRIES_MAX = 10000 };
enum { INDEX_TYPE_BITS_MAX = (INDEX_FIELDS_MAX * 2 + 7) / 8 };

// The key parts of one document in one index: components only (no tablet, index id or document id),
// sorted, distinct; at least one.
struct index_keys {
    uint32_t count;
    uint16_t arrays; // bit i: field i is, or lies in, an array; not 0: multikey
    struct index_key {
        struct slice components;
        uint8_t type_bits[INDEX_TYPE_BITS_MAX]; // component i: bits 2·(i mod 4) of byte i/4
        bool has_null; // some component is null, missing or an empty array: no guard
        bool cut;      // some component was cut: equality must be re-checked
    } * keys;          // in ctx's arena
};

struct filter;
// Whether apply may evaluate the filter for an index: no regular expression, no system field but
// _id (a lease ends without a write). NACRE_INVALID_FILTER. For CREATE INDEX.
MUST_USE nacre_status index_where_check(struct ctx *ctx, const struct filter *filter);
// Whether the document belongs into the index (its `where` holds). Evaluates index->where_filter.
MUST_USE nacre_status index_covers(struct ctx *ctx, const struct index_def *index,
                                   const struct doc *doc, bool *out);
// MongoDB's multikey rule: a path through arrays of objects fans out, an array at its end gives one
// key per distinct element and an empty one a key before null. Fields of a compound index that lie
// in one and the same array are combined each with each; in two arrays ("parallel arrays"), or in
// one array under a unique index: NACRE_INVALID_ARGUMENT. Cost: O(keys · log keys).
MUST_USE nacre_status index_keys_of(struct ctx *ctx, const struct index_def *index,
                                    const struct doc *doc, struct index_keys *out);

// One change of one document. Unchanged keys are left alone (their begin_ts stays that of their
// coming), guards likewise.
struct index_change {
    uint32_t tablet;
    struct val id;
    const struct doc *before; // NULL: inserted
    const struct doc *after;  // NULL: deleted
    uint64_t rowid, commit_ts;
    // The newest state, with what the running command has written so far. With it history entries
    // carry the begin_ts of what goes, and an entry that is not there is found out. NULL: they
    // carry begin_ts 0 ("not known", readers re-check), and a building unique index that would lose
    // a guard is NACRE_INTERNAL, since the guard may be another document's.
    struct kv *kv;
};
// The guards a change needs, on the newest state of kv. A collision with another document:
// NACRE_UNIQUE_VIOLATION naming index and value; a value that was cut: NACRE_INVALID_ARGUMENT.
// Nothing is written.
MUST_USE nacre_status index_check_unique(struct ctx *ctx, struct kv *kv,
                                         const struct collection *collection,
                                         const struct index_change *change);
// All btree indexes of the collection but failed ones (building ones too): appends to batch the
// entries and guards that go and come, and, where the collection keeps history, a history entry for
// each that goes. Returns through out_bytes the change in logical index bytes (keys and values of
// entries and guards).
MUST_USE nacre_status index_apply(struct ctx *ctx, const struct collection *collection,
                                  const struct index_change *change, struct kv_batch *batch,
                                  int64_t *out_bytes);
// One document of an index build: change->after as it is now in kv. Puts the entries that are not
// there yet, and guards; NACRE_UNIQUE_VIOLATION if a guard is another's. out_bytes as index_apply.
MUST_USE nacre_status index_build_counted(struct ctx *ctx, struct kv *kv,
                                          const struct index_def *index,
                                          const struct index_change *change, struct kv_batch *batch,
                                          int64_t *out_bytes);
MUST_USE nacre_status index_build_one(struct ctx *ctx, struct kv *kv, const struct index_def *index,
                                      const struct index_change *change, struct kv_batch *batch);

// A component may have been cut from this size on (doc/key.h); what is shorter is whole.
enum { INDEX_WHOLE_MAX = KEY_COMPONENT_MAX - 24 };
// The leading components of a key up to the first that was cut, among the first `fields`; n = 0:
// none was. What comes between keys that share them is not in the order of the values.
struct slice index_key_cut(const struct index_def *index, struct slice components, uint32_t fields);

// The fields (bit i: field i) by which some document of the tablet ever made the index multikey, as
// of view (NULL: newest); 0: it is not. Conditions on a field that is not among them may be
// intersected into one range. While there is none, each document has one entry, and an entry's
// components are the document's values (but for cut ones).
MUST_USE nacre_status index_multikey_read(struct ctx *ctx, struct kv *kv, struct kv_view *view,
                                          uint32_t tablet, uint32_t index_id, uint16_t *out);

struct index_entry {
    uint64_t begin_ts, rowid;
    const uint8_t *type_bits;
};
// value belongs to an entry of index. NACRE_CORRUPT, NACRE_INCOMPATIBLE_FORMAT.
MUST_USE nacre_status index_entry_decode(struct ctx *ctx, struct slice value,
                                         struct index_entry *out);
// Type bits (enum key_type_bits) of component i.
static inline uint8_t index_type_bits(const uint8_t *type_bits, uint32_t i) {
    return (type_bits[i / 4] >> (2 * (i % 4))) & 3;
}
MUST_USE nacre_status index_guard_decode(struct ctx *ctx, struct slice value, uint64_t *begin_ts,
                                         struct slice *id_key);
// Splits an entry key (full, without end_ts) into its components and the typed id at its end.
// NACRE_CORRUPT if malformed.
MUST_USE nacre_status index_key_split(struct ctx *ctx, const struct index_def *index,
                                      struct slice key, struct slice *components,
                                      struct slice *id_key);

#endif
