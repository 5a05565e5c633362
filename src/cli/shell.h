// The shell: lines in, commands out.
#ifndef CLI_SHELL_H
#define CLI_SHELL_H

#include "cli/cli.h"

enum shell_state {
    SHELL_WHOLE, // words are complete
    SHELL_OPEN,  // a quote or a bracket waits for its end on a further line
    SHELL_FULL   // more words than a command takes
};
enum { SHELL_WORDS_MAX = 64, SHELL_LINE_MAX = 32 << 20 };

struct shell_words {
    char *words[SHELL_WORDS_MAX]; // owned; cli_free by shell_words_free
    int count;
};

// Blanks part words; '…' is taken as it stands, "…" with \" and \\; JSON that begins a word goes to
// its closing bracket. A line that begins with # holds no words.
enum shell_state shell_words_split(struct cli_slice text, struct shell_words *out);
void shell_words_free(struct shell_words *words);

struct shell_input;

// From the terminal with editing, history and completion; else plain lines of stdin.
struct shell_input *shell_input_open(struct cli *cli, bool terminal);
// The next line without its end, or NULL at the end. *interrupted: Ctrl-C instead of a line. The
// answer stays until the next call.
const char *shell_input_line(struct shell_input *input, bool first, bool *interrupted);
void shell_input_remember(struct shell_input *input, const char *command);
uint64_t shell_input_number(const struct shell_input *input); // of the last line
void shell_input_close(struct shell_input *input);

// What may stand where the cursor is: fills words with what begins with the last word of before.
enum { SHELL_MATCHES_MAX = 256 };
size_t shell_complete(struct cli *cli, const char *before, char *matches[SHELL_MATCHES_MAX]);

#endif
