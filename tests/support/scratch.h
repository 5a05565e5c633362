// Where a test keeps its scratch directories.
#ifndef SUPPORT_SCRATCH_H
#define SUPPORT_SCRATCH_H

// For tests that are not about the disk: TMPDIR becomes a file system in memory, if there is one
// with room and TMPDIR is not set. What took minutes of syncs takes seconds.
void scratch_leave_disk(void);
// A new directory below TMPDIR (default /tmp); fails the test if it cannot be made.
void scratch_dir(const char *name, char out[64]);

#endif
