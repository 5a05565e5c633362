// Lists that were given as one text with commas.
#ifndef QUERY_TEXT_LIST_H
#define QUERY_TEXT_LIST_H

#include "base/err/ctx.h"
#include "doc/val.h"

// "a,-b" as an array of its parts (blanks around them removed), in ctx's arena. An empty text is an
// empty list; a part may be empty: whoever reads the list refuses it.
MUST_USE nacre_status text_list(struct ctx *ctx, struct slice text, struct val *out);
// A copy of an array in ctx's arena, for what keeps views into it.
MUST_USE nacre_status text_list_keep(struct ctx *ctx, struct val array, struct val *out);

#endif
