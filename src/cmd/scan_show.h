/* Answers of a scan as rows, in the order of the words, as they come.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct probes;
struct render;
struct scan_asked;
struct scan_local;

/* The first part is the owner's to set, the rest begins zeroed. */
struct scan_show {
    const struct scan_asked *asked;
    struct scan_local *local;
    const struct probes *probes;
    const char *const *names; /* of all ports; NULL: it has none */
    struct render *render;
    bool udp;
    bool open;  /* open ports alone */
    bool folds; /* neighbours of a range that say the same, and aren't open, are one row */

    size_t next; /* the answer to show next */
    bool holds;  /* a row is held back: first … last gave the same answer */
    size_t first, last;
};

/* Those that are next, as far as they have come. end: those behind a gap too, and the renderer
 * ends. 0, or the negative errno of the output, or -ENOMEM. */
int scan_show_answers(struct scan_show *s, bool end);
