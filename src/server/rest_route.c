// Which operation a path and a verb mean.
#include "server/server.h"

const char *const server_verbs[VERBS] = {"GET", "POST", "PUT", "PATCH", "DELETE"};

struct segments {
    struct slice list[ROUTE_SEGMENTS_MAX];
    size_t count;
};

// The segments after the leading '/'. False: there are too many.
static bool split(struct slice path, struct segments *out) {
    out->count = 0;
    while (path.n) {
        path = slice_skip(path, 1);
        const uint8_t *slash = path.n ? memchr(path.p, '/', path.n) : NULL;
        size_t size = slash ? (size_t)(slash - path.p) : path.n;
        if (out->count == ROUTE_SEGMENTS_MAX) return false;
        out->list[out->count++] = slice_of(path.p, size);
        path = slice_skip(path, size);
    }
    return true;
}

static enum op_path path_of(const char *name, size_t size) {
    int path = 0;
    while (strncmp(op_path_names[path], name, size) != 0 || op_path_names[path][size])
        path++; // the table's names are all there: tools/gen.py checks
    return (enum op_path)path;
}

// One segment of a pattern, as "docs", "{id}", "{collection}:query" or "docs:batch".
static bool match_segment(const char *pattern, size_t size, struct slice segment,
                          struct route *route) {
    if (pattern[0] != '{') return segment.n == size && memcmp(segment.p, pattern, size) == 0;
    const char *close = memchr(pattern, '}', size);
    size_t name = (size_t)(close - pattern) - 1, suffix = size - name - 2;
    if (segment.n <= suffix) return false;
    size_t value = segment.n - suffix;
    if (suffix && memcmp(segment.p + value, close + 1, suffix) != 0) return false;
    enum op_path path = path_of(pattern + 1, name);
    // Only an id may have a colon: of other names it begins a verb.
    if (path != OP_PATH_ID && memchr(segment.p, ':', value)) return false;
    route->values[path] = slice_of(segment.p, value);
    return true;
}

static bool match(const char *pattern, const struct segments *path, size_t at,
                  struct route *route) {
    while (*pattern) {
        size_t size = strcspn(pattern, "/");
        if (at == path->count || !match_segment(pattern, size, path->list[at], route)) return false;
        at++;
        pattern += size + (pattern[size] == '/');
    }
    return at == path->count;
}

static int verb_of(const char *name) {
    int verb = 0;
    while (strcmp(server_verbs[verb], name) != 0)
        verb++;
    return verb;
}

// Fills route where it is.
static bool is_path_of(const struct op *op, const struct segments *path, struct route *route) {
    bool scoped = path->count > 3 && slice_eq_str(path->list[1], "db");
    route->op = op;
    if (match(op->path, path, 1, route)) return true;
    if (!scoped || !op->of_database || !match(op->path, path, 3, route)) return false;
    route->values[OP_PATH_DATABASE] = path->list[2];
    return true;
}

void rest_route_find(struct slice method, struct slice path, struct route *out) {
    struct segments segments;
    *out = (struct route){0};
    if (slice_eq_str(method, "HEAD")) method = SLICE_LIT("GET");
    if (!split(path, &segments) || segments.count == 0 || !slice_eq_str(segments.list[0], "v1"))
        return;
    for (size_t i = 0; i < op_count; i++)
        if (slice_eq_str(method, op_table[i].verb) && is_path_of(&op_table[i], &segments, out))
            return;
    for (size_t i = 0; i < op_count; i++)
        if (is_path_of(&op_table[i], &segments, out))
            out->allowed |= 1u << verb_of(op_table[i].verb);
    out->op = NULL;
}
