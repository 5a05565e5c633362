#include "base/text/num.h"

int num_cmp_int_double(int64_t i, double d) {
    if (d >= 0x1.0p63) return -1;
    if (d < -0x1.0p63) return 1;
    // d is in int64's range: cutting its fraction is exact, and so is the way back.
    int64_t whole = (int64_t)d;
    if (i != whole) return i < whole ? -1 : 1;
    double fraction = d - (double)whole;
    return (fraction < 0) - (fraction > 0);
}
