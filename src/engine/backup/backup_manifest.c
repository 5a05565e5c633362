// MANIFEST: a line of JSON, and a line with the CRC-32C of it (docs/format/backup.md).
#include <stdio.h>
#include <stdlib.h>

#include "base/bits/bits.h"
#include "doc/json.h"
#include "engine/backup/backup_internal.h"

enum { MANIFEST_FORMAT = 1, CRC_LINE = 16 }; // "crc32c xxxxxxxx\n"

static nacre_status damaged(struct ctx *ctx, const char *path, const char *what) {
    return err_set(ctx, NACRE_CORRUPT, "%s: %s", path, what);
}

nacre_status backup_manifest_write(struct ctx *ctx, const char *folder, struct slice bson) {
    char path[BACKUP_PATH_MAX];
    struct buf text BUF_CLEANUP = {0};
    buf_init(&text, NULL, BACKUP_MANIFEST_MAX);
    json_write_doc(&text, bson, JSON_INT64_NUMBER);
    buf_put_u8(&text, '\n');
    buf_printf(&text, "crc32c %08x\n", crc32c(0, text.p, text.n));
    if (buf_status(&text) != NACRE_OK) return err_buf(ctx, &text);
    TRY(backup_join(ctx, folder, BACKUP_MANIFEST, path));
    return file_replace(ctx, path, text.p, text.n);
}

// --- reading ---

static nacre_status take_number(struct ctx *ctx, const char *path, struct slice bson,
                                const char *name, uint64_t *out) {
    struct val v = bson_find(bson, slice_str(name));
    if (v.type != VAL_INT || v.i < 0) return damaged(ctx, path, "a number is missing");
    *out = (uint64_t)v.i;
    return NACRE_OK;
}

static nacre_status take_name(struct ctx *ctx, const char *path, struct slice bson,
                              const char *name, char out[BACKUP_NAME_MAX]) {
    struct val v = bson_find(bson, slice_str(name));
    out[0] = '\0';
    if (v.type == VAL_MISSING) return NACRE_OK;
    if (v.type != VAL_STRING || !v.n || v.n >= BACKUP_NAME_MAX)
        return damaged(ctx, path, "a name in it is none");
    memcpy(out, v.p, v.n);
    out[v.n] = '\0';
    return NACRE_OK;
}

static nacre_status take_chain(struct ctx *ctx, const char *path, struct slice bson,
                               uint64_t *out) {
    struct val v = bson_find(bson, SLICE_LIT("chain"));
    char text[17] = "";
    if (v.type != VAL_STRING || v.n != 16) return damaged(ctx, path, "the chain is missing");
    memcpy(text, v.p, 16);
    if (strspn(text, "0123456789abcdef") != 16) return damaged(ctx, path, "the chain is none");
    *out = strtoull(text, NULL, 16);
    return NACRE_OK;
}

static nacre_status take_members(struct ctx *ctx, const char *path, struct manifest *m) {
    struct slice bson = buf_slice(&m->bson);
    uint64_t format;
    TRY(take_number(ctx, path, bson, "format", &format));
    if (format != MANIFEST_FORMAT)
        return err_set(ctx, NACRE_INCOMPATIBLE_FORMAT, "%s has format %llu, this program knows %d",
                       path, (unsigned long long)format, MANIFEST_FORMAT);
    TRY(take_name(ctx, path, bson, "name", m->name));
    TRY(take_name(ctx, path, bson, "parent", m->parent));
    TRY(take_number(ctx, path, bson, "generation", &m->generation));
    TRY(take_number(ctx, path, bson, "first_index", &m->first_index));
    TRY(take_number(ctx, path, bson, "last_index", &m->last_index));
    TRY(take_chain(ctx, path, bson, &m->chain));
    TRY(take_number(ctx, path, bson, "sequence", &m->sequence));
    TRY(take_number(ctx, path, bson, "commit_ts", &m->commit_ts));
    if (bson_find(bson, SLICE_LIT("files")).type != VAL_ARRAY)
        return damaged(ctx, path, "its list of files is missing");
    return NACRE_OK;
}

static nacre_status parse(struct ctx *ctx, const char *path, struct slice text,
                          struct manifest *out) {
    char line[CRC_LINE + 1];
    if (text.n <= CRC_LINE) return damaged(ctx, path, "it is too short");
    struct slice json = slice_of(text.p, text.n - CRC_LINE);
    snprintf(line, sizeof line, "crc32c %08x\n", crc32c(0, json.p, json.n));
    if (memcmp(line, json.p + json.n, CRC_LINE) != 0)
        return damaged(ctx, path, "the checksum does not match");
    if (json_parse(ctx, json, NULL, &out->bson) != NACRE_OK)
        return damaged(ctx, path, "it is not JSON");
    return take_members(ctx, path, out);
}

static nacre_status read_file(struct ctx *ctx, const char *folder, const char *name,
                              struct manifest *out, bool *incomplete) {
    char path[BACKUP_PATH_MAX];
    struct buf text BUF_CLEANUP = {0};
    buf_init(&text, NULL, BACKUP_MANIFEST_MAX);
    TRY(backup_join(ctx, folder, BACKUP_MANIFEST, path));
    *incomplete = !file_exists(path);
    if (*incomplete)
        return err_set(ctx, NACRE_CORRUPT, "backup \"%s\" is incomplete: making it was interrupted",
                       name);
    TRY(file_read_all(ctx, path, BACKUP_MANIFEST_MAX, &text));
    TRY(parse(ctx, path, buf_slice(&text), out));
    return strcmp(out->name, name) == 0 ? NACRE_OK : damaged(ctx, path, "it is of another backup");
}

nacre_status backup_manifest_read(struct ctx *ctx, const char *dir, const char *name,
                                  struct manifest *out, bool *incomplete) {
    char folder[BACKUP_PATH_MAX];
    bool half = false;
    *out = (struct manifest){0};
    buf_init(&out->bson, NULL, BACKUP_MANIFEST_MAX);
    TRY(backup_path(ctx, dir, name, folder));
    if (!file_exists(folder))
        return err_set(ctx, NACRE_NOT_FOUND, "there is no backup \"%s\"", name);
    nacre_status status = read_file(ctx, folder, name, out, &half);
    if (incomplete) *incomplete = half;
    if (status != NACRE_OK) backup_manifest_free(out);
    return status;
}

void backup_manifest_free(struct manifest *manifest) { buf_free(&manifest->bson); }

// --- files ---

struct bson_iter backup_manifest_files(const struct manifest *m) {
    return bson_iter_of_val(bson_find(buf_slice(&m->bson), SLICE_LIT("files")));
}

// Two names, none of them hidden or a step upwards.
static bool is_inside(const char *path) {
    const char *slash = strchr(path, '/');
    return slash && slash > path && path[0] != '.' && slash[1] && slash[1] != '.' &&
           !strchr(slash + 1, '/');
}

nacre_status backup_manifest_next_file(struct ctx *ctx, const struct manifest *m,
                                       struct bson_iter *it, struct manifest_file *out,
                                       bool *found) {
    struct slice name;
    struct val v;
    uint64_t crc = 0;
    *found = bson_next(it, &name, &v);
    if (!*found) return NACRE_OK;
    if (v.type != VAL_OBJECT) return damaged(ctx, m->name, "its list of files is malformed");
    struct slice file = val_slice(v);
    struct val path = bson_find(file, SLICE_LIT("path"));
    if (path.type != VAL_STRING || path.n >= sizeof out->path)
        return damaged(ctx, m->name, "the path of a file is missing");
    memcpy(out->path, path.p, path.n);
    out->path[path.n] = '\0';
    if (!is_inside(out->path)) return damaged(ctx, m->name, "the path of a file leads elsewhere");
    TRY(take_number(ctx, m->name, file, "bytes", &out->sum.bytes));
    TRY(take_number(ctx, m->name, file, "crc32c", &crc));
    out->sum.crc = (uint32_t)crc;
    return NACRE_OK;
}

// --- chains ---

void backup_manifest_chain_free(struct manifest_chain *chain) {
    for (size_t i = 0; i < chain->count; i++)
        backup_manifest_free(&chain->items[i]);
    mem_free(chain->items);
    *chain = (struct manifest_chain){0};
}

static nacre_status read_upwards(struct ctx *ctx, const char *dir, const char *name,
                                 struct manifest_chain *out) {
    char parent[BACKUP_NAME_MAX];
    for (;;) {
        if (out->count == BACKUP_CHAIN_MAX)
            return err_set(ctx, NACRE_CORRUPT, "backup \"%s\" builds on more than %d others", name,
                           BACKUP_CHAIN_MAX);
        struct manifest *more = mem_realloc(out->items, (out->count + 1) * sizeof *out->items),
                        *next;
        if (!more) return err_nomem(ctx);
        out->items = more;
        next = &more[out->count];
        TRY(backup_manifest_read(ctx, dir, name, next, NULL));
        out->count++;
        if (!next->parent[0]) return NACRE_OK;
        memcpy(parent, next->parent, sizeof parent); // the array may move
        name = parent;
    }
}

// The end of one is the beginning of the next.
static nacre_status check_links(struct ctx *ctx, const struct manifest_chain *chain) {
    for (size_t i = 1; i < chain->count; i++)
        if (chain->items[i].first_index != chain->items[i - 1].last_index + 1)
            return err_set(ctx, NACRE_CORRUPT,
                           "backup \"%s\" does not begin where \"%s\" ends: that was made anew",
                           chain->items[i].name, chain->items[i - 1].name);
    return NACRE_OK;
}

nacre_status backup_manifest_chain_read(struct ctx *ctx, const char *dir, const char *name,
                                        struct manifest_chain *out) {
    char last[BACKUP_NAME_MAX];
    *out = (struct manifest_chain){0};
    snprintf(last, sizeof last, "%s", name);
    nacre_status status = read_upwards(ctx, dir, name, out);
    if (status == NACRE_NOT_FOUND && out->count)
        status = err_set(ctx, NACRE_CORRUPT, "backup \"%s\", which \"%s\" builds on, is gone",
                         out->items[out->count - 1].parent, last);
    for (size_t i = 0; i < out->count / 2; i++) {
        struct manifest swap = out->items[i];
        out->items[i] = out->items[out->count - 1 - i];
        out->items[out->count - 1 - i] = swap;
    }
    if (status == NACRE_OK) status = check_links(ctx, out);
    if (status != NACRE_OK) backup_manifest_chain_free(out);
    return status;
}
