// The guard file. RocksDB takes a MANIFEST that ends early, or whose last block has a damaged
// record length, for one whose writer died in the middle of a record, and opens an older state
// without a word. So what a flush made durable is written down here: number and durable size of the
// MANIFEST, and the crc32c of that many bytes. Bytes: docs/format/store.md.
//
// Invariants:
//  1. The guard is written after the bytes it speaks of are synced, so after a power cut the
//  MANIFEST is at least as long.
//  2. RocksDB appends to a MANIFEST or begins one with a higher number; it never changes what is
//  written.
#include <stdio.h>

#include "base/bits/bits.h"
#include "base/os/file.h"
#include "store/rocks/rocks_internal.h"

enum { GUARD_SIZE = 40, GUARD_VERSION = 1, CURRENT_MAX = 64, CHUNK = 65536 };
static const char guard_magic[8] = {'N', 'C', 'R', 'G', 'U', 'A', 'R', 'D'};
static const char guard_name[] = "nacre-guard", torn_name[] = "nacre-torn";

static nacre_status path_in(struct ctx *ctx, const char *dir, const char *name,
                            char out[ROCKS_PATH_MAX]) {
    int n = snprintf(out, ROCKS_PATH_MAX, "%s/%s", dir, name);
    if (n > 0 && n < ROCKS_PATH_MAX) return NACRE_OK;
    return err_set(ctx, NACRE_INVALID_ARGUMENT, "the path of the store is too long");
}

static nacre_status damaged(struct ctx *ctx, const char *path, const char *problem) {
    return err_set(ctx, NACRE_CORRUPT, "file %s is damaged: %s", path, problem);
}

// CURRENT: "MANIFEST-", digits, a newline.
static bool current_parse(struct slice text, uint64_t *number) {
    static const char prefix[] = "MANIFEST-";
    const size_t prefix_size = sizeof prefix - 1;
    if (text.n <= prefix_size + 1 || memcmp(text.p, prefix, prefix_size) != 0 ||
        text.p[text.n - 1] != '\n')
        return false;
    uint64_t value = 0;
    for (size_t i = prefix_size; i < text.n - 1; i++) {
        if (text.p[i] < '0' || text.p[i] > '9' || value > UINT64_MAX / 10 - 1) return false;
        value = value * 10 + (uint64_t)(text.p[i] - '0');
    }
    *number = value;
    return true;
}

// The number of the MANIFEST in use. NACRE_NOT_FOUND: there is no CURRENT.
static nacre_status current_read(struct ctx *ctx, const char *dir, uint64_t *number) {
    char path[ROCKS_PATH_MAX];
    TRY(path_in(ctx, dir, "CURRENT", path));
    if (!file_exists(path)) return err_set(ctx, NACRE_NOT_FOUND, "%s is missing", path);
    struct buf text BUF_CLEANUP;
    buf_init(&text, NULL, CURRENT_MAX);
    nacre_status status = file_read_all(ctx, path, CURRENT_MAX, &text);
    if (status == NACRE_REQUEST_TOO_LARGE) return damaged(ctx, path, "it is too long");
    TRY(status);
    return current_parse(buf_slice(&text), number) ? NACRE_OK
                                                   : damaged(ctx, path, "it names no MANIFEST");
}

static nacre_status manifest_open(struct ctx *ctx, const char *dir, uint64_t number,
                                  struct file *out) {
    char name[64], path[ROCKS_PATH_MAX];
    (void)snprintf(name, sizeof name, "MANIFEST-%06llu", (unsigned long long)number);
    TRY(path_in(ctx, dir, name, path));
    nacre_status status = file_open(ctx, path, FILE_READ, out);
    return status == NACRE_NOT_FOUND ? damaged(ctx, path, "it is missing") : status;
}

// Continues crc over [from, to) of the file.
static nacre_status crc_range(struct ctx *ctx, const struct file *file, uint64_t from, uint64_t to,
                              uint32_t *crc) {
    uint8_t *chunk = mem_alloc(CHUNK);
    if (!chunk) return err_nomem(ctx);
    nacre_status status = NACRE_OK;
    while (from < to && status == NACRE_OK) {
        size_t want = to - from < CHUNK ? (size_t)(to - from) : CHUNK, got = 0;
        status = file_read_at(ctx, file, from, chunk, want, &got);
        if (status == NACRE_OK && got < want)
            status = damaged(ctx, file->path, "it is shorter than it was");
        *crc = crc32c(*crc, chunk, got);
        from += got;
    }
    mem_free(chunk);
    return status;
}

static void guard_encode(const struct rocks_guard *guard, uint8_t out[GUARD_SIZE]) {
    memset(out, 0, GUARD_SIZE);
    memcpy(out, guard_magic, sizeof guard_magic);
    bits_put_le32(out + 8, GUARD_VERSION);
    bits_put_le64(out + 12, guard->number);
    bits_put_le64(out + 20, guard->size);
    bits_put_le32(out + 28, guard->crc);
    bits_put_le32(out + 36, crc32c(0, out, 36));
}

static nacre_status guard_read(struct ctx *ctx, const char *path, struct rocks_guard *out) {
    struct buf bytes BUF_CLEANUP;
    buf_init(&bytes, NULL, GUARD_SIZE);
    nacre_status status = file_read_all(ctx, path, GUARD_SIZE, &bytes);
    if (status == NACRE_REQUEST_TOO_LARGE) return damaged(ctx, path, "it is too long");
    TRY(status);
    const uint8_t *p = bytes.p;
    if (bytes.n != GUARD_SIZE || memcmp(p, guard_magic, sizeof guard_magic) != 0 ||
        crc32c(0, p, 36) != bits_le32(p + 36))
        return damaged(ctx, path, "it is no guard file, or its checksum does not match");
    if (bits_le32(p + 8) != GUARD_VERSION)
        return err_set(ctx, NACRE_INCOMPATIBLE_FORMAT, "%s has format %u, known is %d", path,
                       bits_le32(p + 8), GUARD_VERSION);
    *out = (struct rocks_guard){bits_le64(p + 12), bits_le64(p + 20), bits_le32(p + 28)};
    return NACRE_OK;
}

// A CURRENT that is damaged names a MANIFEST that never was.
static nacre_status manifest_present(struct ctx *ctx, const char *dir, uint64_t number) {
    char name[64], path[ROCKS_PATH_MAX];
    (void)snprintf(name, sizeof name, "MANIFEST-%06llu", (unsigned long long)number);
    TRY(path_in(ctx, dir, name, path));
    if (file_exists(path)) return NACRE_OK;
    return err_set(ctx, NACRE_CORRUPT, "file %s/CURRENT is damaged, or %s is missing", dir, name);
}

static nacre_status manifest_check(struct ctx *ctx, const struct file *file,
                                   const struct rocks_guard *guard) {
    uint64_t size = 0;
    TRY(file_size(ctx, file, &size));
    if (size < guard->size)
        return damaged(ctx, file->path, "it is shorter than it was at the last flush");
    uint32_t crc = 0;
    TRY(crc_range(ctx, file, 0, guard->size, &crc));
    return crc == guard->crc ? NACRE_OK : damaged(ctx, file->path, "its checksum does not match");
}

// Without CURRENT RocksDB would make a new database over the files of the old one.
static nacre_status check_without_guard(struct ctx *ctx, const char *dir) {
    uint64_t number = 0;
    nacre_status status = current_read(ctx, dir, &number);
    if (status == NACRE_OK) return manifest_present(ctx, dir, number);
    if (status != NACRE_NOT_FOUND) return status;
    struct dir_list list = {0};
    if (dir_list(ctx, dir, &list) != NACRE_OK)
        return NACRE_OK; // no directory yet; RocksDB will say what is wrong otherwise
    bool has_files = false;
    for (size_t i = 0; i < list.count; i++) has_files |= strstr(list.names[i], ".sst") != NULL;
    dir_list_free(&list);
    if (!has_files) return NACRE_OK;
    return err_set(ctx, NACRE_CORRUPT, "file %s/CURRENT is missing", dir);
}

static nacre_status guard_write(struct ctx *ctx, const char *dir, const struct rocks_guard *guard) {
    char path[ROCKS_PATH_MAX];
    uint8_t bytes[GUARD_SIZE];
    TRY(path_in(ctx, dir, guard_name, path));
    guard_encode(guard, bytes);
    return file_replace(ctx, path, bytes, sizeof bytes);
}

// What is cut off stays in a file beside it. The guard is moved first where it lies in the torn
// edit: it may have been taken while RocksDB was writing one.
static nacre_status manifest_cut(struct ctx *ctx, const char *dir, const char *path,
                                 const struct buf *bytes, const struct rocks_guard *guard) {
    size_t whole = rocks_manifest_whole(buf_slice(bytes));
    if (whole == bytes->n) return NACRE_OK;
    struct rocks_guard moved = {guard->number, whole, crc32c(0, bytes->p, whole)};
    if (whole < guard->size) TRY(guard_write(ctx, dir, &moved));
    char torn[ROCKS_PATH_MAX];
    TRY(path_in(ctx, dir, torn_name, torn));
    TRY(file_replace(ctx, torn, bytes->p + whole, bytes->n - whole));
    return rocks_manifest_cut(ctx, path, whole);
}

static nacre_status manifest_mend(struct ctx *ctx, const char *dir, const char *path,
                                  const struct rocks_guard *guard) {
    struct buf bytes;
    nacre_status status = rocks_manifest_read(ctx, path, &bytes);
    if (status == NACRE_OK) status = manifest_cut(ctx, dir, path, &bytes, guard);
    else if (status == NACRE_REQUEST_TOO_LARGE) status = NACRE_OK; // RocksDB will judge it
    buf_free(&bytes);
    return status;
}

nacre_status rocks_guard_check(struct ctx *ctx, const char *dir, bool mend) {
    char path[ROCKS_PATH_MAX];
    TRY(path_in(ctx, dir, guard_name, path));
    if (!file_exists(path)) return check_without_guard(ctx, dir);
    struct rocks_guard guard = {0};
    TRY(guard_read(ctx, path, &guard));
    uint64_t number = 0;
    nacre_status status = current_read(ctx, dir, &number);
    if (status == NACRE_NOT_FOUND)
        return err_set(ctx, NACRE_CORRUPT, "file %s/CURRENT is missing", dir);
    TRY(status);
    if (number < guard.number)
        return err_set(ctx, NACRE_CORRUPT,
                       "file %s/CURRENT is damaged: it names an older MANIFEST than the last flush",
                       dir);
    TRY(manifest_present(ctx, dir, number));
    if (number > guard.number) return NACRE_OK; // begun after the guard was written
    struct file file = FILE_CLOSED;
    TRY(manifest_open(ctx, dir, number, &file));
    status = manifest_check(ctx, &file, &guard);
    if (status == NACRE_OK && mend) status = manifest_mend(ctx, dir, file.path, &guard);
    file_close(&file);
    return status;
}

// The size is taken before the sync: what RocksDB appends meanwhile may be lost and is not
// promised.
static nacre_status manifest_measure(struct ctx *ctx, const struct file *file,
                                     struct rocks_guard *guard) {
    uint64_t size = 0;
    TRY(file_size(ctx, file, &size));
    TRY(file_sync_data(ctx, file));
    if (size < guard->size) return damaged(ctx, file->path, "it is shorter than it was");
    TRY(crc_range(ctx, file, guard->size, size, &guard->crc));
    guard->size = size;
    return NACRE_OK;
}

nacre_status rocks_guard_update(struct ctx *ctx, const char *dir, struct rocks_guard *guard) {
    struct rocks_guard next = {0};
    TRY(current_read(ctx, dir, &next.number));
    if (next.number == guard->number) next = *guard;
    struct file file = FILE_CLOSED;
    TRY(manifest_open(ctx, dir, next.number, &file));
    nacre_status status = manifest_measure(ctx, &file, &next);
    file_close(&file);
    TRY(status);
    if (next.number == guard->number && next.size == guard->size) return NACRE_OK;
    TRY(guard_write(ctx, dir, &next));
    *guard = next;
    return NACRE_OK;
}
