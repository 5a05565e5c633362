// Values compared without the order of fields.
#ifndef SUPPORT_DOC_SAME_H
#define SUPPORT_DOC_SAME_H

#include "doc/bson.h"

// Objects with the same fields in any order; everything else identical, arrays in order.
bool doc_same_fields(struct val a, struct val b);

#endif
