#include "query/present.h"

#include "base/bits/bits.h"
#include "base/text/time.h"
#include "query/project.h"

struct present {
    struct buf *json;
    const struct row *row;
    const struct present_options *options;
    bool any; // a field was written
};

static void put_name(struct present *p, const char *name) {
    if (p->any) buf_put_u8(p->json, ',');
    p->any = true;
    buf_put_u8(p->json, '"');
    buf_put_str(p->json, name);
    buf_put(p->json, "\":", 2);
}

static void put_time(struct present *p, const char *name, int64_t ms) {
    char text[TIME_TEXT_MAX];
    put_name(p, name);
    buf_put_u8(p->json, '"');
    buf_put(p->json, text, time_print(ms, text));
    buf_put_u8(p->json, '"');
}

static void put_text(struct present *p, const char *name, struct slice text) {
    put_name(p, name);
    json_write_str(p->json, text);
}

static void put_body(struct present *p) {
    const struct projection *fields = p->options->fields;
    struct bson_iter it = bson_iter_of(p->row->body);
    struct slice name;
    struct val v;
    for (bool first = true; bson_next(&it, &name, &v); first = false) {
        static const struct project_node everything = {.whole = true};
        const struct project_node *node = &everything;
        if (fields && !(first && slice_eq_str(name, "_id")))
            node = project_child(&fields->root, name);
        if (!node || (!node->whole && v.type != VAL_OBJECT && v.type != VAL_ARRAY)) continue;
        if (p->any) buf_put_u8(p->json, ',');
        p->any = true;
        json_write_str(p->json, name);
        buf_put_u8(p->json, ':');
        project_write(p->json, node, v, p->options->int64);
    }
}

// Whether a system field is asked for; *node gets what is asked of it.
static bool wants(const struct present *p, const char *name, const struct project_node **node) {
    static const struct project_node everything = {.whole = true};
    const struct projection *fields = p->options->fields;
    *node = fields ? project_child(&fields->root, slice_str(name)) : &everything;
    return fields ? *node != NULL : !p->options->no_system;
}

static bool wants_whole(const struct present *p, const char *name) {
    const struct project_node *node;
    return wants(p, name, &node) && node->whole;
}

static bool wants_part(const struct project_node *node, const char *name) {
    return node->whole || project_child(node, slice_str(name));
}

static void put_lease(struct present *p) {
    static const struct project_node everything = {.whole = true};
    const struct row_lease *lease = &p->row->lease;
    const struct project_node *node;
    bool lives = (int64_t)lease->until_ms > p->options->now_ms;
    bool wanted = wants(p, "_lease", &node) && lives;
    if (!(p->row->flags & ROW_LEASE) || !(wanted || p->options->with_token)) return;
    if (p->options->with_token) node = &everything;
    put_name(p, "_lease");
    buf_put_u8(p->json, '{');
    struct present inner = *p;
    inner.any = false;
    if (p->options->with_token) {
        char token[(ROW_LEASE_TOKEN_SIZE + 2) / 3 * 4];
        size_t n = base64url_encode(lease->token, sizeof lease->token, token);
        put_text(&inner, "token", slice_of(token, n));
    }
    if (wants_part(node, "until")) put_time(&inner, "until", (int64_t)lease->until_ms);
    if (lease->holder.n && wants_part(node, "holder")) put_text(&inner, "holder", lease->holder);
    buf_put_u8(p->json, '}');
}

void present_doc(struct buf *json, const struct row *row, const struct present_options *options) {
    struct present p = {.json = json, .row = row, .options = options};
    buf_put_u8(json, '{');
    put_body(&p);
    if (wants_whole(&p, "_version")) {
        put_name(&p, "_version");
        json_write_val(json, val_int((int64_t)row->version), options->int64);
    }
    if (wants_whole(&p, "_created")) put_time(&p, "_created", row_ts_ms(row->created_ts));
    if (wants_whole(&p, "_updated")) put_time(&p, "_updated", row_ts_ms(row->begin_ts));
    if ((row->flags & ROW_EXPIRY) && wants_whole(&p, "_expires"))
        put_time(&p, "_expires", row->expires_ms);
    put_lease(&p);
    buf_put_u8(json, '}');
}
