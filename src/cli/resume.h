// How far the import of a file has come, kept in DIR/imports/ so that --resume knows it after a
// crash. The file is a hint: it never says more than what is durable, and less only costs time.
#ifndef CLI_RESUME_H
#define CLI_RESUME_H

#include <sys/stat.h>

#include "cli/cli.h"

struct cli_resume {
    char *path;            // NULL: no input that could be told again (stdin)
    struct cli_text about; // members that tell the input: file, size, time, target
    uint64_t lines;        // last kept
};

void cli_resume_begin(const struct cli *cli, const char *collection, const char *file,
                      const struct stat *is, struct cli_resume *out);
// Lines done for good by an earlier import of the same input, 0 if there is none. *changed: there
// was one, of other contents.
uint64_t cli_resume_read(const struct cli_resume *resume, bool *changed);
// Cheap when lines is what was kept last. Failures are passed over: it is a hint.
void cli_resume_keep(struct cli_resume *resume, uint64_t lines);
void cli_resume_forget(struct cli_resume *resume);
void cli_resume_end(struct cli_resume *resume);

#endif
