// Inside the room: how both parsers make the tree, and how they tell what is wrong.
#ifndef FILTER_FILTER_BUILD_H
#define FILTER_FILTER_BUILD_H

#include "filter/filter.h"

struct filter_build {
    struct ctx *ctx;
    const struct filter_regex_engine *regex; // NULL: $regex is refused
    uint32_t nodes;
    bool pure;
};

extern const struct filter_node filter_node_true;

// Room for count nodes or operands, zeroed; NULL as arena_alloc.
const struct filter_node **filter_build_nodes(struct filter_build *b, size_t count);
struct val *filter_build_vals(struct filter_build *b, size_t count);
// Leaves. path is copied as a struct: its parts live in the ctx's arena already. values likewise
// are not copied.
MUST_USE nacre_status filter_build_leaf(struct filter_build *b, enum filter_op op,
                                        const struct path *path, struct filter_node **out);
MUST_USE nacre_status filter_build_value(struct filter_build *b, enum filter_op op,
                                         const struct path *path, struct val v,
                                         const struct filter_node **out);
// values is sorted in place and loses its duplicates.
MUST_USE nacre_status filter_build_in(struct filter_build *b, const struct path *path,
                                      struct val *values, uint32_t count,
                                      const struct filter_node **out);
MUST_USE nacre_status filter_build_not(struct filter_build *b, const struct filter_node *child,
                                       const struct filter_node **out);
// op: FILTER_AND or FILTER_OR. Flattens, drops what changes nothing; AND of none is TRUE, OR of
// none is not asked for.
MUST_USE nacre_status filter_build_join(struct filter_build *b, enum filter_op op,
                                        const struct filter_node *const *items, uint32_t count,
                                        const struct filter_node **out);
// Checks the depth, writes the canonical form, hashes it.
MUST_USE nacre_status filter_build_finish(struct filter_build *b, const struct filter_node *root,
                                          struct filter **out);
// path_parse whose errors are those of a filter.
MUST_USE nacre_status filter_build_path(struct filter_build *b, struct slice text,
                                        struct path *out);

// Where something stands in the JSON form: a chain on the stack, root last.
struct filter_site {
    const struct filter_site *up; // NULL: the filter itself
    struct slice name;            // p NULL: an array element
    uint32_t index;
};

// NACRE_INVALID_FILTER with pointer, expected and got.
MUST_USE nacre_status filter_fail(struct filter_build *b, const struct filter_site *site,
                                  const char *expected, struct val got, const char *fmt, ...)
    PRINTF_LIKE(5, 6);
// The same for a name that should not be there: got is the name.
MUST_USE nacre_status filter_fail_name(struct filter_build *b, const struct filter_site *site,
                                       const char *expected, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
// Adds the nearest candidate to the error.
void filter_suggest(struct ctx *ctx, struct slice word, const char *const *candidates,
                    size_t count);
// Longest prefix of text of at most max bytes that ends with a character.
struct slice filter_cut(struct slice text, size_t max);

// Appends the BSON of a tree.
void filter_write_node(const struct filter_node *node, struct buf *out);
// Nesting of that BSON.
uint32_t filter_node_depth(const struct filter_node *node);

// One object of the JSON form, with the site it stands at.
MUST_USE nacre_status filter_json_object(struct filter_build *b, struct slice object,
                                         const struct filter_site *site,
                                         const struct filter_node **out);
// {"$gt":1,…} about path. path NULL: about an element.
MUST_USE nacre_status filter_json_operators(struct filter_build *b, struct slice object,
                                            const struct path *path, const struct filter_site *site,
                                            const struct filter_node **out);
// The operand of $elemMatch in value form: operators, or $and $or $nor over such objects.
MUST_USE nacre_status filter_json_element(struct filter_build *b, struct slice object,
                                          const struct filter_site *site,
                                          const struct filter_node **out);
static inline bool filter_is_dollar(struct slice name) { return name.n > 0 && name.p[0] == '$'; }
// True for $and, $or, $nor.
bool filter_is_logical(struct slice name);
// Names of operators, for suggestions.
extern const char *const filter_operator_names[];
extern const size_t filter_operator_count;

#endif
