#include <string.h>

#include "base/err/err.h"

enum { WORD_MAX = 64, FAR = 3 };

static size_t min2(size_t a, size_t b) { return a < b ? a : b; }

// Distance by insertions, deletions, substitutions and swaps of neighbours, none of which touches a
// place twice (optimal string alignment); three rows of the table are kept.
static size_t distance(const char *a, size_t a_len, const char *b, size_t b_len) {
    size_t rows[3][WORD_MAX + 1];
    for (size_t j = 0; j <= b_len; j++) rows[0][j] = j;
    for (size_t i = 1; i <= a_len; i++) {
        size_t *row = rows[i % 3], *above = rows[(i + 2) % 3], *above2 = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            size_t best = min2(above[j], row[j - 1]) + 1;
            best = min2(best, above[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                best = min2(best, above2[j - 2] + 1);
            row[j] = best;
        }
    }
    return rows[a_len % 3][b_len];
}

const char *err_nearest(const char *word, const char *const *candidates, size_t count) {
    const char *nearest = NULL;
    size_t best = FAR, length = strlen(word);
    if (length > WORD_MAX) return NULL;
    for (size_t i = 0; i < count; i++) {
        size_t n = strlen(candidates[i]);
        if (n > WORD_MAX || n > length + 2 || length > n + 2) continue;
        size_t d = distance(word, length, candidates[i], n);
        if (d < best && 2 * d < length) {
            best = d;
            nearest = candidates[i];
        }
    }
    return nearest;
}
