// From a trace of libfaultio.so (support/preload/faultio.c): the directories that a power cut could
// have left behind. What fsync covered is there; of the rest
//   - of a file's unsynced writes and size changes each 512-byte sector has taken part in any
//   number, in
//     their order, and the size is that after any of them: kept, dropped, torn, reordered by
//     sector;
//   - of the unsynced creations, renames and removals of names in a directory the first so-many
//   have
//     happened, as a journalling file system keeps their order; each directory for itself.
// A name is durable only by an fsync of its directory, data only by one of its file.
#ifndef SUPPORT_POWERLOSS_H
#define SUPPORT_POWERLOSS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct powerloss;

enum powerloss_mode {
    POWERLOSS_KEEP,   // everything that was done: what a killed process leaves
    POWERLOSS_DROP,   // only what was synced
    POWERLOSS_SAMPLE, // by seed
};

// base_dir: a copy of the directory as it was when the recording began; NULL: it was empty.
// NULL on a trace that cannot be read. A record cut off at the end of the trace is left out.
struct powerloss *powerloss_load(const char *trace_path, const char *base_dir);
void powerloss_free(struct powerloss *pl);
// Cuts go from 0 to the count of records: at cut c, the first c records have happened.
size_t powerloss_cuts(const struct powerloss *pl);
// The value of the last faultio_mark before the cut; 0 if none. Durable promises made before it
// hold.
uint64_t powerloss_mark(const struct powerloss *pl, size_t cut);
// True if the record before the cut ends a sync: cuts just there and just before are the telling
// ones.
bool powerloss_is_sync(const struct powerloss *pl, size_t cut);
// Makes out_dir, which must not be there, as the cut left it. false: a system call failed.
bool powerloss_build(const struct powerloss *pl, size_t cut, enum powerloss_mode mode,
                     uint64_t seed, const char *out_dir);

#endif
