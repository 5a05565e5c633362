// Rows as a table on a terminal, or as JSON lines.
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include "cli/cli.h"

struct cli_table;

// columns: paths parted by commas, in this order; NULL: the members of the rows as they come.
struct cli_table *cli_table_begin(struct cli *cli, const char *columns);
// row: an object; copied. False once stdout failed.
bool cli_table_row(struct cli_table *table, struct cli_slice row);
// Prints what is left and frees.
void cli_table_end(struct cli_table *table);
// {"items":[…]} of the library: each item a row.
void cli_table_items(struct cli *cli, const char *json, const char *columns);

#endif
