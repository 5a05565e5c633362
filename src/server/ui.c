// Which file of the dashboard a path names.
#include "server/ui.h"

extern const unsigned char ui_index_html[], ui_app_js[], ui_app_css[];
extern const size_t ui_index_html_size, ui_app_js_size, ui_app_css_size;

static const struct ui_file files[] = {
    {"", "text/html; charset=utf-8", ui_index_html, &ui_index_html_size},
    {"app.js", "text/javascript; charset=utf-8", ui_app_js, &ui_app_js_size},
    {"app.css", "text/css; charset=utf-8", ui_app_css, &ui_app_css_size},
};
static const char root[] = "/ui/";

const struct ui_file *ui_find(struct slice path) {
    if (!slice_starts(path, slice_str(root))) return NULL;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (slice_eq_str(slice_skip(path, sizeof root - 1), files[i].path)) return &files[i];
    return NULL;
}

bool ui_is_path(struct slice path) {
    return slice_eq_str(path, "/ui") || slice_starts(path, slice_str(root));
}

bool ui_is_built(void) { return ui_app_js_size > 0; }
