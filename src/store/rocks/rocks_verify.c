// Reads every block of every live table file and compares its checksum, whatever keys it holds and
// whoever else covers them: the C API has no VerifyChecksum, and an iterator skips filters and what
// is deleted. The layout is RocksDB's block-based table, format version 5 (table/format.h,
// table/block_based/block_builder.h; our files have uncompressed index blocks):
//   block := contents · compression type u8 · checksum u32
//   file := data blocks … meta blocks … metaindex block · index block · footer
//   footer (53 bytes) := checksum type u8 · metaindex handle · index handle · zeros to 41 bytes ·
//   version u32 · magic u64 handle := varint offset · varint size (of the contents)
#include <stdio.h>

#include "base/bits/bits.h"
#include "base/os/file.h"
#include "store/rocks/rocks_internal.h"

enum { FOOTER_SIZE = 53, TRAILER_SIZE = 5, CHECKSUM_XXH3 = 4, FORMAT = 5, BLOCK_MAX = 1 << 30 };
static const uint64_t TABLE_MAGIC = 0x88e241b785f4cff7u;

struct handle {
    uint64_t offset, size;
};

struct verifier {
    struct ctx *ctx;
    void (*each)(void *arg, const char *problem);
    void *arg;
    struct file file;
    uint64_t file_size;
    const char *name;
    struct buf block; // scratch
};

static void problem(struct verifier *v, uint64_t offset, const char *what) {
    char text[ERR_DETAIL_MAX + 128];
    (void)snprintf(text, sizeof text, "file %s, offset %llu: %s", v->name,
                   (unsigned long long)offset, what);
    v->each(v->arg, text);
}

// An error of this machine other than a failed read ends the verification; a failed read is a
// damaged place.
static nacre_status read_problem(struct verifier *v, uint64_t offset, nacre_status status) {
    if (status != NACRE_IO_ERROR && status != NACRE_CORRUPT) return status;
    problem(v, offset, v->ctx->err.detail);
    return NACRE_OK;
}

static bool checksum_ok(const uint8_t *block, size_t size) {
    uint32_t checksum = (uint32_t)hash_bytes(block, size) ^ (uint32_t)block[size] * 0x6b9083d9u;
    return checksum == bits_le32(block + size + 1);
}

// Leaves the contents in out, and *ok, if the block is whole.
static nacre_status block_read(struct verifier *v, struct handle h, struct buf *out, bool *ok) {
    *ok = false;
    TRY(ctx_check(v->ctx));
    if (h.size > BLOCK_MAX || h.offset > v->file_size ||
        h.size + TRAILER_SIZE > v->file_size - h.offset) {
        problem(v, h.offset, "a block would lie beyond the end of the file");
        return NACRE_OK;
    }
    size_t size = (size_t)h.size, got = 0;
    buf_reset(out);
    uint8_t *p = buf_reserve(out, size + TRAILER_SIZE);
    if (!p) return err_nomem(v->ctx);
    nacre_status status = file_read_at(v->ctx, &v->file, h.offset, p, size + TRAILER_SIZE, &got);
    if (status != NACRE_OK) return read_problem(v, h.offset, status);
    if (got < size + TRAILER_SIZE || !checksum_ok(p, size)) {
        problem(v, h.offset, "the checksum of a block does not match");
        return NACRE_OK;
    }
    out->n = size;
    *ok = true;
    return NACRE_OK;
}

static bool take_handle(struct slice *in, struct handle *out) {
    return bits_take_varint(in, &out->offset) && bits_take_varint(in, &out->size);
}

// The entries of a block, without the restart points at its end.
static bool block_entries(struct slice block, struct slice *out) {
    if (block.n < 4) return false;
    uint64_t restarts = bits_le32(block.p + block.n - 4);
    if (restarts * 4 + 4 > block.n) return false;
    *out = slice_of(block.p, block.n - 4 - (size_t)restarts * 4);
    return true;
}

// What the metaindex says of itself: the size of the value stands before the key.
static bool take_meta_entry(struct slice *in, struct handle *out) {
    uint64_t shared = 0, key_size = 0, value_size = 0;
    struct slice key, value;
    if (!bits_take_varint(in, &shared) || shared || !bits_take_varint(in, &key_size) ||
        !bits_take_varint(in, &value_size) || key_size > in->n ||
        !bits_take(in, (size_t)key_size, &key) || value_size > in->n ||
        !bits_take(in, (size_t)value_size, &value))
        return false;
    if (!take_handle(&value, out)) *out = (struct handle){0}; // it holds other things too
    return true;
}

// out: the handle of the entry before, then this one's. Where the key shares bytes with that
// entry's, the block follows on its block, and only the difference of their sizes is written
// (zigzag).
static bool take_index_entry(struct slice *in, struct handle *out) {
    uint64_t shared = 0, key_size = 0, change = 0;
    struct slice key;
    if (!bits_take_varint(in, &shared) || !bits_take_varint(in, &key_size) || key_size > in->n ||
        !bits_take(in, (size_t)key_size, &key))
        return false;
    if (!shared) return take_handle(in, out);
    if (!bits_take_varint(in, &change)) return false;
    out->offset += out->size + TRAILER_SIZE;
    out->size += change >> 1 ^ (0 - (change & 1));
    return true;
}

// Every block that the block at h, an index or the metaindex, points to.
static nacre_status blocks_below(struct verifier *v, struct handle h, bool is_metaindex) {
    struct buf index BUF_CLEANUP;
    buf_init(&index, NULL, BLOCK_MAX + TRAILER_SIZE);
    bool ok = false;
    TRY(block_read(v, h, &index, &ok));
    struct slice rest;
    if (!ok) return NACRE_OK;
    if (!block_entries(buf_slice(&index), &rest)) {
        problem(v, h.offset, "an index block is malformed");
        return NACRE_OK;
    }
    struct handle child = {0};
    while (rest.n) {
        if (!(is_metaindex ? take_meta_entry(&rest, &child) : take_index_entry(&rest, &child))) {
            problem(v, h.offset, "an index entry is malformed");
            return NACRE_OK;
        }
        if (child.size) TRY(block_read(v, child, &v->block, &ok));
    }
    return NACRE_OK;
}

static bool all_zero(struct slice bytes) {
    while (bytes.n && !bytes.p[0])
        bytes = slice_skip(bytes, 1);
    return !bytes.n;
}

static nacre_status table_verify(struct verifier *v) {
    uint8_t footer[FOOTER_SIZE];
    size_t got = 0;
    if (v->file_size < FOOTER_SIZE) {
        problem(v, 0, "it is too short for a table");
        return NACRE_OK;
    }
    uint64_t at = v->file_size - FOOTER_SIZE;
    nacre_status status = file_read_at(v->ctx, &v->file, at, footer, FOOTER_SIZE, &got);
    if (status != NACRE_OK) return read_problem(v, at, status);
    struct slice handles = slice_of(footer + 1, 40);
    struct handle metaindex, index;
    if (got < FOOTER_SIZE || footer[0] != CHECKSUM_XXH3 || bits_le32(footer + 41) != FORMAT ||
        bits_le64(footer + 45) != TABLE_MAGIC || !take_handle(&handles, &metaindex) ||
        !take_handle(&handles, &index) || !all_zero(handles)) {
        problem(v, at, "the footer is damaged");
        return NACRE_OK;
    }
    TRY(blocks_below(v, metaindex, true));
    return blocks_below(v, index, false);
}

static nacre_status file_verify(struct verifier *v, const char *path, uint64_t size) {
    nacre_status status = file_open(v->ctx, path, FILE_READ, &v->file);
    if (status == NACRE_NOT_FOUND) status = err_set(v->ctx, NACRE_CORRUPT, "it is missing");
    if (status == NACRE_OK) status = file_size(v->ctx, &v->file, &v->file_size);
    if (status == NACRE_OK && v->file_size != size)
        problem(v, 0, "its size is not what the MANIFEST says");
    status = status == NACRE_OK ? table_verify(v) : read_problem(v, 0, status);
    file_close(&v->file);
    return status;
}

static nacre_status files_verify(struct kv_rocks *rocks, struct verifier *v,
                                 const rocksdb_livefiles_t *files) {
    for (int i = 0; i < rocksdb_livefiles_count(files); i++) {
        char path[ROCKS_PATH_MAX];
        v->name = rocksdb_livefiles_name(files, i) + 1; // they begin with a slash
        if (snprintf(path, sizeof path, "%s/%s", rocks->dir, v->name) >= (int)sizeof path)
            return err_set(v->ctx, NACRE_INVALID_ARGUMENT, "the path of the store is too long");
        TRY(file_verify(v, path, rocksdb_livefiles_size(files, i)));
    }
    return NACRE_OK;
}

struct first_problem {
    bool found;
    char text[256];
};

static void note_first(void *arg, const char *text) {
    struct first_problem *first = arg;
    if (first->found) return;
    first->found = true;
    (void)snprintf(first->text, sizeof first->text, "%s", text);
}

static nacre_status tables_verify(struct verifier *v, const char *dir,
                                  const struct dir_list *list) {
    for (size_t i = 0; i < list->count; i++) {
        char path[ROCKS_PATH_MAX];
        struct file file = FILE_CLOSED;
        uint64_t size = 0;
        v->name = list->names[i];
        if (!strstr(v->name, ".sst")) continue;
        if (snprintf(path, sizeof path, "%s/%s", dir, v->name) >= (int)sizeof path) continue;
        nacre_status status = file_open(v->ctx, path, FILE_READ, &file);
        if (status == NACRE_OK) status = file_size(v->ctx, &file, &size);
        file_close(&file);
        TRY(status);
        TRY(file_verify(v, path, size));
    }
    return NACRE_OK;
}

void rocks_damage_locate(struct ctx *ctx, const char *dir) {
    struct first_problem first = {0};
    struct verifier v = {.ctx = ctx, .each = note_first, .arg = &first, .file = FILE_CLOSED};
    struct err told = ctx->err;
    struct dir_list list = {0};
    if (dir_list(ctx, dir, &list) == NACRE_OK) {
        buf_init(&v.block, NULL, BLOCK_MAX + TRAILER_SIZE);
        (void)tables_verify(&v, dir, &list);
        buf_free(&v.block);
        dir_list_free(&list);
    }
    ctx->err = told;
    if (first.found) (void)err_set(ctx, told.status, "%s; %s", first.text, told.detail);
}

nacre_status rocks_verify(struct kv *kv, struct ctx *ctx,
                          void (*each)(void *arg, const char *problem), void *arg) {
    struct kv_rocks *rocks = rocks_of(kv);
    TRY(rocks_check_alive(rocks, ctx));
    struct verifier v = {.ctx = ctx, .each = each, .arg = arg, .file = FILE_CLOSED};
    buf_init(&v.block, NULL, BLOCK_MAX + TRAILER_SIZE);
    nacre_status status = rocks_guard_check(ctx, rocks->dir, false);
    if (status == NACRE_CORRUPT)
        each(arg, ctx->err.detail);
    else if (status != NACRE_OK)
        return status;
    char *error = NULL;
    if (!rocks->read_only) rocksdb_disable_file_deletions(rocks->db, &error);
    if (error) return rocks_error(ctx, error, "verifying");
    const rocksdb_livefiles_t *files = rocksdb_livefiles(rocks->db);
    status = files_verify(rocks, &v, files);
    rocksdb_livefiles_destroy(files);
    if (!rocks->read_only) rocksdb_enable_file_deletions(rocks->db, 0, &error);
    if (error) rocksdb_free(error);
    buf_free(&v.block);
    return status;
}
