// Backups: copies of a database in a directory of backups, one folder each (docs/format/backup.md).
// A full one holds the store as it was at a checkpoint, and the log from there to its end; an
// incremental one the log from the end of its parent to its own. What is restored is the state at
// the end of a backup, or at a time that the log has in it.
//
// Invariants:
//  B1  a backup's MANIFEST is written last, when all it names is durable: without it, it is none.
//  B2  a backup ends at a published view whose records are synced, and holds every record that its
//      store lacks of it.
//  B3  names of backups never become paths but as one folder of the directory.
//  B4  a restored directory has its FORMAT last: without it, it is no database.
// Thread rule: any thread, each call with a ctx of its own. One call that writes at a time per
// directory of backups: others are NACRE_LOCKED.
#ifndef ENGINE_BACKUP_BACKUP_H
#define ENGINE_BACKUP_BACKUP_H

#include "engine/engine.h"

// How far a call is, for other threads. total may still grow.
struct backup_progress {
    _Atomic uint64_t done_bytes, total_bytes;
};

struct backup_call {
    const char *dir;                  // of backups; made if absent by create
    const char *name;                 // [A-Za-z][A-Za-z0-9_-]{0,63}
    struct backup_progress *progress; // may be NULL
};

// Makes a backup of the open database while it is used; with a parent an incremental one, else a
// full one. NACRE_ALREADY_EXISTS, NACRE_NOT_FOUND (the parent), NACRE_HISTORY_EXPIRED: the log does
// not reach back to the parent's end; NACRE_CONFLICT: another one of this database is being made;
// NACRE_DISK_FULL; NACRE_CANCELLED. One that fails leaves nothing.
MUST_USE nacre_status backup_create(struct ctx *ctx, struct engine *engine,
                                    const struct backup_call *call, const char *parent);
// {"items":[…]} as backup_get gives each, without what they hold. Appended to out.
MUST_USE nacre_status backup_list(struct ctx *ctx, const char *dir, struct buf *out);
// {"name","state":"complete|incomplete|damaged","kind","parent"?,"time","sequence","bytes",
// "databases":[…]}. NACRE_NOT_FOUND.
MUST_USE nacre_status backup_get(struct ctx *ctx, const char *dir, const char *name,
                                 struct buf *out);
// NACRE_CONFLICT: another one builds on it.
MUST_USE nacre_status backup_delete(struct ctx *ctx, const char *dir, const char *name);

struct backup_restore {
    const char *to;  // a directory that is not there, or is empty
    bool has_time;   // the state at time_ms, what was committed in that millisecond included
    int64_t time_ms; // else all
    const char *log; // the log of a database directory, whose records after the backup, and those
                     // of its archive, are replayed too; NULL: none
};
// NACRE_CORRUPT names what is damaged; NACRE_HISTORY_EXPIRED, NACRE_INVALID_ARGUMENT: a time
// before or after what is kept, a directory that is in use. A restore that fails leaves nothing.
MUST_USE nacre_status backup_restore(struct ctx *ctx, const struct backup_call *call,
                                     const struct backup_restore *restore);
// Reads every byte of it and of what it builds on, restores it below the directory of backups, and
// does there what engine_check does. NACRE_OK when that could be done; *out_problems counts.
MUST_USE nacre_status backup_verify(struct ctx *ctx, const struct backup_call *call,
                                    engine_problem *each, void *arg, uint64_t *out_problems);

#endif
