// A line on a terminal's stderr that tells how far something is: bar, share, count, rate, time
// left.
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include "cli/cli.h"

struct cli_progress {
    struct cli *cli;
    const char *what;  // "importing"
    const char *units; // "documents"
    uint64_t total;    // of `done`; 0 = unknown
    double began, drawn;
    bool active; // something is on the screen
};

struct cli_progress cli_progress_begin(struct cli *cli, const char *what, const char *units,
                                       uint64_t total);
// done of total; count of units. Draws at most ten times a second, and only on a terminal.
void cli_progress_update(struct cli_progress *progress, uint64_t done, uint64_t count);
// Takes the line away: before anything else is written to stderr, and at the end.
void cli_progress_clear(struct cli_progress *progress);
double cli_progress_seconds(const struct cli_progress *progress);

#endif
