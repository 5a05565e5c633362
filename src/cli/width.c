#include "cli/width.h"

#include <stdio.h>
#include <string.h>

struct range {
    uint32_t first, last;
};

// Marks that stand on the character before them, and what has no width (Unicode 15: Mn, Me, Cf;
// blocks rather than each gap in them).
static const struct range none[] = {
    {0x0300, 0x036F},   {0x0483, 0x0489},   {0x0591, 0x05BD}, {0x05BF, 0x05C7}, {0x0610, 0x061A},
    {0x064B, 0x065F},   {0x0670, 0x0670},   {0x06D6, 0x06DC}, {0x06DF, 0x06E8}, {0x06EA, 0x06ED},
    {0x0711, 0x0711},   {0x0730, 0x074A},   {0x07A6, 0x07B0}, {0x07EB, 0x07F3}, {0x0816, 0x082D},
    {0x0859, 0x085B},   {0x08CA, 0x0902},   {0x093A, 0x093A}, {0x093C, 0x093C}, {0x0941, 0x0948},
    {0x094D, 0x094D},   {0x0951, 0x0957},   {0x0962, 0x0963}, {0x0981, 0x0981}, {0x09BC, 0x09BC},
    {0x09C1, 0x09C4},   {0x09CD, 0x09CD},   {0x0A01, 0x0A02}, {0x0A3C, 0x0A51}, {0x0E31, 0x0E31},
    {0x0E34, 0x0E3A},   {0x0E47, 0x0E4E},   {0x0EB1, 0x0EBC}, {0x0EC8, 0x0ECE}, {0x0F71, 0x0F84},
    {0x1160, 0x11FF},   {0x135D, 0x135F},   {0x1AB0, 0x1ACE}, {0x1DC0, 0x1DFF}, {0x200B, 0x200F},
    {0x202A, 0x202E},   {0x2060, 0x2064},   {0x20D0, 0x20F0}, {0x302A, 0x302D}, {0x3099, 0x309A},
    {0xA66F, 0xA67D},   {0xFB1E, 0xFB1E},   {0xFE00, 0xFE0F}, {0xFE20, 0xFE2F}, {0xFEFF, 0xFEFF},
    {0x1F3FB, 0x1F3FF}, {0xE0001, 0xE01EF},
};

// East Asian Wide and Fullwidth, and emoji.
static const struct range two[] = {
    {0x1100, 0x115F},   {0x231A, 0x231B},   {0x2329, 0x232A},   {0x23E9, 0x23EC},
    {0x23F0, 0x23F0},   {0x23F3, 0x23F3},   {0x25FD, 0x25FE},   {0x2614, 0x2615},
    {0x2648, 0x2653},   {0x267F, 0x267F},   {0x2693, 0x2693},   {0x26A1, 0x26A1},
    {0x26AA, 0x26AB},   {0x26BD, 0x26BE},   {0x26C4, 0x26C5},   {0x26CE, 0x26CE},
    {0x26D4, 0x26D4},   {0x26EA, 0x26EA},   {0x26F2, 0x26F3},   {0x26F5, 0x26F5},
    {0x26FA, 0x26FA},   {0x26FD, 0x26FD},   {0x2705, 0x2705},   {0x270A, 0x270B},
    {0x2728, 0x2728},   {0x274C, 0x274C},   {0x274E, 0x274E},   {0x2753, 0x2755},
    {0x2757, 0x2757},   {0x2795, 0x2797},   {0x27B0, 0x27B0},   {0x27BF, 0x27BF},
    {0x2B1B, 0x2B1C},   {0x2B50, 0x2B50},   {0x2B55, 0x2B55},   {0x2E80, 0x303E},
    {0x3041, 0x33FF},   {0x3400, 0x4DBF},   {0x4E00, 0x9FFF},   {0xA000, 0xA4CF},
    {0xA960, 0xA97F},   {0xAC00, 0xD7A3},   {0xF900, 0xFAFF},   {0xFE10, 0xFE19},
    {0xFE30, 0xFE6F},   {0xFF00, 0xFF60},   {0xFFE0, 0xFFE6},   {0x16FE0, 0x18CFF},
    {0x1AFF0, 0x1B2FF}, {0x1F004, 0x1F004}, {0x1F0CF, 0x1F0CF}, {0x1F18E, 0x1F18E},
    {0x1F191, 0x1F19A}, {0x1F200, 0x1F320}, {0x1F32D, 0x1F335}, {0x1F337, 0x1F37C},
    {0x1F37E, 0x1F393}, {0x1F3A0, 0x1F3CA}, {0x1F3CF, 0x1F3D3}, {0x1F3E0, 0x1F3F0},
    {0x1F3F4, 0x1F3F4}, {0x1F3F8, 0x1F43E}, {0x1F440, 0x1F440}, {0x1F442, 0x1F4FC},
    {0x1F4FF, 0x1F53D}, {0x1F54B, 0x1F54E}, {0x1F550, 0x1F567}, {0x1F57A, 0x1F57A},
    {0x1F595, 0x1F596}, {0x1F5A4, 0x1F5A4}, {0x1F5FB, 0x1F64F}, {0x1F680, 0x1F6C5},
    {0x1F6CC, 0x1F6CC}, {0x1F6D0, 0x1F6D2}, {0x1F6D5, 0x1F6D7}, {0x1F6DC, 0x1F6DF},
    {0x1F6EB, 0x1F6EC}, {0x1F6F4, 0x1F6FC}, {0x1F7E0, 0x1F7EB}, {0x1F7F0, 0x1F7F0},
    {0x1F90C, 0x1F9FF}, {0x1FA70, 0x1FAFF}, {0x20000, 0x3FFFD},
};

static bool in_ranges(uint32_t c, const struct range *ranges, size_t count) {
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (c > ranges[middle].last)
            low = middle + 1;
        else
            high = middle;
    }
    return low < count && c >= ranges[low].first;
}

static size_t width_of(uint32_t c) {
    if (c < 0x0300) return c != 0xAD;
    if (in_ranges(c, none, sizeof none / sizeof none[0])) return 0;
    return in_ranges(c, two, sizeof two / sizeof two[0]) ? 2 : 1;
}

// The code point at `at`, and its bytes in *size; UINT32_MAX and 1 for what is no UTF-8.
static uint32_t decode(const unsigned char *at, size_t left, size_t *size) {
    uint32_t c = at[0];
    size_t need = c < 0x80 ? 1 : c < 0xC2 ? 0 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : c < 0xF5 ? 4 : 0;
    *size = 1;
    if (need == 1) return c;
    if (need == 0 || need > left) return UINT32_MAX;
    c &= 0x7Fu >> need;
    for (size_t i = 1; i < need; i++) {
        if ((at[i] & 0xC0) != 0x80) return UINT32_MAX;
        c = c << 6 | (at[i] & 0x3F);
    }
    *size = need;
    return c;
}

// The next character as it is shown, in shown; its bytes in *size.
static size_t show(const char *text, size_t left, char shown[8], size_t *size) {
    const unsigned char *at = (const unsigned char *)text;
    uint32_t c = decode(at, left, size);
    if (c == UINT32_MAX)
        snprintf(shown, 8, "\\x%02x", at[0]);
    else if (c == '\n' || c == '\t')
        snprintf(shown, 8, c == '\n' ? "\\n" : "\\t");
    else if (c < 0x20 || (c >= 0x7F && c < 0xA0) || (c >= 0x202A && c <= 0x202E) ||
             (c >= 0x2066 && c <= 0x2069)) // the last two turn the direction of writing
        snprintf(shown, 8, "\\u%04x", (unsigned)(c & 0xFFFF));
    else {
        memcpy(shown, text, *size);
        shown[*size] = '\0';
        return width_of(c);
    }
    return strlen(shown);
}

size_t cli_width_escaped(struct cli_slice text) {
    size_t columns = 0, size;
    char shown[8];
    for (size_t i = 0; i < text.size; i += size)
        columns += show(text.data + i, text.size - i, shown, &size);
    return columns;
}

void cli_width_escape(struct cli_slice text, struct cli_text *out) {
    size_t size;
    char shown[8];
    for (size_t i = 0; i < text.size; i += size) {
        show(text.data + i, text.size - i, shown, &size);
        cli_text_puts(out, shown);
    }
}

void cli_width_fit(struct cli_slice text, size_t columns, bool right, struct cli_text *out) {
    size_t whole = cli_width_escaped(text), used = 0, size;
    bool cut = whole > columns;
    char shown[8];
    if (right && !cut) cli_text_format(out, "%*s", (int)(columns - whole), "");
    for (size_t i = 0; i < text.size; i += size) {
        size_t width = show(text.data + i, text.size - i, shown, &size);
        if (used + width + cut > columns) break;
        cli_text_puts(out, shown);
        used += width;
    }
    if (cut && columns > 0) {
        cli_text_puts(out, "…");
        used++;
    }
    if ((cut || !right) && used < columns) cli_text_format(out, "%*s", (int)(columns - used), "");
}
