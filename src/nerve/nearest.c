#include "nearest.h"
#include <string.h>

enum { LONGEST = 64 };

static int least(int a, int b)
{
    return a < b ? a : b;
}

/* Optimal string alignment distance: d[i][j] is that of the first i and the first j letters, and only three rows of d are alive. */
static int distance(const char *a, size_t n, const char *b, size_t m)
{
    int rows[3][LONGEST + 1];
    int *before = rows[0], *above = rows[1], *row = rows[2];
    for (size_t j = 0; j <= m; j++) above[j] = (int)j;
    for (size_t i = 1; i <= n; i++) {
        row[0] = (int)i;
        for (size_t j = 1; j <= m; j++) {
            row[j] = least(above[j - 1] + (a[i - 1] != b[j - 1]), least(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) row[j] = least(row[j], before[j - 2] + 1);
        }
        int *spare = before;
        before = above;
        above = row;
        row = spare;
    }
    return above[m];
}

const char *nearest_word(const char *word, const char *const *words, size_t n)
{
    size_t length = strlen(word);
    if (length == 0 || length > LONGEST) return NULL;
    const char *best = NULL;
    int best_distance = 1 + (int)(length < 3 ? 1 : length / 3);
    for (size_t i = 0; i < n; i++) {
        size_t m = strlen(words[i]);
        int d = m <= LONGEST ? distance(word, length, words[i], m) : best_distance;
        if (d >= best_distance) continue;
        best = words[i];
        best_distance = d;
    }
    for (size_t i = 0; !best && i < n; i++)
        if (strncmp(words[i], word, length) == 0) best = words[i];
    return best;
}
