// Walks over JSON text without building anything. Meant for what the library wrote; of a user's
// text it finds where a value ends (brackets and quotes balance) and leaves the rest of the
// checking to the library.
#ifndef CLI_JSON_H
#define CLI_JSON_H

#include "cli/text.h"

// True if text is one value and nothing else. first: '{', '[' or 0 for any.
bool cli_json_is_one(struct cli_slice text, char first);

// The next member of an object, the next element of an array; *at begins at 0. key: with its
// quotes. False at the end.
bool cli_json_member(struct cli_slice object, size_t *at, struct cli_slice *key,
                     struct cli_slice *value);
bool cli_json_element(struct cli_slice array, size_t *at, struct cli_slice *value);

bool cli_json_find(struct cli_slice object, const char *name, struct cli_slice *out);
// Through objects and arrays by "a.b" or "a.0"; a member that is called "a.b" itself comes first.
bool cli_json_path(struct cli_slice value, const char *path, struct cli_slice *out);

// The text of a string; any other value as it stands.
void cli_json_text(struct cli_slice value, struct cli_text *out);
uint64_t cli_json_uint(struct cli_slice object, const char *name, uint64_t otherwise);
// For a terminal: two blanks an indentation; characters that could steer it are escaped.
void cli_json_pretty(struct cli_slice value, struct cli_text *out);

#endif
