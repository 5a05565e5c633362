#include "support/powerloss.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/preload/faultio_trace.h"

enum { SECTOR = 512, NONE = -1 };

struct rec {
    struct faultio_record head;
    const char *path, *path2; // terminated copies
    const uint8_t *data;
    int file;          // index of the inode it is about, or NONE
    int dir, dir2;     // index of the directories whose names it changes, or NONE
    size_t sync_begin; // of a SYNC_END: the index of its SYNC_BEGIN
};

struct inode {
    uint8_t *base; // content when the recording began
    size_t base_size;
    bool is_dir;
};

struct name {
    char *path;
    int inode;
};

struct names {
    struct name *items;
    size_t count, cap;
};

struct powerloss {
    uint8_t *trace;
    struct rec *recs;
    size_t rec_count;
    struct inode *inodes;
    size_t inode_count, inode_cap;
    struct names base; // of files and directories
};

static void *grown(void *p, size_t count, size_t *cap, size_t size) {
    if (count < *cap) return p;
    *cap = *cap ? *cap * 2 : 64;
    void *bigger = realloc(p, *cap * size);
    if (!bigger) abort();
    return bigger;
}

static char *copy_text(const char *text, size_t n) {
    char *out = malloc(n + 1);
    if (!out) abort();
    memcpy(out, text, n);
    out[n] = '\0';
    return out;
}

// ---- names

static struct name *names_find(const struct names *names, const char *path) {
    for (size_t i = 0; i < names->count; i++)
        if (strcmp(names->items[i].path, path) == 0) return &names->items[i];
    return NULL;
}

static void names_set(struct names *names, const char *path, int inode) {
    struct name *at = names_find(names, path);
    if (!at) {
        names->items = grown(names->items, names->count, &names->cap, sizeof *names->items);
        at = &names->items[names->count++];
        at->path = copy_text(path, strlen(path));
    }
    at->inode = inode;
}

static void names_remove(struct names *names, const char *path) {
    struct name *at = names_find(names, path);
    if (!at) return;
    free(at->path);
    *at = names->items[--names->count];
}

// Moves a name, and all below it if it is a directory.
static void names_move(struct names *names, const char *from, const char *to) {
    size_t n = strlen(from);
    names_remove(names, to);
    for (size_t i = 0; i < names->count; i++) {
        char *path = names->items[i].path, moved[PATH_MAX];
        if (strncmp(path, from, n) != 0 || (path[n] && path[n] != '/')) continue;
        (void)snprintf(moved, sizeof moved, "%s%s", to, path + n);
        names->items[i].path = copy_text(moved, strlen(moved));
        free(path);
    }
}

static void names_free(struct names *names) {
    for (size_t i = 0; i < names->count; i++) free(names->items[i].path);
    free(names->items);
    *names = (struct names){0};
}

static struct names names_copy(const struct names *names) {
    struct names copy = {0};
    for (size_t i = 0; i < names->count; i++)
        names_set(&copy, names->items[i].path, names->items[i].inode);
    return copy;
}

static bool parent_present(const struct names *names, const char *path) {
    char parent[PATH_MAX];
    (void)snprintf(parent, sizeof parent, "%s", path);
    char *slash = strrchr(parent, '/');
    if (!slash) return true;
    *slash = '\0';
    return names_find(names, parent) != NULL;
}

// What one record does to names; false if it is not about names.
static bool names_apply(struct names *names, const struct rec *r) {
    switch (r->head.op) {
    case FAULTIO_CREATE:
    case FAULTIO_MKDIR:
        if (parent_present(names, r->path)) names_set(names, r->path, r->file);
        return true;
    case FAULTIO_RENAME:
        if (names_find(names, r->path) && parent_present(names, r->path2))
            names_move(names, r->path, r->path2);
        return true;
    case FAULTIO_LINK: {
        const struct name *from = names_find(names, r->path);
        if (from && parent_present(names, r->path2)) names_set(names, r->path2, from->inode);
        return true;
    }
    case FAULTIO_UNLINK:
        names_remove(names, r->path);
        return true;
    default:
        return false;
    }
}

// ---- loading

static uint8_t *read_file(const char *path, size_t *size) {
    FILE *f = fopen(path, "rb");
    struct stat st;
    if (!f) return NULL;
    uint8_t *bytes = NULL;
    if (fstat(fileno(f), &st) == 0) bytes = malloc((size_t)st.st_size + 1);
    if (bytes) *size = fread(bytes, 1, (size_t)st.st_size, f);
    (void)fclose(f);
    return bytes;
}

static int inode_new(struct powerloss *pl, bool is_dir) {
    pl->inodes = grown(pl->inodes, pl->inode_count, &pl->inode_cap, sizeof *pl->inodes);
    pl->inodes[pl->inode_count] = (struct inode){.is_dir = is_dir};
    return (int)pl->inode_count++;
}

static bool base_load(struct powerloss *pl, const char *dir, const char *prefix) {
    DIR *d = opendir(dir);
    if (!d) return false;
    bool ok = true;
    for (const struct dirent *e; ok && (e = readdir(d));) {
        char full[PATH_MAX], relative[PATH_MAX];
        struct stat st;
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
        if (snprintf(full, sizeof full, "%s/%s", dir, e->d_name) >= (int)sizeof full) continue;
        (void)snprintf(relative, sizeof relative, "%s%s%s", prefix, *prefix ? "/" : "", e->d_name);
        ok = stat(full, &st) == 0;
        if (!ok) break;
        int inode = inode_new(pl, S_ISDIR(st.st_mode));
        names_set(&pl->base, relative, inode);
        if (S_ISDIR(st.st_mode)) ok = base_load(pl, full, relative);
        else pl->inodes[inode].base = read_file(full, &pl->inodes[inode].base_size);
    }
    (void)closedir(d);
    return ok;
}

// Inode numbers of the file system → ours; a number may be given again after its file was removed.
struct bindings {
    struct {
        uint64_t ino;
        int inode;
    } * items;
    size_t count, cap;
};

static int bound(const struct bindings *b, uint64_t ino) {
    for (size_t i = b->count; ino && i-- > 0;)
        if (b->items[i].ino == ino) return b->items[i].inode;
    return NONE;
}

static int bind_ino(struct bindings *b, uint64_t ino, int inode) {
    b->items = grown(b->items, b->count, &b->cap, sizeof *b->items);
    b->items[b->count].ino = ino;
    b->items[b->count++].inode = inode;
    return inode;
}

// A directory that no record made was there before.
static int bound_dir(struct powerloss *pl, struct bindings *b, uint64_t ino) {
    int inode = bound(b, ino);
    return inode != NONE || !ino ? inode : bind_ino(b, ino, inode_new(pl, true));
}

static size_t find_begin(const struct powerloss *pl, size_t end) {
    for (size_t i = end; i-- > 0;) {
        const struct faultio_record *h = &pl->recs[i].head;
        if (h->op == FAULTIO_SYNC_BEGIN && h->offset == pl->recs[end].head.offset) return i;
    }
    return 0;
}

// Gives the record its inodes. live: the names as they are after the records before it.
static void resolve(struct powerloss *pl, struct bindings *b, struct names *live, size_t index) {
    struct rec *r = &pl->recs[index];
    uint64_t ino = r->head.ino;
    r->file = r->dir = r->dir2 = NONE;
    if (r->head.op == FAULTIO_OPEN) {
        const struct name *known = names_find(live, r->path);
        if (known) r->file = bind_ino(b, ino, known->inode);
        else r->head.op = FAULTIO_CREATE; // made by a call that was not seen
    }
    if (r->head.op == FAULTIO_CREATE || r->head.op == FAULTIO_MKDIR)
        r->file = bind_ino(b, ino, inode_new(pl, r->head.op == FAULTIO_MKDIR));
    else if (r->file == NONE) r->file = bound(b, ino);
    if (r->head.op == FAULTIO_SYNC_BEGIN && r->file == NONE) r->file = bound_dir(pl, b, ino);
    if (r->head.op == FAULTIO_SYNC_END) r->sync_begin = find_begin(pl, index);
    r->dir = bound_dir(pl, b, r->head.dir_ino);
    r->dir2 = bound_dir(pl, b, r->head.dir2_ino);
    (void)names_apply(live, r);
}

static bool parse(struct powerloss *pl, size_t size) {
    size_t at = 0, cap = 0;
    while (size - at >= sizeof(struct faultio_record)) {
        struct rec r = {0};
        memcpy(&r.head, pl->trace + at, sizeof r.head);
        size_t paths = (size_t)r.head.path_size + r.head.path2_size;
        if (r.head.magic != FAULTIO_MAGIC) return false;
        if (r.head.data_size > size || size - at - sizeof r.head < paths + r.head.data_size) break;
        const char *text = (const char *)pl->trace + at + sizeof r.head;
        r.path = copy_text(text, r.head.path_size);
        r.path2 = copy_text(text + r.head.path_size, r.head.path2_size);
        r.data = (const uint8_t *)text + paths;
        at += sizeof r.head + paths + (size_t)r.head.data_size;
        pl->recs = grown(pl->recs, pl->rec_count, &cap, sizeof *pl->recs);
        pl->recs[pl->rec_count++] = r;
    }
    return true;
}

struct powerloss *powerloss_load(const char *trace_path, const char *base_dir) {
    size_t size = 0;
    struct powerloss *pl = calloc(1, sizeof *pl);
    if (!pl) abort();
    pl->trace = read_file(trace_path, &size);
    bool ok = pl->trace && (!base_dir || base_load(pl, base_dir, "")) && parse(pl, size);
    struct bindings bindings = {0};
    struct names live = names_copy(&pl->base);
    for (size_t i = 0; ok && i < pl->rec_count; i++) resolve(pl, &bindings, &live, i);
    names_free(&live);
    free(bindings.items);
    if (ok) return pl;
    powerloss_free(pl);
    return NULL;
}

void powerloss_free(struct powerloss *pl) {
    if (!pl) return;
    for (size_t i = 0; i < pl->rec_count; i++) {
        free((void *)(uintptr_t)pl->recs[i].path);
        free((void *)(uintptr_t)pl->recs[i].path2);
    }
    for (size_t i = 0; i < pl->inode_count; i++) free(pl->inodes[i].base);
    names_free(&pl->base);
    free(pl->inodes);
    free(pl->recs);
    free(pl->trace);
    free(pl);
}

size_t powerloss_cuts(const struct powerloss *pl) { return pl->rec_count; }

uint64_t powerloss_mark(const struct powerloss *pl, size_t cut) {
    while (cut-- > 0)
        if (pl->recs[cut].head.op == FAULTIO_MARK) return pl->recs[cut].head.offset;
    return 0;
}

bool powerloss_is_sync(const struct powerloss *pl, size_t cut) {
    return cut > 0 && pl->recs[cut - 1].head.op == FAULTIO_SYNC_END;
}

// ---- building

// splitmix64 (Steele, Lea, Flood 2014) over what a choice is about: the same choice for the same
// seed.
static uint64_t choice(uint64_t seed, uint64_t a, uint64_t b) {
    uint64_t z = seed * 0x9e3779b97f4a7c15u + a * 0xbf58476d1ce4e5b9u + b * 0x94d049bb133111ebu;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

struct build {
    const struct powerloss *pl;
    size_t cut;
    enum powerloss_mode mode;
    uint64_t seed;
    size_t *durable; // per inode: records before this index are durable
};

static void durable_find(struct build *b) {
    for (size_t i = 0; i < b->cut; i++) {
        const struct rec *r = &b->pl->recs[i];
        if (r->head.op != FAULTIO_SYNC_END) continue;
        int inode = b->pl->recs[r->sync_begin].file;
        if (inode != NONE && r->sync_begin > b->durable[inode]) b->durable[inode] = r->sync_begin;
    }
}

// How many of `open` things that are not durable have happened: all, none, or any number.
static size_t happened(const struct build *b, uint64_t a, uint64_t c, size_t open) {
    if (b->mode == POWERLOSS_KEEP) return open;
    if (b->mode == POWERLOSS_DROP) return 0;
    return (size_t)(choice(b->seed, a, c) % (open + 1));
}

static bool changes_dir(const struct rec *r, int dir) {
    bool names = r->head.op == FAULTIO_CREATE || r->head.op == FAULTIO_MKDIR ||
                 r->head.op == FAULTIO_RENAME || r->head.op == FAULTIO_LINK ||
                 r->head.op == FAULTIO_UNLINK;
    return names && dir != NONE && (r->dir == dir || r->dir2 == dir);
}

// The index from which on changes of names in the directory have not happened.
static size_t dir_cut(const struct build *b, int dir) {
    size_t open = 0, at = b->durable[dir];
    for (size_t i = at; i < b->cut; i++) open += changes_dir(&b->pl->recs[i], dir);
    size_t left = happened(b, 1, (uint64_t)dir, open);
    for (; at < b->cut; at++)
        if (changes_dir(&b->pl->recs[at], dir) && left-- == 0) break;
    return at;
}

static struct names names_build(const struct build *b) {
    struct names names = names_copy(&b->pl->base);
    size_t *cuts = calloc(b->pl->inode_count + 1, sizeof *cuts);
    if (!cuts) abort();
    for (size_t i = 0; i < b->pl->inode_count; i++)
        if (b->pl->inodes[i].is_dir) cuts[i] = dir_cut(b, (int)i);
    for (size_t i = 0; i < b->cut; i++) {
        const struct rec *r = &b->pl->recs[i];
        // A rename between two directories has happened when the one it goes to says so.
        int dir = r->dir2 != NONE ? r->dir2 : r->dir;
        if (dir != NONE && i >= cuts[dir]) continue;
        (void)names_apply(&names, r);
    }
    free(cuts);
    return names;
}

struct content {
    uint8_t *bytes;
    size_t size, cap;
};

static void content_grow(struct content *c, size_t size) {
    if (size > c->cap) {
        size_t cap = size * 2 + SECTOR;
        c->bytes = realloc(c->bytes, cap);
        if (!c->bytes) abort();
        memset(c->bytes + c->cap, 0, cap - c->cap);
        c->cap = cap;
    }
    if (size > c->size) c->size = size;
}

static bool is_data(const struct rec *r, int inode) {
    return r->file == inode && (r->head.op == FAULTIO_WRITE || r->head.op == FAULTIO_TRUNCATE ||
                                r->head.op == FAULTIO_ZERO || r->head.op == FAULTIO_EXTEND);
}

// The size that a file of this size has after the record.
static size_t size_after(const struct rec *r, size_t size) {
    size_t to = (size_t)r->head.offset;
    if (r->head.op == FAULTIO_TRUNCATE) return to;
    if (r->head.op == FAULTIO_ZERO) return size;
    if (r->head.op == FAULTIO_WRITE) to += (size_t)r->head.data_size;
    return to > size ? to : size;
}

// The bytes [from, to) that the record changes, and their source; NULL = zeros.
static const uint8_t *span(const struct rec *r, size_t size, size_t *from, size_t *to) {
    *from = (size_t)r->head.offset;
    *to = *from;
    if (r->head.op == FAULTIO_WRITE) *to = *from + (size_t)r->head.data_size;
    if (r->head.op == FAULTIO_ZERO) *to = *from + (size_t)r->head.length;
    if (r->head.op == FAULTIO_TRUNCATE && size > *from)
        *to = size; // cut off: zeros if it grows again
    if (r->head.op != FAULTIO_WRITE && *to > size) *to = size;
    if (*to < *from) *to = *from;
    return r->head.op == FAULTIO_WRITE ? r->data : NULL;
}

// Applies the record to the sectors in which it has happened: those that took part in more than
// `order` of the open records. order NONE: to all.
static void apply_data(const struct build *b, struct content *c, const struct rec *r, int inode,
                       long order, size_t open) {
    size_t from, to;
    const uint8_t *source = span(r, c->cap, &from, &to);
    if (r->head.op == FAULTIO_WRITE) {
        size_t size = c->size;
        content_grow(c, to);
        c->size = size;
    }
    for (size_t at = from; at < to;) {
        size_t end = (at / SECTOR + 1) * SECTOR < to ? (at / SECTOR + 1) * SECTOR : to;
        uint64_t about = (uint64_t)inode << 40 | (at / SECTOR + 2);
        if (order == NONE || happened(b, 2, about, open) > (size_t)order) {
            if (source) memcpy(c->bytes + at, source + (at - from), end - at);
            else memset(c->bytes + at, 0, end - at);
        }
        at = end;
    }
}

// One file in four keeps all, one drops all: the corners, which sampling by sector hardly meets.
static enum powerloss_mode file_mode(const struct build *b, int inode) {
    if (b->mode != POWERLOSS_SAMPLE) return b->mode;
    switch (choice(b->seed, 3, (uint64_t)inode) % 4) {
    case 0:
        return POWERLOSS_KEEP;
    case 1:
        return POWERLOSS_DROP;
    default:
        return POWERLOSS_SAMPLE;
    }
}

static struct content content_build(const struct build *base, int inode) {
    struct build b = *base;
    b.mode = file_mode(base, inode);
    struct content c = {0};
    const struct inode *node = &b.pl->inodes[inode];
    content_grow(&c, node->base_size);
    if (node->base_size) memcpy(c.bytes, node->base, node->base_size);
    size_t open = 0, size = node->base_size;
    for (size_t i = b.durable[inode]; i < b.cut; i++) open += is_data(&b.pl->recs[i], inode);
    size_t size_steps = happened(&b, 2, (uint64_t)inode << 40 | 1, open);
    long order = 0;
    for (size_t i = 0; i < b.cut; i++) {
        const struct rec *r = &b.pl->recs[i];
        if (!is_data(r, inode)) continue;
        bool durable = i < b.durable[inode];
        apply_data(&b, &c, r, inode, durable ? NONE : order, open);
        if (durable || (size_t)order < size_steps) size = size_after(r, size);
        order += !durable;
    }
    content_grow(&c, size);
    c.size = size;
    return c;
}

static bool write_file(const char *path, const struct content *c) {
    FILE *f = fopen(path, "wb");
    if (!f) return false;
    bool ok = fwrite(c->bytes ? c->bytes : (const uint8_t *)"", 1, c->size, f) == c->size;
    return fclose(f) == 0 && ok;
}

static int by_path(const void *a, const void *b) {
    return strcmp(((const struct name *)a)->path, ((const struct name *)b)->path);
}

// Sorted, a directory comes before what lies in it.
static bool names_write(const struct build *b, struct names *names, const char *out_dir) {
    if (names->count) qsort(names->items, names->count, sizeof *names->items, by_path);
    for (size_t i = 0; i < names->count; i++) {
        char path[PATH_MAX];
        const struct name *name = &names->items[i];
        if (snprintf(path, sizeof path, "%s/%s", out_dir, name->path) >= (int)sizeof path)
            return false;
        if (name->inode != NONE && b->pl->inodes[name->inode].is_dir) {
            if (mkdir(path, 0700) != 0) return false;
            continue;
        }
        struct content c = content_build(b, name->inode);
        bool ok = write_file(path, &c);
        free(c.bytes);
        if (!ok) return false;
    }
    return true;
}

bool powerloss_build(const struct powerloss *pl, size_t cut, enum powerloss_mode mode,
                     uint64_t seed, const char *out_dir) {
    struct build b = {.pl = pl, .cut = cut, .mode = mode, .seed = seed};
    b.durable = calloc(pl->inode_count + 1, sizeof *b.durable);
    if (!b.durable) abort();
    durable_find(&b);
    struct names names = names_build(&b);
    bool ok = mkdir(out_dir, 0700) == 0 && names_write(&b, &names, out_dir);
    names_free(&names);
    free(b.durable);
    return ok;
}
