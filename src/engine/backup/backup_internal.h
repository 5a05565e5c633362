// Inside of engine/backup.
#ifndef ENGINE_BACKUP_INTERNAL_H
#define ENGINE_BACKUP_INTERNAL_H

#include "doc/bson.h"
#include "engine/backup/backup.h"
#include "engine/internal.h"

enum {
    BACKUP_PATH_MAX = 4096,
    BACKUP_NAME_MAX = 65,
    BACKUP_CHAIN_MAX = 1000,
    BACKUP_MANIFEST_MAX = 256 << 20,
    BACKUP_SEGMENT_BYTES = 1 << 20
};
static const char BACKUP_MANIFEST[] = "MANIFEST";

struct manifest {
    struct buf bson;                                     // all of it
    char name[BACKUP_NAME_MAX], parent[BACKUP_NAME_MAX]; // parent "": a full one
    uint64_t generation, first_index, last_index;        // of the log in it
    uint64_t chain;                                      // at last_index
    uint64_t sequence, commit_ts;                        // at last_index
};

// --- backup_files.c ---

// dir/name; NACRE_INVALID_ARGUMENT if it is too long.
MUST_USE nacre_status backup_join(struct ctx *ctx, const char *dir, const char *name,
                                  char out[BACKUP_PATH_MAX]);
// The folder of a backup, whose name is checked (B3).
MUST_USE nacre_status backup_path(struct ctx *ctx, const char *dir, const char *name,
                                  char out[BACKUP_PATH_MAX]);
// Holds the directory against other calls that write, from here to file_close.
MUST_USE nacre_status backup_lock(struct ctx *ctx, const char *dir, struct file *out);
// Reads from, writing it to the new file to (NULL: only reads). The copy is durable but for its
// directory.
struct backup_sum {
    uint64_t bytes;
    uint32_t crc;
};
MUST_USE nacre_status backup_copy(struct ctx *ctx, const char *from, const char *to,
                                  struct backup_progress *progress, struct backup_sum *out);
// The files of root/folder, copied to to_root (NULL: only read), as elements of the open array.
MUST_USE nacre_status backup_copy_folder(struct ctx *ctx, const char *root, const char *folder,
                                         const char *to_root, struct backup_progress *progress,
                                         struct bson_writer *w);
// Bytes of the files in dir.
MUST_USE nacre_status backup_folder_bytes(struct ctx *ctx, const char *dir, uint64_t *out);

// --- backup_manifest.c ---

// Reads and checks it. NACRE_NOT_FOUND: there is no such backup; NACRE_CORRUPT: it is damaged, or
// incomplete (*incomplete, may be NULL).
MUST_USE nacre_status backup_manifest_read(struct ctx *ctx, const char *dir, const char *name,
                                           struct manifest *out, bool *incomplete);
void backup_manifest_free(struct manifest *manifest);
// Writes the BSON as the manifest in folder, durable (B1).
MUST_USE nacre_status backup_manifest_write(struct ctx *ctx, const char *folder, struct slice bson);
// Files of it, one after another. path: below the backup's folder, checked to stay there.
struct manifest_file {
    char path[256];
    struct backup_sum sum;
};
struct bson_iter backup_manifest_files(const struct manifest *manifest);
MUST_USE nacre_status backup_manifest_next_file(struct ctx *ctx, const struct manifest *manifest,
                                                struct bson_iter *it, struct manifest_file *out,
                                                bool *found);
// A backup and what it builds on, the full one first.
struct manifest_chain {
    struct manifest *items;
    size_t count;
};
MUST_USE nacre_status backup_manifest_chain_read(struct ctx *ctx, const char *dir, const char *name,
                                                 struct manifest_chain *out);
void backup_manifest_chain_free(struct manifest_chain *chain);

// --- backup_log.c ---

// Copies records into folders log-1, log-2, … of a backup: one for each generation.
struct log_copy {
    const char *folder; // of the backup
    uint64_t to;        // the last index
    struct replog *log; // the part being written
    uint32_t parts;
    uint64_t generation, first, next, chain; // of what is to come; next 0: any
};
// Everything from index `from` to copy->to, out of the engine's log and its archive.
// NACRE_HISTORY_EXPIRED: it is not kept that far.
MUST_USE nacre_status backup_log_copy(struct ctx *ctx, struct engine *engine, struct log_copy *copy,
                                      uint64_t from);

// --- backup_restore.c ---

// A restore without the lock.
MUST_USE nacre_status backup_restore_to(struct ctx *ctx, const struct backup_call *call,
                                        const struct backup_restore *restore);

#endif
