#include "base/suggest.h"

#include <string.h>

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* Optimal string alignment: Levenshtein's distance with swaps of neighbours, in three rows. */
unsigned suggest_distance(const char *a, size_t n_a, const char *b, size_t n_b)
{
    unsigned rows[3][SUGGEST_MAX];

    if (n_a >= SUGGEST_MAX || n_b >= SUGGEST_MAX)
        return SUGGEST_MAX;
    for (size_t j = 0; j <= n_b; j++)
        rows[0][j] = (unsigned)j;
    for (size_t i = 1; i <= n_a; i++) {
        unsigned *row = rows[i % 3], *above = rows[(i + 2) % 3], *before = rows[(i + 1) % 3];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= n_b; j++) {
            unsigned replace = above[j - 1] + (a[i - 1] != b[j - 1]);
            row[j] = least(replace, 1 + least(above[j], row[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = least(row[j], before[j - 2] + 1);
        }
    }
    return rows[n_a % 3][n_b];
}

struct suggest suggest_start(const char *word, size_t n)
{
    return (struct suggest){.word = word, .n = n, .distance = SUGGEST_MAX};
}

void suggest_offer(struct suggest *s, const char *name)
{
    size_t n = strlen(name);
    unsigned distance = suggest_distance(s->word, s->n, name, n);

    /* What was begun rightly ("--col" for "--columns") counts as one edit, if three letters say
     * so. */
    if (s->n >= 3 && s->n < n && strncmp(s->word, name, s->n) == 0)
        distance = 1;
    if (distance < s->distance) {
        s->distance = distance;
        s->best = name;
    }
}

bool suggest_is_near(unsigned distance, size_t n)
{
    return distance <= (n + 2) / 3;
}

const char *suggest_best(const struct suggest *s)
{
    return s->best && suggest_is_near(s->distance, s->n) ? s->best : NULL;
}
