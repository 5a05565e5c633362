// Inside filter/: what ECMA-262 spells otherwise than PCRE2.
#ifndef FILTER_FILTER_ECMA_H
#define FILTER_FILTER_ECMA_H

#include "base/mem/arena.h"

// The pattern with the long names of general categories (\p{Letter}) in their short form (\p{L}).
// False: no memory.
bool filter_ecma_translate(struct arena *arena, struct slice pattern, struct slice *out);

#endif
