// The dashboard's files, which are part of the program: dashboard/, bundled by the build.
#ifndef SERVER_UI_H
#define SERVER_UI_H

#include <stdbool.h>

#include "base/mem/slice.h"

struct ui_file {
    const char *path; // below /ui/; "" is the page itself
    const char *type;
    const unsigned char *content;
    const size_t *size;
};

// The file of a request's path; NULL: /ui/ has none of this name.
const struct ui_file *ui_find(struct slice path);
// Whether the path is /ui or below it.
bool ui_is_path(struct slice path);
// False: the program was built without the dashboard.
bool ui_is_built(void);

// Header lines of every file: nothing is loaded from elsewhere, and no other page may frame it.
#define UI_HEADERS                                                                                 \
    "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; "           \
    "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "                     \
    "frame-ancestors 'none'\r\n"                                                                   \
    "Referrer-Policy: no-referrer\r\nX-Content-Type-Options: nosniff\r\n"

#endif
