// Resolving of URI references (RFC 3986, section 5.2). Nothing is fetched: URIs are names here.
#include "doc/schema/schema_impl.h"

struct uri {
    struct slice scheme, authority, path, query; // p NULL: absent, but for path
};

// The part before the first of stops; *in is what follows, from the stop on.
static struct slice uri_until(struct slice *in, const char *stops) {
    size_t n = 0;
    while (n < in->n && !strchr(stops, in->p[n]))
        n++;
    struct slice part = slice_of(in->p, n);
    *in = slice_skip(*in, n);
    return part;
}

static bool uri_is_scheme(struct slice s) {
    for (size_t i = 0; i < s.n; i++) {
        uint8_t c = s.p[i], lower = c | 0x20;
        bool letter = lower >= 'a' && lower <= 'z';
        bool other = (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
        if (!letter && (i == 0 || !other)) return false;
    }
    return s.n > 0;
}

static struct uri uri_split(struct slice text) {
    struct uri uri = {{0}, {0}, {0}, {0}};
    struct slice rest = text, scheme = uri_until(&rest, ":/?#");
    if (rest.n && rest.p[0] == ':' && uri_is_scheme(scheme)) {
        uri.scheme = scheme;
        text = slice_skip(rest, 1);
    }
    if (slice_starts(text, SLICE_LIT("//"))) {
        text = slice_skip(text, 2);
        uri.authority = uri_until(&text, "/?#");
    }
    uri.path = uri_until(&text, "?#");
    if (text.n && text.p[0] == '?') {
        text = slice_skip(text, 1);
        uri.query = uri_until(&text, "#");
    }
    return uri;
}

// Section 5.2.4, in place: whole segments are moved down over those that go.
static size_t uri_remove_dots(uint8_t *path, size_t n) {
    size_t to = 0;
    for (size_t from = 0; from < n;) {
        size_t end = from + 1;
        while (end < n && path[end] != '/')
            end++;
        struct slice segment = slice_of(path + from, end - from);
        bool last = end == n;
        bool up = slice_eq_str(segment, "/..") || (from == 0 && slice_eq_str(segment, ".."));
        bool here = slice_eq_str(segment, "/.") || (from == 0 && slice_eq_str(segment, "."));
        while (up && to > 0 && path[--to] != '/')
            continue;
        if (!up && !here) {
            memmove(path + to, path + from, end - from);
            to += end - from;
        } else if (last && segment.p[0] == '/') {
            path[to++] = '/';
        }
        from = end;
    }
    return to;
}

struct uri_out {
    uint8_t *p;
    size_t n;
};

static void uri_put(struct uri_out *out, struct slice s) {
    if (s.n) memcpy(out->p + out->n, s.p, s.n);
    out->n += s.n;
}

// Section 5.2.3: the reference's path in place of the base's last segment.
static void uri_put_merged(struct uri_out *out, const struct uri *base, struct slice path) {
    size_t start = out->n, keep = base->path.n;
    while (keep > 0 && base->path.p[keep - 1] != '/')
        keep--;
    if (base->authority.p && base->path.n == 0)
        uri_put(out, SLICE_LIT("/"));
    else
        uri_put(out, slice_of(base->path.p, keep));
    uri_put(out, path);
    out->n = start + uri_remove_dots(out->p + start, out->n - start);
}

static void uri_put_path(struct uri_out *out, const struct uri *base, const struct uri *ref) {
    if (!ref->scheme.p && !ref->authority.p && ref->path.n == 0) {
        uri_put(out, base->path);
    } else if (ref->scheme.p || ref->authority.p || ref->path.p[0] == '/') {
        size_t start = out->n;
        uri_put(out, ref->path);
        out->n = start + uri_remove_dots(out->p + start, out->n - start);
    } else {
        uri_put_merged(out, base, ref->path);
    }
}

static void uri_join(struct uri_out *out, const struct uri *base, const struct uri *ref) {
    bool own = ref->scheme.p || ref->authority.p;
    struct slice scheme = ref->scheme.p ? ref->scheme : base->scheme;
    struct slice authority = own ? ref->authority : base->authority;
    struct slice query = own || ref->path.n || ref->query.p ? ref->query : base->query;
    uri_put(out, scheme);
    if (scheme.p) uri_put(out, SLICE_LIT(":"));
    if (authority.p) uri_put(out, SLICE_LIT("//"));
    uri_put(out, authority);
    uri_put_path(out, base, ref);
    if (query.p) uri_put(out, SLICE_LIT("?"));
    uri_put(out, query);
}

static int uri_hex(uint8_t c) {
    if (c >= '0' && c <= '9') return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static size_t uri_decode(uint8_t *p, size_t n) {
    size_t to = 0;
    for (size_t i = 0; i < n; i++) {
        bool code = p[i] == '%' && n - i > 2 && uri_hex(p[i + 1]) >= 0 && uri_hex(p[i + 2]) >= 0;
        p[to++] = code ? (uint8_t)(uri_hex(p[i + 1]) * 16 + uri_hex(p[i + 2])) : p[i];
        if (code) i += 2;
    }
    return to;
}

bool schema_uri_resolve(struct arena *arena, struct slice base, struct slice ref,
                        struct slice *out_uri, struct slice *out_fragment) {
    struct slice fragment = ref;
    struct slice before = uri_until(&fragment, "#");
    struct uri base_parts = uri_split(base), ref_parts = uri_split(before);
    struct uri_out out = {.p = arena_alloc(arena, base.n + ref.n + 8)};
    fragment = slice_skip(fragment, fragment.n ? 1 : 0);
    uint8_t *decoded = arena_copy(arena, fragment.p, fragment.n);
    if (!out.p || !decoded) return false;
    uri_join(&out, &base_parts, &ref_parts);
    *out_uri = slice_of(out.p, out.n);
    *out_fragment = slice_of(decoded, uri_decode(decoded, fragment.n));
    return true;
}
