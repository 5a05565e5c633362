// The overlay: what the pending batch holds, seen before it is written.
//
// It is an index over the batch's own bytes: a slot says where an entry lies, nothing is copied. So
// it is emptied by a new epoch (a group costs no allocation), and what was found is good until the
// batch grows. Linear probing; at most half of the slots are in use.
#include "base/bits/bits.h"
#include "txn/apply.h"

enum { FIRST_CAP = 1024, KEEP_CAP = 1 << 16 };

struct overlay_slot {
    uint64_t hash;
    size_t at; // of the entry in the batch
    uint64_t epoch;
};

static bool entry_at(const struct txn *t, size_t at, struct kv_batch_entry *out) {
    struct slice rest = slice_skip(buf_slice(&t->batch.bytes), at);
    return kv_batch_next(&rest, out);
}

// The key's slot, or the free one where it would stand.
static struct overlay_slot *slot_of(const struct txn *t, struct slice key, uint64_t hash) {
    const struct overlay *o = &t->overlay;
    for (size_t i = (size_t)hash & (o->cap - 1);; i = (i + 1) & (o->cap - 1)) {
        struct overlay_slot *slot = &o->slots[i];
        struct kv_batch_entry e;
        if (slot->epoch != o->epoch) return slot;
        if (slot->hash == hash && entry_at(t, slot->at, &e) && slice_eq(e.key, key)) return slot;
    }
}

static bool grow(struct txn *t) {
    struct overlay *o = &t->overlay, old = *o;
    if (o->count < o->cap / 2) return true;
    size_t cap = o->cap ? o->cap * 2 : FIRST_CAP;
    struct overlay_slot *slots = mem_zalloc(cap * sizeof *slots);
    if (!slots) return false;
    o->slots = slots;
    o->cap = cap;
    if (!o->epoch) o->epoch = 1;
    for (size_t i = 0; i < old.cap; i++) {
        if (old.slots[i].epoch != old.epoch) continue;
        size_t to = (size_t)old.slots[i].hash & (cap - 1);
        while (slots[to].epoch == o->epoch)
            to = (to + 1) & (cap - 1);
        slots[to] = old.slots[i];
    }
    mem_free(old.slots);
    return true;
}

void overlay_free(struct txn *t) {
    mem_free(t->overlay.slots);
    t->overlay = (struct overlay){.seed = t->overlay.seed};
}

void overlay_clear(struct txn *t) {
    if (t->overlay.cap > KEEP_CAP) overlay_free(t);
    if (t->overlay.count) t->overlay.epoch++; // 64 bits: it does not come round
    t->overlay.count = 0;
}

bool overlay_find(const struct txn *t, struct slice key, struct slice *out, bool *there) {
    struct kv_batch_entry e;
    if (!t->use_overlay || !t->overlay.count) return false;
    uint64_t hash = hash_bytes_seed(key.p, key.n, t->overlay.seed);
    const struct overlay_slot *slot = slot_of(t, key, hash);
    if (slot->epoch != t->overlay.epoch || !entry_at(t, slot->at, &e)) return false;
    *out = e.value;
    *there = e.op == KV_OP_PUT;
    return true;
}

static bool is_remembered(const struct kv_batch_entry *e) {
    if (e->family != KV_DATA || e->key.n < KEYSPACE_PREFIX) return false;
    uint8_t kind = e->key.p[4];
    return kind == KIND_DOCUMENT || kind == KIND_UNIQUE || kind == KIND_INDEX ||
           kind == KIND_MULTIKEY || kind == KIND_IDEMPOTENCY;
}

nacre_status overlay_absorb(struct txn *t, size_t from) {
    struct slice rest = slice_skip(buf_slice(&t->batch.bytes), from);
    struct kv_batch_entry e;
    for (size_t at = from; kv_batch_next(&rest, &e); at = t->batch.bytes.n - rest.n) {
        if (!is_remembered(&e)) continue;
        if (!grow(t)) return err_nomem(&t->ctx);
        uint64_t hash = hash_bytes_seed(e.key.p, e.key.n, t->overlay.seed);
        struct overlay_slot *slot = slot_of(t, e.key, hash);
        if (slot->epoch != t->overlay.epoch) t->overlay.count++;
        *slot = (struct overlay_slot){.hash = hash, .at = at, .epoch = t->overlay.epoch};
    }
    return NACRE_OK;
}

// --- as a store -------------------------------------------------------------------------

static void overlay_unpin(struct kv *kv, struct kv_pin *pin) {
    struct overlay_kv *o = (struct overlay_kv *)kv;
    if (pin->handle) o->txn->kv->ops->unpin(o->txn->kv, pin);
}

static nacre_status overlay_get(struct kv *kv, struct ctx *ctx, struct kv_view *view,
                                enum kv_family family, struct slice key, struct kv_pin *out,
                                bool *found) {
    struct overlay_kv *o = (struct overlay_kv *)kv;
    struct txn *t = o->txn;
    struct slice value;
    if (family != KV_DATA || !overlay_find(t, key, &value, found))
        return t->kv->ops->get(t->kv, ctx, view, family, key, out, found);
    *out = (struct kv_pin){.value = *found ? value : slice_of(NULL, 0)};
    return NACRE_OK;
}

void overlay_open(struct overlay_kv *overlay, struct txn *t) {
    overlay->txn = t;
    overlay->ops = *t->kv->ops;
    overlay->ops.get = overlay_get;
    overlay->ops.unpin = overlay_unpin;
    overlay->kv.ops = &overlay->ops;
}
