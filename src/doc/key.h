// Memcmp-ordered encoding of values: memcmp(enc(a), enc(b)) orders as val_cmp(a, b), and equal
// values encode equally. Self-delimiting, so components can follow one another; a descending
// component is the complement of its bytes. Bytes: docs/format/keys.md. Part of stored formats:
// never change.
#ifndef DOC_KEY_H
#define DOC_KEY_H

#include "base/mem/buf.h"
#include "doc/val.h"

struct ctx;
struct arena;

enum {
    KEY_COMPONENT_MAX = 1024
}; // encoded bytes of one index component; longer ones are cut with a re-check mark

// What the order cannot tell, needed to give the value back as it was: kept in the entry's value
// ("type bits").
enum key_type_bits { KEY_TB_PLAIN = 0, KEY_TB_DOUBLE = 1, KEY_TB_NEG_ZERO = 2, KEY_TB_CUT = 3 };

// Appends the encoding; returns the type bits of a scalar (containers: KEY_TB_PLAIN; their numbers
// come back as the shortest form and must be read from the document). Missing encodes as null.
enum key_type_bits key_put(struct buf *out, struct val v, bool descending);
// Whether v's component, going up, sorts above a key, as far as it shows without encoding it: true
// is sure, false tells nothing.
bool key_is_above(struct val v, struct slice key);
// As key_put but at most KEY_COMPONENT_MAX bytes; when cut, returns KEY_TB_CUT: among keys of
// key_put_cut order is never turned round, but different values may encode equally: equality must
// be re-checked on the document. Still self-delimiting. Bounds of ranges over such keys are made
// with key_put_cut too, and are inclusive where they were cut.
enum key_type_bits key_put_cut(struct buf *out, struct val v, bool descending);
// A component below that of null, of one byte: what an empty array sorts as.
void key_put_before_null(struct buf *out, bool descending);
// Length of the component at the front of in, 0 if malformed. For untrusted bytes. Cost: linear, no
// allocation.
size_t key_component_size(struct slice in, bool descending);
// Takes a component from the front of *in (strings and containers into ctx's arena). bits that do
// not fit what is there, text that is not UTF-8, a container that is no valid BSON: NACRE_CORRUPT,
// and *in as it was. A component that was cut gives VAL_MISSING, whatever the bits: its value is in
// the document only. One of key_put_before_null gives an empty array.
MUST_USE nacre_status key_decode(struct ctx *ctx, struct slice *in, bool descending,
                                 enum key_type_bits bits, struct val *out);

// The smallest key greater than all keys that start with prefix: increments the last byte that can
// be; false if none.
bool key_prefix_end(struct buf *key);

// Bounds of a type class for ranges: the lowest key (inclusive) and the end (exclusive) of the
// class of type.
void key_put_class_begin(struct buf *out, enum val_type type, bool descending);
void key_put_class_end(struct buf *out, enum val_type type, bool descending);
// Prefix of all strings that start with text (range [prefix, key_prefix_end(prefix)) in both
// directions). A text beyond the limit of key_put_cut is cut likewise: the range then holds other
// strings too, so re-check.
void key_put_string_prefix(struct buf *out, struct slice text, bool descending);

#endif
