#include "cli/progress.h"

#include <stdio.h>

#include "cli/out.h"
#include "cli/width.h"

enum { BAR = 24 };

struct cli_progress cli_progress_begin(struct cli *cli, const char *what, const char *units,
                                       uint64_t total) {
    return (struct cli_progress){
        .cli = cli, .what = what, .units = units, .total = total, .began = cli_now()};
}

double cli_progress_seconds(const struct cli_progress *progress) {
    return cli_now() - progress->began;
}

static void add_bar(struct cli_text *line, double share) {
    int full = (int)(share * BAR);
    cli_text_puts(line, " ");
    for (int i = 0; i < BAR; i++)
        cli_text_puts(line, i < full ? "█" : "░");
    cli_text_format(line, " %3d%%", (int)(share * 100));
}

void cli_progress_update(struct cli_progress *progress, uint64_t done, uint64_t count) {
    struct cli *cli = progress->cli;
    double now = cli_now(), seconds = now - progress->began;
    if (!cli->tty_err || cli->quiet || now - progress->drawn < 0.1) return;
    progress->drawn = now;
    struct cli_text line = {0}, fitted = {0};
    char number[32], rate[32], left[32];
    double share = progress->total > 0 ? (double)done / (double)progress->total : 0;
    share = share > 1 ? 1 : share;
    cli_text_puts(&line, progress->what);
    if (progress->total > 0) add_bar(&line, share);
    cli_text_format(&line, "  %s %s", cli_grouped(number, count), progress->units);
    if (seconds > 0.2)
        cli_text_format(&line, "  %s/s", cli_grouped(rate, (uint64_t)((double)count / seconds)));
    if (share > 0.01 && seconds > 0.5)
        cli_text_format(&line, "  ETA %s", cli_duration(left, seconds / share - seconds));
    cli_width_fit((struct cli_slice){cli_text_of(&line), line.size}, (size_t)cli->columns - 1,
                  false, &fitted);
    fprintf(stderr, "\r%s", cli_text_of(&fitted));
    fflush(stderr);
    progress->active = true;
    cli_text_free(&line);
    cli_text_free(&fitted);
}

void cli_progress_clear(struct cli_progress *progress) {
    if (progress->active) fprintf(stderr, "\r%*s\r", progress->cli->columns - 1, "");
    fflush(stderr);
    progress->active = false;
    progress->drawn = 0;
}
