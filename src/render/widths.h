/* How wide the columns of a table are. Pure: numbers in, numbers out. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

enum {
    WIDTHS_GAP = 2, /* blanks between two columns */
    WIDTHS_FLOORS = 3,
};

struct width {
    size_t natural;               /* of the widest cell, title included */
    size_t floors[WIDTHS_FLOORS]; /* how far it is cut, if need be, then further: falling */
    bool precious;   /* cut to each floor only when cutting all others to it wasn't enough */
    bool below;      /* it isn't on the line */
    size_t width;    /* out: what it gets */
    size_t start;    /* out: where it begins */
    size_t end_most; /* out: where a cell must end, for those after it to have room */
};

/* Whether all columns have room as they are. */
bool widths_are_enough(struct width *w, size_t n, size_t room);
/* Fits n columns into `room` columns (0: endless): the widest are cut first, down to the next
 * widest, and so on, to the first floor of each, then to the next. What can't be fitted is left too
 * wide. */
void widths_fit(struct width *w, size_t n, size_t room);
