// Paths: parsing, one value at a path, every value a path reaches.
#include "doc/path.h"

#include "base/err/check.h"
#include "base/text/time.h"
#include "base/text/utf8.h"
#include "doc/footer.h"

enum { PATH_INDEX_DIGITS_MAX = 9 }; // fits uint32_t, and no array in 16 MiB is longer

static uint32_t path_index(struct slice name) {
    if (name.n == 0 || name.n > PATH_INDEX_DIGITS_MAX) return PATH_NO_INDEX;
    if (name.p[0] == '0' && name.n > 1) return PATH_NO_INDEX;
    uint32_t index = 0;
    for (size_t i = 0; i < name.n; i++) {
        if (name.p[i] < '0' || name.p[i] > '9') return PATH_NO_INDEX;
        index = index * 10 + (uint32_t)(name.p[i] - '0');
    }
    return index;
}

static nacre_status path_error(struct ctx *ctx, struct slice text, const char *what) {
    struct slice shown = slice_of(text.p, text.n > 100 ? 100 : text.n);
    return err_set(ctx, NACRE_INVALID_ARGUMENT, "invalid path \"%.*s\": %s",
                   (int)utf8_valid_prefix(shown), (const char *)shown.p, what);
}

// Removes ~0 and ~1 (RFC 6901). false: a '~' followed by anything else.
static bool path_unescape(struct ctx *ctx, struct slice raw, struct slice *out, bool *no_memory) {
    *out = raw;
    if (raw.n == 0 || !memchr(raw.p, '~', raw.n)) return true;
    uint8_t *p = arena_alloc(&ctx->arena, raw.n);
    *no_memory = p == NULL;
    if (!p) return true;
    size_t n = 0;
    for (size_t i = 0; i < raw.n; i++) {
        p[n] = raw.p[i];
        if (raw.p[i] == '~') {
            if (++i == raw.n || (raw.p[i] != '0' && raw.p[i] != '1')) return false;
            p[n] = raw.p[i] == '0' ? '~' : '/';
        }
        n++;
    }
    *out = slice_of(p, n);
    return true;
}

static nacre_status path_part(struct ctx *ctx, struct slice text, struct slice raw,
                              struct path_part *out) {
    struct slice name = raw;
    if (text.p[0] == '/') {
        bool no_memory = false;
        if (!path_unescape(ctx, raw, &name, &no_memory))
            return path_error(ctx, text,
                              "in a JSON Pointer '~' is written ~0 and '/' is written ~1");
        if (no_memory) return err_nomem(ctx);
    } else if (raw.n == 0) {
        return path_error(ctx, text, "a part between dots is empty");
    }
    if (name.n && name.p[0] == '$') return path_error(ctx, text, "a name cannot start with '$'");
    *out =
        (struct path_part){.name = name, .index = path_index(name), .hash = footer_hash_name(name)};
    return NACRE_OK;
}

static nacre_status path_check_text(struct ctx *ctx, struct slice text) {
    if (text.n == 0) return err_set(ctx, NACRE_INVALID_ARGUMENT, "invalid path: it is empty");
    if (memchr(text.p, 0, text.n)) return path_error(ctx, text, "a name cannot hold U+0000");
    if (!utf8_valid(text))
        return err_set(ctx, NACRE_INVALID_ARGUMENT, "invalid path: it is not valid UTF-8");
    return NACRE_OK;
}

nacre_status path_parse(struct ctx *ctx, struct slice text, struct path *out) {
    TRY(path_check_text(ctx, text));
    char separator = text.p[0] == '/' ? '/' : '.';
    struct slice rest = separator == '/' ? slice_skip(text, 1) : text;
    size_t count = 1;
    for (size_t i = 0; i < rest.n; i++)
        count += rest.p[i] == separator;
    if (count > PATH_PARTS_MAX) return path_error(ctx, text, "it has more than 100 parts");
    struct path path = {.text = text, .count = (uint32_t)count};
    path.parts = ARENA_ARRAY(&ctx->arena, struct path_part, count);
    if (!path.parts) return err_nomem(ctx);
    for (size_t i = 0; i < count; i++) {
        const uint8_t *end = rest.n ? memchr(rest.p, separator, rest.n) : NULL;
        size_t n = end ? (size_t)(end - rest.p) : rest.n;
        TRY(path_part(ctx, text, slice_of(rest.p, n), &path.parts[i]));
        rest = slice_skip(rest, end ? n + 1 : n);
    }
    path.hash = count == 1 ? path.parts[0].hash
                           : footer_hash_nested(path.parts[0].hash, path.parts[1].name);
    *out = path;
    return NACRE_OK;
}

static struct val path_array_at(struct val array, uint32_t index) {
    struct bson_iter it = bson_iter_of_val(array);
    struct slice name;
    struct val v;
    for (uint32_t i = 0; bson_next(&it, &name, &v); i++)
        if (i == index) return v;
    return val_missing();
}

// One step without fan-out.
static struct val path_step(struct val v, const struct path_part *part) {
    if (v.type == VAL_OBJECT) return bson_find(val_slice(v), part->name);
    if (v.type == VAL_ARRAY && part->index != PATH_NO_INDEX) return path_array_at(v, part->index);
    return val_missing();
}

static struct val path_time(int64_t ms, uint8_t scratch[64]) {
    _Static_assert(TIME_TEXT_MAX <= 64, "a time must fit the caller's scratch");
    return val_str(slice_of(scratch, time_print(ms, (char *)scratch)));
}

// {"until": time} in scratch: 4 + (1 + 6 + 4 + text + 1) + 1 bytes.
static struct val path_lease_object(int64_t until_ms, uint8_t scratch[64]) {
    char text[TIME_TEXT_MAX];
    size_t text_n = time_print(until_ms, text), n = 17 + text_n;
    _Static_assert(17 + TIME_TEXT_MAX <= 64, "the object must fit the caller's scratch");
    memset(scratch, 0, 64);
    bits_put_le32(scratch, (uint32_t)n);
    memcpy(scratch + 4, "\x02until", 7);
    bits_put_le32(scratch + 11, (uint32_t)text_n + 1);
    memcpy(scratch + 15, text, text_n);
    return val_bytes(VAL_OBJECT, slice_of(scratch, n));
}

static struct val path_lease(const struct doc_sys *sys, const struct path *path,
                             uint8_t scratch[64]) {
    if (sys->lease_until_ms == 0 || path->count > 2) return val_missing();
    if (path->count == 1) return path_lease_object(sys->lease_until_ms, scratch);
    struct slice name = path->parts[1].name;
    if (slice_eq_str(name, "until")) return path_time(sys->lease_until_ms, scratch);
    if (slice_eq_str(name, "holder") && sys->lease_holder.n) return val_str(sys->lease_holder);
    return val_missing();
}

// true: the path names a system field other than _id, and *out is its value.
static bool path_system(const struct doc *doc, const struct path *path, uint8_t scratch[64],
                        struct val *out) {
    struct slice name = path->parts[0].name;
    const struct doc_sys *sys = doc->sys;
    enum { VERSION, CREATED, UPDATED, EXPIRES, LEASE, NAMES };
    static const char *const names[NAMES] = {"_version", "_created", "_updated", "_expires",
                                             "_lease"};
    int field = 0;
    if (name.n < 6 || name.p[0] != '_') return false;
    while (field < NAMES && !slice_eq_str(name, names[field]))
        field++;
    if (field == NAMES) return false;
    *out = val_missing();
    if (!sys) return true;
    if (field == LEASE)
        *out = path_lease(sys, path, scratch);
    else if (path->count > 1)
        return true;
    else if (field == VERSION)
        *out = val_int((int64_t)sys->version);
    else if (field == CREATED)
        *out = path_time(sys->created_ms, scratch);
    else if (field == UPDATED)
        *out = path_time(sys->updated_ms, scratch);
    else if (sys->expires_ms)
        *out = path_time(sys->expires_ms, scratch);
    return true;
}

// The value of the first *done parts. What is not there is VAL_MISSING.
static struct val path_start(const struct doc *doc, const struct path *path, uint32_t *done) {
    struct val v;
    *done = 1;
    if (doc->footer.n == 0) return bson_find(doc->body, path->parts[0].name);
    if (!footer_find(doc->body, doc->footer, path, &v, done)) {
        *done = 1;
        return val_missing();
    }
    return v;
}

struct val doc_get(const struct doc *doc, const struct path *path, uint8_t scratch[64]) {
    struct val v;
    if (path->count == 0) return val_bytes(VAL_OBJECT, doc->body);
    if (path_system(doc, path, scratch, &v)) return v;
    uint32_t done;
    v = path_start(doc, path, &done);
    for (; done < path->count && v.type != VAL_MISSING; done++)
        v = path_step(v, &path->parts[done]);
    return v;
}

struct reach {
    const struct path *path;
    doc_each *each;
    void *arg;
    bool missing; // some branch ended before the path did
    bool any;     // some value was reached
};

static bool reach_from(struct reach *reach, struct val v, uint32_t part);

// The part is applied to each object among the elements; an index part also picks its element.
// Elements that are neither are no branches: {"a":[1,{"b":2}]} has one value at a.b. An object
// without a field named as an index is none either.
static bool reach_array(struct reach *reach, struct val array, uint32_t part) {
    const struct path_part *p = &reach->path->parts[part];
    bool is_index = p->index != PATH_NO_INDEX, found = false;
    struct bson_iter it = bson_iter_of_val(array);
    struct slice name;
    struct val element;
    for (uint32_t i = 0; bson_next(&it, &name, &element); i++) {
        if (is_index && i == p->index) {
            found = true;
            if (!reach_from(reach, element, part + 1)) return false;
        }
        if (element.type != VAL_OBJECT) continue;
        struct val v = bson_find(val_slice(element), p->name);
        if (v.type == VAL_MISSING && is_index) continue;
        found = true;
        if (!reach_from(reach, v, part + 1)) return false;
    }
    if (is_index && !found) reach->missing = true;
    return true;
}

static bool reach_from(struct reach *reach, struct val v, uint32_t part) {
    if (v.type != VAL_MISSING && part == reach->path->count) {
        reach->any = true;
        return reach->each(reach->arg, v);
    }
    if (v.type == VAL_ARRAY) return reach_array(reach, v, part);
    if (v.type == VAL_OBJECT)
        return reach_from(reach, bson_find(val_slice(v), reach->path->parts[part].name), part + 1);
    reach->missing = true;
    return true;
}

void doc_reach(const struct doc *doc, const struct path *path, doc_each *each, void *arg,
               bool *missing) {
    uint8_t scratch[64];
    struct reach reach = {.path = path, .each = each, .arg = arg};
    struct val v = val_bytes(VAL_OBJECT, doc->body);
    uint32_t done = 0;
    if (path->count && path_system(doc, path, scratch, &v))
        done = path->count;
    else if (path->count)
        v = path_start(doc, path, &done);
    reach_from(&reach, v, done);
    *missing = reach.missing || !reach.any;
}
