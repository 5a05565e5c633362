// Short forms for tests that hold the database against its contract, sentence by sentence, through
// nacre.h alone.
#ifndef SUPPORT_CONTRACT_H
#define SUPPORT_CONTRACT_H

#include "support/lib_fixture.h"

#define CONTRACT_COUNT(array) (sizeof(array) / sizeof *(array))

// Put under an id in its written form ("~42", "a"); want_document is always on. options and out may
// be NULL.
nacre_status contract_put(struct lib_fixture *f, const char *id, const char *json,
                          const nacre_write *options, nacre_result *out);
nacre_status contract_patch(struct lib_fixture *f, const char *id, nacre_patch_kind kind,
                            const char *json, const nacre_write *options, nacre_result *out);
nacre_status contract_delete(struct lib_fixture *f, const char *id, const nacre_write *options);
// The document without system fields, "" if it is not there. Valid until the next call.
const char *contract_body(struct lib_fixture *f, const char *id);
uint64_t contract_version(struct lib_fixture *f, const char *id); // 0: not there
// The ids of a query's rows, each followed by a space. Valid until the next call.
const char *contract_ids(struct lib_fixture *f, const char *spec);
// The same of {"filter": filter}, an object or, without a '{' in front, the string form.
const char *contract_matches(struct lib_fixture *f, const char *filter);
// The query fails, when it is opened or when it is read.
nacre_status contract_query(struct lib_fixture *f, const char *spec);
// Claims; the token of the lease is copied to token (≥ 32 bytes), "" when nothing was claimed.
nacre_status contract_claim(struct lib_fixture *f, const char *spec, char *token);
void contract_index(struct lib_fixture *f, const char *name, const char *json); // and waits
// Waits, at most 100 s, until the document reads so.
void contract_await(struct lib_fixture *f, const char *id, const char *body);

#endif
