// What the filter tests share: documents from JSON, filters from text, one question asked every
// way.
#ifndef SUPPORT_FILTER_FIXTURE_H
#define SUPPORT_FILTER_FIXTURE_H

#include "filter/filter.h"

// A document of the JSON text in ctx's arena. padded: many more fields (pad_0 …), so that it has a
// footer.
void filter_fixture_doc(struct ctx *ctx, const char *json, bool padded, struct doc *out);
// The filter of the text, either form; the test fails with the error if there is one.
struct filter *filter_fixture_parse(struct ctx *ctx, const char *text);
// Whether the document matches; asked of the filter, of its canonical form and of its complement,
// on the document as it is and with a footer. The test fails unless all agree.
bool filter_fixture_matches(struct ctx *ctx, const char *filter, const char *json);

#endif
