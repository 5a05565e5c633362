// A database in a scratch directory, used through nacre.h, and short forms of its calls for tests.
#ifndef SUPPORT_LIB_FIXTURE_H
#define SUPPORT_LIB_FIXTURE_H

#include "nacre/nacre.h"

struct lib_fixture {
    char dir[64];
    nacre_options options;
    nacre_db *db;
    nacre_session *s;
    nacre_collection c; // "things" of main
};

// Fail the test on any error.
void lib_fixture_open(struct lib_fixture *f);
void lib_fixture_reopen(struct lib_fixture *f);
void lib_fixture_close(struct lib_fixture *f); // and removes the directory
void lib_fixture_remove(const char *dir);

// Short forms.
nacre_status lib_fixture_put(struct lib_fixture *f, const char *json);
nacre_status lib_fixture_insert(struct lib_fixture *f, const char *json);
nacre_status lib_fixture_batch(struct lib_fixture *f, const char *json, const char **out);
// The document as JSON without system fields other than _id and _version; NULL if not there.
const char *lib_fixture_get(struct lib_fixture *f, nacre_id id);
// The rows of a query, one a line, projected on fields ("" for none).
const char *lib_fixture_rows(struct lib_fixture *f, const char *spec);

// Input of an import.
struct lib_fixture_text {
    const char *p;
    size_t n, step; // step: bytes given per call, 0 = all
};
long lib_fixture_read(void *arg, void *buffer, size_t size);
nacre_status lib_fixture_import(struct lib_fixture *f, const char *text,
                                const nacre_import_options *options, nacre_import_result *out);

#define LIB_TEXT_OF(x) #x
#define LIB_WHERE_(file, line) file ":" LIB_TEXT_OF(line)
#define LIB_WHERE LIB_WHERE_(__FILE__, __LINE__)
// The last call failed with status, and its problem holds all of these texts.
#define LIB_FAILS(f, call, status, ...)                                                            \
    lib_fixture_fails((f), (call), (status), LIB_WHERE ": " #call,                                 \
                      (const char *const[]){__VA_ARGS__, NULL})
void lib_fixture_fails(struct lib_fixture *f, nacre_status got, nacre_status want,
                       const char *where, const char *const *texts);
#define LIB_OK(f, call) lib_fixture_ok((f), (call), LIB_WHERE ": " #call)
void lib_fixture_ok(struct lib_fixture *f, nacre_status got, const char *where);
// text holds part.
#define LIB_HAS(text, part) lib_fixture_has((text), (part), LIB_WHERE)
void lib_fixture_has(const char *text, const char *part, const char *where);

#endif
