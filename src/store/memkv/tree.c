#include "store/memkv/tree.h"

#include "base/bits/bits.h"

struct tree_node {
    atomic_uint refs;
    struct tree_item *item;
    struct tree_node *left, *right;
};

struct tree_item *tree_item_new(struct slice key, struct slice value) {
    size_t size = 0;
    if (__builtin_add_overflow(key.n, value.n, &size) || size > SIZE_MAX / 2) return NULL;
    struct tree_item *item = mem_alloc(sizeof *item + size);
    if (!item) return NULL;
    atomic_init(&item->refs, 1);
    item->priority = hash_bytes(key.p, key.n);
    item->key_size = key.n;
    item->value_size = value.n;
    if (key.n) memcpy(item->bytes, key.p, key.n);
    if (value.n) memcpy(item->bytes + key.n, value.p, value.n);
    return item;
}

void tree_item_hold(struct tree_item *item) {
    atomic_fetch_add_explicit(&item->refs, 1, memory_order_relaxed);
}

void tree_item_drop(struct tree_item *item) {
    if (item && atomic_fetch_sub_explicit(&item->refs, 1, memory_order_acq_rel) == 1)
        mem_free(item);
}

struct tree_node *tree_hold(struct tree_node *root) {
    if (root) atomic_fetch_add_explicit(&root->refs, 1, memory_order_relaxed);
    return root;
}

void tree_drop(struct tree_node *root) {
    while (root && atomic_fetch_sub_explicit(&root->refs, 1, memory_order_acq_rel) == 1) {
        struct tree_node *right = root->right;
        tree_drop(root->left);
        tree_item_drop(root->item);
        mem_free(root);
        root = right;
    }
}

// A node over left and right, whose references it takes over, also when it fails.
static struct tree_node *node_new(struct tree_item *item, struct tree_node *left,
                                  struct tree_node *right) {
    struct tree_node *node = mem_alloc(sizeof *node);
    if (!node) {
        tree_drop(left);
        tree_drop(right);
        return NULL;
    }
    atomic_init(&node->refs, 1);
    tree_item_hold(item);
    node->item = item;
    node->left = left;
    node->right = right;
    return node;
}

// Keys below the cut into *low, the others into *high; a key equal to the cut goes low if
// equal_low. root stays the caller's.
static bool split(struct tree_node *root, struct slice cut, bool equal_low, struct tree_node **low,
                  struct tree_node **high) {
    *low = *high = NULL;
    if (!root) return true;
    int c = slice_cmp(tree_key(root->item), cut);
    struct tree_node *a = NULL, *b = NULL;
    if (c < 0 || (c == 0 && equal_low)) {
        if (!split(root->right, cut, equal_low, &a, &b)) return false;
        *low = node_new(root->item, tree_hold(root->left), a);
        if (*low) *high = b;
        else tree_drop(b);
        return *low != NULL;
    }
    if (!split(root->left, cut, equal_low, &a, &b)) return false;
    *high = node_new(root->item, b, tree_hold(root->right));
    if (*high) *low = a;
    else tree_drop(a);
    return *high != NULL;
}

// Equal hashes of different keys are told apart by the keys, so that the shape stays a function of
// the content.
static bool above(const struct tree_item *a, const struct tree_item *b) {
    if (a->priority != b->priority) return a->priority > b->priority;
    return slice_cmp(tree_key(a), tree_key(b)) < 0;
}

// All keys of low lie before those of high. Both stay the caller's.
static bool join(struct tree_node *low, struct tree_node *high, struct tree_node **out) {
    *out = NULL;
    if (!low || !high) {
        *out = tree_hold(low ? low : high);
        return true;
    }
    struct tree_node *middle = NULL;
    if (above(low->item, high->item)) {
        if (!join(low->right, high, &middle)) return false;
        *out = node_new(low->item, tree_hold(low->left), middle);
    } else {
        if (!join(low, high->left, &middle)) return false;
        *out = node_new(high->item, middle, tree_hold(high->right));
    }
    return *out != NULL;
}

static bool join_with(struct tree_node *low, struct tree_item *item, struct tree_node *high,
                      struct tree_node **out) {
    if (!item) return join(low, high, out);
    struct tree_node *one = node_new(item, NULL, NULL), *most = NULL;
    bool ok = one && join(low, one, &most) && join(most, high, out);
    tree_drop(one);
    tree_drop(most);
    return ok;
}

bool tree_replace(struct tree_node **root, struct slice begin, struct slice end, bool with_end,
                  struct tree_item *item) {
    struct tree_node *low = NULL, *rest = NULL, *gone = NULL, *high = NULL, *joined = NULL;
    bool ok = split(*root, begin, false, &low, &rest) && split(rest, end, with_end, &gone, &high) &&
              join_with(low, item, high, &joined);
    tree_drop(low);
    tree_drop(rest);
    tree_drop(gone);
    tree_drop(high);
    if (!ok) return false;
    tree_drop(*root);
    *root = joined;
    return true;
}

struct tree_item *tree_find(const struct tree_node *root, struct slice key) {
    struct tree_item *item = tree_at_or_after(root, key, true);
    return item && slice_eq(tree_key(item), key) ? item : NULL;
}

struct tree_item *tree_at_or_after(const struct tree_node *root, struct slice key, bool or_equal) {
    struct tree_item *best = NULL;
    while (root) {
        int c = slice_cmp(tree_key(root->item), key);
        if (c == 0 && or_equal) return root->item;
        if (c > 0) best = root->item;
        root = c > 0 ? root->left : root->right;
    }
    return best;
}

struct tree_item *tree_at_or_before(const struct tree_node *root, struct slice key, bool or_equal) {
    struct tree_item *best = NULL;
    while (root) {
        int c = slice_cmp(tree_key(root->item), key);
        if (c == 0 && or_equal) return root->item;
        if (c < 0) best = root->item;
        root = c < 0 ? root->right : root->left;
    }
    return best;
}

struct tree_item *tree_first(const struct tree_node *root) {
    while (root && root->left) root = root->left;
    return root ? root->item : NULL;
}

struct tree_item *tree_last(const struct tree_node *root) {
    while (root && root->right) root = root->right;
    return root ? root->item : NULL;
}
