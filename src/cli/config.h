// Options of serve from elsewhere than its flags: defaults < nacre.toml < environment < flags.
#ifndef CLI_CONFIG_H
#define CLI_CONFIG_H

#include "cli/cli.h"

// An option: [section] key, NACRE_SECTION_KEY, and the flag. To add one, add a row.
struct cli_config_row {
    const char *section, *key;
    enum cli_option_id option;
};
extern const struct cli_config_row cli_config_rows[];
extern const size_t cli_config_row_count;

enum cli_origin { CLI_BY_DEFAULT, CLI_BY_FILE, CLI_BY_ENVIRONMENT, CLI_BY_FLAG };

struct cli_config {
    struct cli_value values[OPT_COUNT];
    enum cli_origin origins[OPT_COUNT];
    char *texts[OPT_COUNT]; // owned
    char *file;             // that was read, owned; NULL: none
};
// What serve would take, call's own options first. 0, or an exit code when it has said what is
// wrong, and where. cli_config_free in any case.
int cli_config_read(struct cli *cli, const struct cli_call *call, struct cli_config *out);
void cli_config_free(struct cli_config *config);

#endif
