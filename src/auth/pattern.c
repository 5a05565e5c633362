#include "auth/pattern.h"

#include <stdio.h>

#include "catalog/keyspace.h"
#include "catalog/spec.h"
#include "doc/json.h"

bool pattern_fits_one(const struct pattern *patterns, uint32_t count, struct slice name) {
    for (uint32_t i = 0; i < count; i++)
        if (pattern_fits(&patterns[i], name)) return true;
    return false;
}

static nacre_status take_one(struct ctx *ctx, const char *pointer, struct val v,
                             struct arena *arena, struct pattern *out) {
    static const char expected[] = "names, or beginnings of names with a * behind";
    if (v.type != VAL_STRING || v.n == 0) return catalog_member_bad(ctx, pointer, expected, v);
    struct slice text = val_slice(v);
    out->prefix = text.p[text.n - 1] == '*';
    text.n -= out->prefix;
    if (text.n && name_check(ctx, "pattern of a", text) != NACRE_OK)
        return catalog_member_bad(ctx, pointer, expected, v);
    out->text = slice_of(text.n ? arena_copy(arena, text.p, text.n) : "", text.n);
    return out->text.p ? NACRE_OK : err_nomem(ctx);
}

nacre_status pattern_list(struct ctx *ctx, const char *pointer, struct val v, struct arena *arena,
                          struct pattern **out, uint32_t *out_count) {
    char at[64];
    struct slice name;
    struct val one;
    uint32_t count = v.type == VAL_ARRAY ? bson_count(val_slice(v)) : 0;
    if (count == 0 || count > PATTERNS_MAX)
        return catalog_member_bad(ctx, pointer, "an array of 1 to 64 names", v);
    struct pattern *list = ARENA_ARRAY(arena, struct pattern, count);
    if (!list) return err_nomem(ctx);
    struct bson_iter it = bson_iter_of_val(v);
    for (uint32_t i = 0; bson_next(&it, &name, &one); i++) {
        snprintf(at, sizeof at, "%s/%u", pointer, (unsigned)i);
        TRY(take_one(ctx, at, one, arena, &list[i]));
    }
    *out = list;
    *out_count = count;
    return NACRE_OK;
}

void pattern_list_json(struct buf *json, const char *member, const struct pattern *patterns,
                       uint32_t count) {
    buf_printf(json, "\"%s\":[", member);
    for (uint32_t i = 0; i < count; i++)
        buf_printf(json, "%s\"%.*s%s\"", i ? "," : "", (int)patterns[i].text.n,
                   (const char *)patterns[i].text.p, patterns[i].prefix ? "*" : "");
    buf_put_u8(json, ']');
}
