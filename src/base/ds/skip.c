#include "base/ds/skip.h"

enum { SKIP_HEIGHT_MAX = 16 };

void skip_init(struct skip *skip, struct arena *arena) {
    *skip = (struct skip){.arena = arena, .random = 0x9E3779B97F4A7C15u};
}

// Heights: 1 with probability 3/4, and so on. The sequence is the same every time, and keys have no
// influence on it.
static int height_of(struct skip *skip) {
    uint64_t x = skip->random;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    skip->random = x;
    int height = 1;
    for (; (x & 3) == 0 && height < SKIP_HEIGHT_MAX; x >>= 2)
        height++;
    return height;
}

static struct skip_node *make_node(struct skip *skip, struct slice key, int height) {
    size_t links = (size_t)height * sizeof(struct skip_node *);
    struct skip_node *node = arena_zalloc(skip->arena, sizeof *node + links + key.n);
    if (!node) return NULL;
    uint8_t *bytes = (uint8_t *)node + sizeof *node + links;
    if (key.n) memcpy(bytes, key.p, key.n);
    node->key = bytes;
    node->key_size = key.n;
    return node;
}

// The last node before key at every height, and at the lowest.
static struct skip_node *descend(const struct skip *skip, struct slice key,
                                 struct skip_node *path[SKIP_HEIGHT_MAX]) {
    struct skip_node *at = skip->head;
    for (int level = SKIP_HEIGHT_MAX - 1; level >= 0; level--) {
        while (at->next[level] && slice_cmp(skip_key(at->next[level]), key) < 0)
            at = at->next[level];
        if (path) path[level] = at;
    }
    return at;
}

struct skip_node *skip_put(struct skip *skip, struct slice key) {
    struct skip_node *path[SKIP_HEIGHT_MAX];
    if (!skip->head && !(skip->head = make_node(skip, (struct slice){0}, SKIP_HEIGHT_MAX)))
        return NULL;
    struct skip_node *next = descend(skip, key, path)->next[0];
    if (next && slice_eq(skip_key(next), key)) return next;
    int height = height_of(skip);
    struct skip_node *node = make_node(skip, key, height);
    if (!node) return NULL;
    for (int level = 0; level < height; level++) {
        node->next[level] = path[level]->next[level];
        path[level]->next[level] = node;
    }
    node->prev = path[0] == skip->head ? NULL : path[0];
    if (next) next->prev = node;
    skip->count++;
    return node;
}

struct skip_node *skip_at_or_after(const struct skip *skip, struct slice key) {
    return skip->head ? descend(skip, key, NULL)->next[0] : NULL;
}

struct skip_node *skip_find(const struct skip *skip, struct slice key) {
    struct skip_node *node = skip_at_or_after(skip, key);
    return node && slice_eq(skip_key(node), key) ? node : NULL;
}

struct skip_node *skip_before(const struct skip *skip, struct slice key) {
    if (!skip->head) return NULL;
    struct skip_node *node = descend(skip, key, NULL);
    return node == skip->head ? NULL : node;
}

struct skip_node *skip_first(const struct skip *skip) {
    return skip->head ? skip->head->next[0] : NULL;
}
