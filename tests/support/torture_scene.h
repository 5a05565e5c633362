// A database whose calls fail at chosen places (base/os/fault.h), for tests that try every place.
#ifndef TESTS_SUPPORT_TORTURE_SCENE_H
#define TESTS_SUPPORT_TORTURE_SCENE_H

#include <stdbool.h>

#include "base/os/fault.h"
#include "support/lib_fixture.h"

enum {
    SCENE_DOCUMENTS = 12,
    SCENE_DENSE = 12,
    SCENE_LOG_BYTES = 1 << 20,
    SCENE_ROOM_MIN = 1 << 30,
    SCENE_TOKEN_MAX = 64,
    SCENE_UNSURE = -1
};

struct scene {
    struct lib_fixture f;
    char token[SCENE_TOKEN_MAX], until[64]; // of the lease on document 5
    int key;                                // number of the idempotency key
    const char *call;
    long long nth;
    enum fault_kind kind;
};

nacre_id scene_number(int64_t i);
// Fails the test.
void scene_must(struct scene *s, nacre_status status, const char *what);
void scene_put_document(struct scene *s, int i);
void scene_open_db(struct scene *s);
void scene_close_db(struct scene *s);
// nacre_check finds nothing.
void scene_check(struct scene *s);
// A new database with documents and an index; the caller closes it (lib_fixture_close).
void scene_begin(struct scene *s);
// Whether the engine has stopped writing.
bool scene_is_stopped(struct scene *s);
// As JSON, until the next call; NULL: it is not there.
const char *scene_document(struct scene *s, int i);
// Whether the document is there and holds the text.
int scene_holds(struct scene *s, int i, const char *text);
void scene_absent(struct scene *s, int i);
int scene_count_of(struct scene *s, const char *filter);
// 1 if n is all, 0 if it is none, else SCENE_UNSURE.
int scene_all_or_nothing(int n, int all);

#endif
