// Unicode property escapes: ECMA-262 knows general categories by their long names too, PCRE2 only
// by their short ones.
#include "filter/filter_ecma.h"

// PropertyValueAliases.txt of Unicode, property gc.
static const struct {
    const char *name, *shorter;
} categories[] = {
    {"Cased_Letter", "L&"},
    {"Close_Punctuation", "Pe"},
    {"Connector_Punctuation", "Pc"},
    {"Control", "Cc"},
    {"Currency_Symbol", "Sc"},
    {"Dash_Punctuation", "Pd"},
    {"Decimal_Number", "Nd"},
    {"Enclosing_Mark", "Me"},
    {"Final_Punctuation", "Pf"},
    {"Format", "Cf"},
    {"Initial_Punctuation", "Pi"},
    {"Letter", "L"},
    {"Letter_Number", "Nl"},
    {"Line_Separator", "Zl"},
    {"Lowercase_Letter", "Ll"},
    {"Mark", "M"},
    {"Math_Symbol", "Sm"},
    {"Modifier_Letter", "Lm"},
    {"Modifier_Symbol", "Sk"},
    {"Nonspacing_Mark", "Mn"},
    {"Number", "N"},
    {"Open_Punctuation", "Ps"},
    {"Other", "C"},
    {"Other_Letter", "Lo"},
    {"Other_Number", "No"},
    {"Other_Punctuation", "Po"},
    {"Other_Symbol", "So"},
    {"Paragraph_Separator", "Zp"},
    {"Private_Use", "Co"},
    {"Punctuation", "P"},
    {"Separator", "Z"},
    {"Space_Separator", "Zs"},
    {"Spacing_Mark", "Mc"},
    {"Surrogate", "Cs"},
    {"Symbol", "S"},
    {"Titlecase_Letter", "Lt"},
    {"Unassigned", "Cn"},
    {"Uppercase_Letter", "Lu"},
    {"digit", "Nd"},
    {"punct", "P"},
};

static struct slice shorter_name(struct slice name) {
    static const char *const prefixes[] = {"General_Category=", "gc="};
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++)
        if (slice_starts(name, slice_str(prefixes[i])))
            name = slice_skip(name, strlen(prefixes[i]));
    for (size_t i = 0; i < sizeof categories / sizeof categories[0]; i++)
        if (slice_eq_str(name, categories[i].name)) return slice_str(categories[i].shorter);
    return name;
}

// The name in the braces of \p{…} at the front of text; n = 0: no such thing there.
static struct slice property_name(struct slice text) {
    bool property =
        text.n > 3 && text.p[0] == '\\' && (text.p[1] | 0x20) == 'p' && text.p[2] == '{';
    const uint8_t *end = property ? memchr(text.p, '}', text.n) : NULL;
    return end ? slice_of(text.p + 3, (size_t)(end - text.p) - 3) : (struct slice){0};
}

bool filter_ecma_translate(struct arena *arena, struct slice pattern, struct slice *out) {
    uint8_t *p = arena_alloc(arena, pattern.n + 1);
    size_t n = 0;
    if (!p) return false;
    while (pattern.n) {
        struct slice name = property_name(pattern);
        struct slice shorter = shorter_name(name);
        size_t copied = name.n ? 3 : pattern.p[0] == '\\' && pattern.n > 1 ? 2 : 1;
        memcpy(p + n, pattern.p, copied);
        n += copied;
        pattern = slice_skip(pattern, copied + name.n);
        if (shorter.n) memcpy(p + n, shorter.p, shorter.n);
        n += shorter.n;
    }
    *out = slice_of(p, n);
    return true;
}
