// Inside the room: the bytes of entries, guards and marks. docs/format/index.md.
#ifndef INDEX_ENTRY_BYTES_H
#define INDEX_ENTRY_BYTES_H

#include "index/entry.h"

enum { INDEX_ENTRY_FORMAT = 1, INDEX_GUARD_FORMAT = 1, INDEX_MARK_FORMAT = 2 };
enum {
    INDEX_ENTRY_HEAD = 1 + 8 + 8,
    INDEX_GUARD_HEAD = 1 + 8,
    INDEX_MARK_SIZE = 1 + 2,
    INDEX_KEY_HEAD = KEYSPACE_PREFIX + 4
};

static inline uint32_t index_type_bits_size(const struct index_def *index) {
    return (index->field_count * 2 + 7) / 8;
}

// These replace the content of out. id_key: the typed id.
void index_entry_key(struct buf *out, uint32_t tablet, uint32_t index_id, struct slice components,
                     struct slice id_key);
void index_guard_key(struct buf *out, uint32_t tablet, uint32_t index_id, struct slice components);
void index_entry_value(struct buf *out, const struct index_def *index,
                       const struct index_entry *entry);
void index_guard_value(struct buf *out, uint64_t begin_ts, struct slice id_key);

// The path as a JSON Pointer into the document, cut to its room.
void index_pointer(const struct path *path, char out[ERR_TEXT_MAX]);

// What one change of one document is done with. Buffers are the caller's to free.
struct index_work {
    struct ctx *ctx;
    struct kv *kv; // NULL: not given
    const struct index_def *index;
    const struct index_change *change;
    struct kv_batch *batch;
    struct slice id_key;
    struct buf id, key, value, old;
    int64_t bytes;
    bool keeps_history; // of what goes
};
MUST_USE nacre_status index_work_init(struct index_work *w, struct ctx *ctx,
                                      const struct index_change *change);
void index_work_free(struct index_work *w);
// The keys of doc in w->index; none if doc is NULL or not covered.
MUST_USE nacre_status index_work_keys(struct index_work *w, const struct doc *doc,
                                      struct index_keys *out);
// The keys before and after w->change. A document that does not fit an index that is being built
// (parallel arrays) was stored before the index was made: it has no keys, and may be changed or
// deleted. If it still does not fit when the build comes to it, the build fails.
MUST_USE nacre_status index_work_change_keys(struct index_work *w, struct index_keys *before,
                                             struct index_keys *after);
// Reads the guard in w->key: *held if another document has it, *own if this one does.
MUST_USE nacre_status index_work_guard(struct index_work *w, bool *held, bool *own);
// Whether key has a guard at all. NACRE_INVALID_ARGUMENT if its value was cut.
MUST_USE nacre_status index_work_guarded(struct index_work *w, const struct index_key *key,
                                         bool *out);
MUST_USE nacre_status index_work_violation(struct index_work *w, const struct index_key *key);

#endif
