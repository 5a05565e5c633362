// TOML as a list of values: the only user of toml++.
#ifndef CLI_TOML_H
#define CLI_TOML_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

enum cli_toml_kind { CLI_TOML_TEXT, CLI_TOML_NUMBER, CLI_TOML_FLAG, CLI_TOML_OTHER };

// One value of a table of the top level. Texts are the callee's during the call; section "": it
// stands in no table; an array of texts is one text with commas.
struct cli_toml_value {
    const char *section, *key, *text;
    enum cli_toml_kind kind;
    unsigned line;
};
struct cli_toml_error {
    char text[256];
    unsigned line;
};
// Calls each for the values in the order of their names, until it returns not 0, which is then
// returned. -1: it is no TOML.
int cli_toml_read(const char *text, size_t size, struct cli_toml_error *error,
                  int (*each)(void *arg, const struct cli_toml_value *value), void *arg);

#ifdef __cplusplus
}
#endif

#endif
