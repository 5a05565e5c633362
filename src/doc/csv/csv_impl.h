// Inside doc/csv: the tree of columns, and cells.
#ifndef DOC_CSV_CSV_IMPL_H
#define DOC_CSV_CSV_IMPL_H

#include "doc/csv/csv.h"
#include "doc/path.h"

enum { CSV_NODES_MAX = 4 * CSV_COLUMNS_MAX, CSV_ARENA_MAX = 64 << 20 };
#define CSV_NO_COLUMN UINT32_MAX

struct csv_node {
    struct slice name;
    uint32_t id, index; // index: PATH_NO_INDEX if the name is none
    uint32_t column;    // CSV_NO_COLUMN: none ends here
    uint32_t own;       // the record that has a value here
    uint32_t below;     // the record that has a value below
    struct csv_node *parent, *first, *last, *prev, *next;
    struct csv_node *last_index; // of the children that are sorted
    struct csv_node *likely;     // the child that is looked for next
    bool is_array;               // all children that count have indexes
    // Of the documents shown:
    bool used, named, saw_object, saw_array, saw_empty;
};

// A field of a record: read, or to be written.
struct csv_cell {
    struct slice text; // read: within the quotes
    bool quoted;
    bool doubled;     // has "" in it
    struct val value; // written; an object or an array stands for {} or []
};

// The child of this name; NULL if there is none.
struct csv_node *csv_child(struct csv_columns *columns, struct csv_node *node, struct slice name);
// The same, made if need be.
MUST_USE nacre_status csv_child_make(struct ctx *ctx, struct csv_columns *columns,
                                     struct csv_node *node, struct slice name,
                                     struct csv_node **out);
// The node of a path, made if need be; {"$date"} and its like may be the last name.
MUST_USE nacre_status csv_path_make(struct ctx *ctx, struct csv_columns *columns, struct slice text,
                                    struct csv_node **out);
// The path of a node, as the header has it.
void csv_path_write(const struct csv_node *node, struct buf *out);
MUST_USE nacre_status csv_too_many(struct ctx *ctx);

// The record at hand has a value at this node.
void csv_mark(struct csv_columns *columns, struct csv_node *node);
// Whether unquoted text is a JSON scalar and not text.
bool csv_is_number(struct slice text);
bool csv_is_word(struct slice text); // true, false, null, {} and []

#endif
