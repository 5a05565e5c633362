// The trace that libfaultio.so writes and powerloss.c reads: records in host byte order, one after
// the other, each with its paths and data behind it. Paths are relative to the recorded directory.
#ifndef SUPPORT_PRELOAD_FAULTIO_TRACE_H
#define SUPPORT_PRELOAD_FAULTIO_TRACE_H

#include <stdint.h>

enum { FAULTIO_MAGIC = 0x4f494e43 };

enum faultio_op {
    FAULTIO_CREATE = 1, // path, ino, dir_ino: a new file
    FAULTIO_OPEN,       // path, ino: one that was there
    FAULTIO_WRITE,      // ino, offset, size bytes of data
    FAULTIO_TRUNCATE,   // ino, offset = new size
    FAULTIO_ZERO,       // ino, offset, length: these bytes become zero; the size stays
    FAULTIO_EXTEND,     // ino, offset = the size the file has at least
    FAULTIO_SYNC_BEGIN, // ino of a file or directory, offset = number of the sync
    FAULTIO_SYNC_END,   // offset = number of the sync that succeeded
    FAULTIO_RENAME,     // path, path2, dir_ino, dir2_ino
    FAULTIO_LINK,       // path, path2, dir2_ino
    FAULTIO_UNLINK,     // path, dir_ino; files and directories
    FAULTIO_MKDIR,      // path, ino, dir_ino
    FAULTIO_MARK,       // offset = the value given to faultio_mark
};

struct faultio_record {
    uint32_t magic;
    uint16_t op;
    uint16_t path_size, path2_size;
    uint16_t unused;
    uint32_t pid;
    uint64_t ino, dir_ino, dir2_ino;
    uint64_t offset, length;
    uint64_t data_size;
};

#endif
