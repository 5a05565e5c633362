// An engine for schemas in the tests of doc, which knows none: a pattern is found in a text as it
// stands. "!" is malformed, "?" meets a limit on every text.
#ifndef SUPPORT_PLAIN_REGEX_H
#define SUPPORT_PLAIN_REGEX_H

#include "doc/schema/schema.h"

extern const struct schema_regex plain_regex;

#endif
