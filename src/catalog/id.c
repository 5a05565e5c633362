// Ids and names as API.md defines them.
#include "base/err/ctx.h"
#include "base/text/num.h"
#include "base/text/utf8.h"
#include "catalog/catalog.h"
#include "catalog/keyspace.h"

enum { ID_INT_DIGITS_MAX = 20 }; // "-9223372036854775808"

static nacre_status id_check_text(struct ctx *ctx, struct slice id) {
    if (id.n == 0) return err_set(ctx, NACRE_INVALID_ARGUMENT, "invalid id: it is empty");
    if (id.n > KEY_ID_TEXT_MAX)
        return err_set(ctx, NACRE_INVALID_ARGUMENT,
                       "invalid id: expected at most %d bytes, got %zu", KEY_ID_TEXT_MAX, id.n);
    if (memchr(id.p, 0, id.n))
        return err_set(ctx, NACRE_INVALID_ARGUMENT, "invalid id: it cannot hold U+0000");
    if (!utf8_valid(id))
        return err_set(ctx, NACRE_INVALID_ARGUMENT, "invalid id: it is not valid UTF-8");
    if (slice_eq_str(id, ".") || slice_eq_str(id, ".."))
        return err_set(
            ctx, NACRE_INVALID_ARGUMENT,
            "invalid id: \".\" and \"..\" cannot be ids, since they mean something else in a URL");
    return NACRE_OK;
}

nacre_status id_check(struct ctx *ctx, struct val id) {
    if (id.type == VAL_INT) return NACRE_OK;
    if (id.type == VAL_STRING) return id_check_text(ctx, val_slice(id));
    return err_set(ctx, NACRE_INVALID_ARGUMENT,
                   "invalid id: expected a string or a 64-bit integer, got %s",
                   id.type == VAL_MISSING ? "nothing" : val_type_name(id.type));
}

// Only the form that id_print gives, so that one document has one URL.
static bool id_parse_int(struct slice text, int64_t *out) {
    bool negative = text.n > 0 && text.p[0] == '-';
    struct slice digits = slice_skip(text, negative);
    if (digits.n == 0 || digits.n > ID_INT_DIGITS_MAX) return false;
    if (digits.p[0] == '0' && (digits.n > 1 || negative)) return false;
    for (size_t i = 0; i < digits.n; i++)
        if (digits.p[i] < '0' || digits.p[i] > '9') return false;
    return num_parse_int((const char *)text.p, text.n, out);
}

nacre_status id_parse(struct ctx *ctx, struct slice text, struct val *out) {
    struct val id = val_str(text);
    if (text.n > KEY_ID_TEXT_MAX + 1) return id_check_text(ctx, text); // val holds 32-bit sizes
    if (text.n && text.p[0] == '~') {
        struct slice rest = slice_skip(text, 1);
        int64_t number = 0;
        if (rest.n && rest.p[0] == '~')
            id = val_str(rest);
        else if (id_parse_int(rest, &number))
            id = val_int(number);
        else {
            nacre_status status =
                err_set(ctx, NACRE_INVALID_ARGUMENT,
                        "invalid id \"%.*s\": '~' is followed by a 64-bit integer",
                        (int)(text.n < 64 ? text.n : 64), (const char *)text.p);
            err_hint(ctx, "a string that starts with '~' is written with two of them");
            return status;
        }
    }
    TRY(id_check(ctx, id));
    *out = id;
    return NACRE_OK;
}

void id_print(struct buf *out, struct val id) {
    if (id.type == VAL_INT) {
        char text[NUM_TEXT_MAX];
        buf_put_u8(out, '~');
        buf_put(out, text, num_print_int(id.i, text));
        return;
    }
    struct slice text = val_slice(id);
    if (text.n && text.p[0] == '~') buf_put_u8(out, '~');
    buf_put_slice(out, text);
}

static bool name_letter(uint8_t c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); }

nacre_status name_check(struct ctx *ctx, const char *what, struct slice name) {
    bool good = name.n > 0 && name.n <= CATALOG_NAME_MAX && name_letter(name.p[0]);
    for (size_t i = 1; good && i < name.n; i++) {
        uint8_t c = name.p[i];
        good = name_letter(c) || (c >= '0' && c <= '9') || c == '_' || c == '-';
    }
    if (good) return NACRE_OK;
    // Longer than any name, so that a long text is seen to be long; the record cuts what does not
    // fit.
    int n = name.n > 100 ? 100 : (int)name.n;
    return err_set(
        ctx, NACRE_INVALID_ARGUMENT,
        "invalid %s name \"%.*s\": expected a letter, then at most 63 letters, digits, '_' or '-'",
        what, n, (const char *)name.p);
}

bool name_is_hidden(struct slice database) {
    return slice_eq_str(database, NAME_HIDDEN_DATABASE);
}

bool name_is_system(struct slice name) {
    static const char *const names[] = {"_version", "_created", "_updated", "_expires", "_lease"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (slice_eq_str(name, names[i])) return true;
    return false;
}
