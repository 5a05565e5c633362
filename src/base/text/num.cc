// libstdc++'s number conversion (std::to_chars: Ryu; std::from_chars: Eisel-Lemire) behind C
// functions.
#include "base/text/num.h"

#include <charconv>

extern "C" size_t num_print_double(double value, char *out) noexcept {
    char *end = std::to_chars(out, out + NUM_TEXT_MAX, value).ptr;
    for (const char *p = out; p < end; p++)
        if (*p == '.' || *p == 'e') return static_cast<size_t>(end - out);
    *end++ = '.';
    *end++ = '0';
    return static_cast<size_t>(end - out);
}

extern "C" size_t num_print_int(int64_t value, char *out) noexcept {
    return static_cast<size_t>(std::to_chars(out, out + NUM_TEXT_MAX, value).ptr - out);
}

// from_chars says "out of range" above and below alike. Of a number known to be either: is it
// below, so that the nearest double is 0? (Its first digit that is not 0 stands behind the point
// then.)
static bool num_is_tiny(const char *p, const char *end) noexcept {
    int64_t place = 0, exponent = 0;
    bool in_fraction = false, found = false;
    for (; p < end && *p != 'e' && *p != 'E'; p++) {
        if (*p == '.') in_fraction = true;
        if (*p < '0' || *p > '9') continue;
        place += !in_fraction && found;
        place -= in_fraction && !found;
        found = found || *p != '0';
    }
    bool minus = end - p > 1 && p[1] == '-';
    for (; p < end; p++)
        if (*p >= '0' && *p <= '9' && exponent < INT64_MAX / 100)
            exponent = exponent * 10 + (*p - '0');
    return place + (minus ? -exponent : exponent) < 0;
}

extern "C" bool num_parse_double(const char *text, size_t size, double *out) noexcept {
    auto result = std::from_chars(text, text + size, *out);
    if (result.ec == std::errc::result_out_of_range && num_is_tiny(text, text + size)) {
        *out = text[0] == '-' ? -0.0 : 0.0;
        return true;
    }
    return result.ec == std::errc() && result.ptr == text + size;
}

extern "C" bool num_parse_int(const char *text, size_t size, int64_t *out) noexcept {
    auto result = std::from_chars(text, text + size, *out);
    return result.ec == std::errc() && result.ptr == text + size;
}
