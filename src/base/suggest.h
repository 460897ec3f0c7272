/* "Did you mean": the known name that is nearest to a mistyped one.
 *
 * Nearness is the number of letters to insert, drop, replace or swap. A name is offered as a guess
 * only if that is at most a third of the word: a bad guess is worse than none.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

enum { SUGGEST_MAX = 64 }; /* longer words are not guessed at */

struct suggest {
    const char *word;
    size_t n;
    const char *best;
    unsigned distance;
};

struct suggest suggest_start(const char *word, size_t n);
void suggest_offer(struct suggest *s, const char *name);
const char *suggest_best(const struct suggest *s); /* NULL: nothing is near enough */

/* Whether so many edits of a word of n letters are few enough for a guess. */
bool suggest_is_near(unsigned distance, size_t n);

/* Edits between two words; SUGGEST_MAX where one of them is as long as that. */
unsigned suggest_distance(const char *a, size_t n_a, const char *b, size_t n_b);
