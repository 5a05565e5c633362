// Scratch directories of the demo and the benchmark.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/demo.h"
#include "cli/out.h"

int demo_scratch_make(struct cli *cli, const char *parent, const char *name, char **out) {
    struct cli_text path = {0};
    cli_text_format(&path, "%s/%s-XXXXXX", parent, name);
    if (!mkdtemp(path.data)) {
        int code = cli_error(cli, NACRE_IO_ERROR, "name another place", "making %s: %s",
                             cli_text_of(&path), strerror(errno));
        cli_text_free(&path);
        return code;
    }
    *out = path.data;
    return 0;
}

static void empty_folder(int fd, int depth) {
    enum { DEPTH_MAX = 16 };
    DIR *folder = fdopendir(fd);
    if (!folder) {
        close(fd);
        return;
    }
    for (struct dirent *entry = readdir(folder); entry; entry = readdir(folder)) {
        const char *name = entry->d_name;
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) continue;
        if (unlinkat(dirfd(folder), name, 0) == 0 || depth == DEPTH_MAX) continue;
        int inner = openat(dirfd(folder), name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (inner >= 0) empty_folder(inner, depth + 1);
        unlinkat(dirfd(folder), name, AT_REMOVEDIR);
    }
    closedir(folder);
}

void demo_scratch_remove(const char *path) {
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0) empty_folder(fd, 0);
    rmdir(path);
}
