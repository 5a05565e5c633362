#include "support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cmocka.h>

static const uint64_t room_min_bytes = 1ull << 30;

void scratch_leave_disk(void) {
    struct statvfs room;
    if (statvfs("/dev/shm", &room) != 0 || access("/dev/shm", W_OK) != 0) return;
    if ((uint64_t)room.f_bavail * room.f_frsize > room_min_bytes)
        (void)setenv("TMPDIR", "/dev/shm", 0);
}

void scratch_dir(const char *name, char out[64]) {
    const char *tmp = getenv("TMPDIR");
    int n = snprintf(out, 64, "%s/nacre-%s-XXXXXX", tmp && strlen(tmp) < 32 ? tmp : "/tmp", name);
    assert_true(n > 0 && n < 64);
    assert_non_null(mkdtemp(out));
}
