#include "base/text/time.h"

#include <string.h>

#define MS_PER_DAY INT64_C(86400000)

struct civil {
    int64_t year;
    uint32_t month, day;
};

// Days since 1970-01-01 and back, proleptic Gregorian calendar (H. Hinnant, "chrono-Compatible
// Low-Level Date Algorithms": eras of 400 years that begin on 1 March).
static int64_t days_from_civil(struct civil c) {
    int64_t y = c.month <= 2 ? c.year - 1 : c.year;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * ((int64_t)c.month + (c.month > 2 ? -3 : 9)) + 2) / 5 + c.day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

static struct civil civil_from_days(int64_t days) {
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t doe = days - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    struct civil c = {.day = (uint32_t)(doy - (153 * mp + 2) / 5 + 1)};
    c.month = (uint32_t)(mp < 10 ? mp + 3 : mp - 9);
    c.year = yoe + era * 400 + (c.month <= 2);
    return c;
}

static char *put_digits(char *at, uint64_t value, int width) {
    for (int i = width - 1; i >= 0; i--, value /= 10) at[i] = (char)('0' + value % 10);
    return at + width;
}

static char *put_year(char *at, int64_t year) {
    if (year >= 0 && year <= 9999) return put_digits(at, (uint64_t)year, 4);
    *at++ = year < 0 ? '-' : '+';
    uint64_t size = (uint64_t)(year < 0 ? -year : year);
    int width = 6;
    for (uint64_t bound = 1000000; size >= bound; bound *= 10) width++;
    return put_digits(at, size, width);
}

size_t time_print(int64_t unix_ms, char *out) {
    int64_t days = unix_ms / MS_PER_DAY, rest = unix_ms % MS_PER_DAY;
    if (rest < 0) {
        rest += MS_PER_DAY;
        days--;
    }
    struct civil c = civil_from_days(days);
    uint64_t ms = (uint64_t)rest;
    char *at = put_year(out, c.year);
    *at++ = '-';
    at = put_digits(at, c.month, 2);
    *at++ = '-';
    at = put_digits(at, c.day, 2);
    *at++ = 'T';
    at = put_digits(at, ms / 3600000, 2);
    *at++ = ':';
    at = put_digits(at, ms / 60000 % 60, 2);
    *at++ = ':';
    at = put_digits(at, ms / 1000 % 60, 2);
    *at++ = '.';
    at = put_digits(at, ms % 1000, 3);
    *at++ = 'Z';
    return (size_t)(at - out);
}

static bool take_char(struct slice *in, char c) {
    if (in->n == 0 || in->p[0] != (uint8_t)c) return false;
    *in = slice_skip(*in, 1);
    return true;
}

static size_t count_digits(struct slice in) {
    size_t n = 0;
    while (n < in.n && in.p[n] >= '0' && in.p[n] <= '9') n++;
    return n;
}

static uint32_t take_number(struct slice *in, size_t digits) {
    uint32_t value = 0;
    for (size_t i = 0; i < digits; i++) value = value * 10 + (uint32_t)(in->p[i] - '0');
    *in = slice_skip(*in, digits);
    return value;
}

static bool take_digits(struct slice *in, size_t digits, uint32_t *out) {
    if (count_digits(slice_of(in->p, in->n < digits ? in->n : digits)) != digits) return false;
    *out = take_number(in, digits);
    return true;
}

// Four digits, or a sign and six to nine as time_print writes them.
static bool take_year(struct slice *in, int64_t *out) {
    uint32_t year;
    bool minus = take_char(in, '-');
    if (!minus && !take_char(in, '+')) {
        if (!take_digits(in, 4, &year)) return false;
        *out = year;
        return true;
    }
    size_t digits = count_digits(*in);
    if (digits < 6 || digits > 9) return false;
    year = take_number(in, digits);
    *out = minus ? -(int64_t)year : (int64_t)year;
    return !(minus && year == 0);
}

static uint32_t days_in_month(int64_t year, uint32_t month) {
    if (month == 2) return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28;
    return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

static bool take_date(struct slice *in, int64_t *out_days) {
    struct civil c;
    if (!take_year(in, &c.year) || !take_char(in, '-') || !take_digits(in, 2, &c.month) ||
        !take_char(in, '-') || !take_digits(in, 2, &c.day))
        return false;
    if (c.month < 1 || c.month > 12 || c.day < 1 || c.day > days_in_month(c.year, c.month))
        return false;
    *out_days = days_from_civil(c);
    return true;
}

static bool take_fraction(struct slice *in, uint32_t *out_ms) {
    *out_ms = 0;
    if (!take_char(in, '.')) return true;
    size_t digits = count_digits(*in);
    if (digits < 1 || digits > 9) return false;
    uint32_t value = take_number(in, digits);
    for (; digits < 3; digits++) value *= 10;
    for (; digits > 3; digits--) value /= 10;
    *out_ms = value;
    return true;
}

static bool take_offset(struct slice *in, int64_t *out_minutes) {
    *out_minutes = 0;
    if (take_char(in, 'Z') || take_char(in, 'z')) return true;
    bool minus = take_char(in, '-');
    if (!minus && !take_char(in, '+')) return false;
    uint32_t hour, minute;
    if (!take_digits(in, 2, &hour) || !take_char(in, ':') || !take_digits(in, 2, &minute) ||
        hour > 23 || minute > 59)
        return false;
    int64_t minutes = (int64_t)(hour * 60 + minute);
    *out_minutes = minus ? -minutes : minutes;
    return true;
}

bool time_parse(struct slice text, int64_t *out_unix_ms) {
    int64_t days, offset;
    uint32_t hour, minute, second, ms;
    if (!take_date(&text, &days)) return false;
    if (!take_char(&text, 'T') && !take_char(&text, 't') && !take_char(&text, ' ')) return false;
    if (!take_digits(&text, 2, &hour) || !take_char(&text, ':') ||
        !take_digits(&text, 2, &minute) || !take_char(&text, ':') ||
        !take_digits(&text, 2, &second))
        return false;
    if (!take_fraction(&text, &ms) || !take_offset(&text, &offset) || text.n) return false;
    if (hour > 23 || minute > 59 || second > 60) return false;
    int64_t in_day = ((int64_t)hour * 60 + minute - offset) * 60 + second;
    // A leap second stands at the end of a UTC day only; it is read as the second after it, as Unix
    // time has none.
    if (second == 60 && in_day % 86400 != 0) return false;
    // In 128 bits: the milliseconds may bring back a sum that had left the range at INT64_MIN.
    __int128 unix_ms = ((__int128)days * 86400 + in_day) * 1000 + ms;
    if (unix_ms < INT64_MIN || unix_ms > INT64_MAX) return false;
    *out_unix_ms = (int64_t)unix_ms;
    return true;
}
