/* How wide the columns of a table are. Pure: numbers in, numbers out. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

enum { WIDTHS_GAP = 2 /* blanks between two columns */ };

struct width {
    size_t natural;  /* of the widest cell, title included */
    size_t least;    /* below this it is never cut; natural at most counts */
    bool precious;   /* cut only when cutting all others wasn't enough */
    bool below;      /* it isn't on the line */
    size_t width;    /* out: what it gets */
    size_t start;    /* out: where it begins */
    size_t end_most; /* out: where a cell must end, for those after it to have room */
};

/* Whether all columns have room as they are. */
bool widths_are_enough(struct width *w, size_t n, size_t room);
/* Fits n columns into `room` columns (0: endless): the widest are cut first, down to the next
 * widest, and so on. What can't be fitted is left too wide. */
void widths_fit(struct width *w, size_t n, size_t room);
