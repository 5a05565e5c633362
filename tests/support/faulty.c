#include "support/faulty.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

bool faulty_available(void) {
    const char *path = getenv("NACRE_FAULTIO");
    return path && access(path, R_OK) == 0;
}

static void set(const char *name, const char *value) {
    if (value) (void)setenv(name, value, 1);
}

static void prepare(const struct faulty_run *run) {
    const char *asan = getenv("ASAN_OPTIONS");
    char options[1024];
    // AddressSanitizer wants to be the first library.
    (void)snprintf(options, sizeof options, "%s%sverify_asan_link_order=0", asan ? asan : "",
                   asan ? ":" : "");
    set("ASAN_OPTIONS", options);
    set("LD_PRELOAD", getenv("NACRE_FAULTIO"));
    set("NACRE_FAULTIO_PREFIX", run->prefix);
    set("NACRE_FAULTIO_TRACE", run->trace);
    set("NACRE_FAULTIO_NTH", run->nth);
    set("NACRE_FAULTIO_ERROR", run->error);
    set("NACRE_FAULTIO_STICKY", run->sticky);
    set("NACRE_FAULTIO_OPS", run->ops);
    set("NACRE_FAULTIO_COUNT", run->count);
}

int faulty_run_self(const struct faulty_run *run, const char *const *args) {
    char self[] = "/proc/self/exe";
    char *argv[8] = {self};
    for (int i = 0; i < 6 && args[i]; i++) argv[i + 1] = (char *)(unsigned long)args[i];
    (void)fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        prepare(run);
        (void)execv(self, argv);
        _exit(127);
    }
    int status = 0;
    while (waitpid(pid, &status, 0) != pid) continue;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
}
