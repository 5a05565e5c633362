// A store seen through changes that are not in it: gets and iterators merge an ordered delta over a
// view of a base store. Keys and values are bytes; only the data family has a delta.
//
//   delta   what was put and deleted, each change with the number of its step, so that a reader
//           sees the steps up to one and no later ones. Counted: layers and their owner hold it.
//   layer   a struct kv over (base, view, delta, step). Read only. Its gets ignore the view they
//           are given: there is one.
//   watch   told what was read from the base, and what was not there.
//
// Thread rule: a delta and its layers belong to one thread at a time; references may be dropped by
// any.
#ifndef STORE_LAYER_LAYER_H
#define STORE_LAYER_LAYER_H

#include "base/ds/skip.h"
#include "base/err/ctx.h"
#include "store/kv.h"

struct kv_watch {
    void *arg;
    // A key was looked up in the base; value.p NULL: it is not there.
    void (*got)(void *arg, struct slice key, struct slice value);
    // All of [lower, upper) was read in the base, which has count entries there that counts()
    // accepts.
    void (*range)(void *arg, struct slice lower, struct slice upper, uint64_t count);
    bool (*counts)(void *arg, struct slice key, struct slice value);
    void (*lost)(void *arg); // something was read that cannot be told: no memory
};

struct kv_delta {
    atomic_uint refs;
    struct arena arena;
    struct skip keys; // → struct delta_change, newest first
    uint64_t step;
    struct kv_watch *watch; // of the layers that read; NULL: nobody is told (any more)
};

// NULL: no memory. max_bytes bounds what it holds, charged to budget.
struct kv_delta *kv_delta_new(struct budget *budget, size_t max_bytes);
void kv_delta_unref(struct kv_delta *delta); // accepts NULL
// A change of the step that runs. False: no memory or the bound; the step is then half done.
MUST_USE bool kv_delta_put(struct kv_delta *delta, struct slice key, struct slice value,
                           bool there);
// False: the delta says nothing about the key up to step. *out lives as long as the delta.
bool kv_delta_find(const struct kv_delta *delta, uint64_t step, struct slice key, struct slice *out,
                   bool *there);

struct kv_layer {
    struct kv kv;
    struct kv *base;
    struct kv_view *view;   // of base
    struct kv_delta *delta; // NULL: nothing is changed
    uint64_t step;          // UINT64_MAX: every one
    struct kv_watch **watch;
    void (*drop)(void *arg); // by view_close: what the layer holds besides its delta
    void *drop_arg;
};
// base, view, delta and watch must live as long as the layer.
void kv_layer_init(struct kv_layer *layer, struct kv *base, struct kv_view *view,
                   struct kv_delta *delta);
// A layer on the heap over the steps done so far. Closed, once, by
// kv->ops->view_close(kv, kv_layer_view(kv)): then it gives back its reference to the delta and
// calls drop. NULL: no memory.
struct kv_layer *kv_layer_open(struct kv *base, struct kv_view *view, struct kv_delta *delta,
                               void (*drop)(void *), void *drop_arg);
struct kv_view *kv_layer_view(struct kv_layer *layer);

// Inside the folder.
struct delta_change {
    struct delta_change *older;
    uint64_t step;
    bool there;
    struct slice value;
};
// The change of a node that a layer sees; NULL: none.
const struct delta_change *layer_seen(const struct skip_node *node, uint64_t step);
MUST_USE nacre_status layer_iter_open(struct kv *kv, struct ctx *ctx, struct kv_view *view,
                                      enum kv_family family, const struct kv_iter_options *options,
                                      struct kv_iter **out);

#endif
