/* What the parts of the reading of forwarding rules share; no other module includes it.
 *
 * forwards_words.c cuts a listing into lines and words; forwards_parse.c reads rules;
 * forwards_ways.c finds out which ports come to a rule that has none itself, by the chains that
 * lead to it.
 */
#pragma once
#include <stdbool.h>

#include "base/vec.h"
#include "kernel/forwards.h"

enum { FORWARDS_MAX = 1 << 16 };

/* A slice of the listing. */
struct word {
    const char *at;
    size_t n;
};

/* A rule that sends what comes to a port, or all, from one chain to another of the same table. */
struct way {
    struct word table, from, to;
    char protocol[8];
    uint16_t first, last;
    bool all;      /* it has no ports */
    bool unread;   /* they can't be told */
    uint32_t seen; /* by the end with this number */
};

/* A rule that hands on all that comes to its chain. */
struct end {
    struct word table, chain;
    struct kernel_forward f;
};

struct listing {
    struct word table, chain, set; /* where the reading stands */
    struct word around;            /* the chain around one without a name; empty: none is */
    struct vec sets;               /* of forwards_parse.c */
    struct vec ways;               /* struct way */
    struct vec ends;               /* struct end */
    size_t n_elements;             /* that were looked at */
    struct vec *ret;
    bool unread;
};

/* forwards_words.c */
/* The next word of *rest, which moves behind it; false at the end. A quoted text is one word;
 * within it, a backslash escapes where the program that wrote the listing does so. */
bool word_next(struct word *rest, bool escapes, struct word *ret);
bool word_is(const struct word *w, const char *text);
bool word_same(const struct word *a, const struct word *b);
int word_compare(const struct word *a, const struct word *b);
/* With one blank where there are more, as where a line goes on; cut at its end. */
void word_copy(char *ret, size_t size, struct word from);
/* Bytes up to the end of a line; of the line where its braces are closed, unless it opens a block.
 */
size_t word_measure_line(const char *text, size_t n);

/* forwards_ways.c: 0 or -ENOMEM. Beyond a limit, rules are unread. */
int ways_add(struct listing *l, const struct way *way);
int ways_add_end(struct listing *l, const struct kernel_forward *f);
/* Adds a forward for each port that comes to one of the ends. */
int ways_follow(struct listing *l);

/* forwards_parse.c: another forward, or the listing is unread where there are too many. */
int forwards_add(struct listing *l, const struct kernel_forward *f);
