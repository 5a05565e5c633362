// How wide UTF-8 text stands on a terminal.
#ifndef CLI_WIDTH_H
#define CLI_WIDTH_H

#include "cli/text.h"

// Columns that the text takes once cli_width_escape has been over it.
size_t cli_width_escaped(struct cli_slice text);
// Appends text; control characters and bytes that are no UTF-8 become \n, \t, \xNN or \u00NN, so
// that data cannot steer the terminal.
void cli_width_escape(struct cli_slice text, struct cli_text *out);
// Likewise, in exactly `columns`: cut with "…" or filled with blanks, before the text if `right`.
void cli_width_fit(struct cli_slice text, size_t columns, bool right, struct cli_text *out);

#endif
