#include "render/widths.h"

#include <stdint.h>

static size_t total(const struct width *w, size_t n)
{
    size_t sum = 0;
    for (size_t i = 0; i < n; i++)
        if (!w[i].below)
            sum += w[i].width + (sum ? WIDTHS_GAP : 0);
    return sum;
}

/* One go at cutting: of which columns, and to which of their floors. */
struct cut {
    int floor;
    bool precious;
};

static bool can_shrink(const struct width *w, struct cut c)
{
    return !w->below && w->width > w->floors[c.floor] && w->precious == c.precious;
}

/* The widest that may be cut, and how far down it may go until another is as wide. */
static struct width *widest(struct width *w, size_t n, struct cut c, size_t *ret_floor)
{
    struct width *found = NULL;
    for (size_t i = 0; i < n; i++)
        if (can_shrink(&w[i], c) && (!found || w[i].width > found->width))
            found = &w[i];
    if (!found)
        return NULL;
    *ret_floor = found->floors[c.floor];
    for (size_t i = 0; i < n; i++)
        if (&w[i] != found && can_shrink(&w[i], c) && w[i].width > *ret_floor)
            *ret_floor = w[i].width;
    return found;
}

/* Returns what is still too much. Columns equally wide are cut by one in turn, from the left. */
static size_t shrink(struct width *w, size_t n, struct cut c, size_t excess)
{
    size_t floor;
    struct width *at;
    while (excess > 0 && (at = widest(w, n, c, &floor))) {
        size_t by = at->width > floor ? at->width - floor : 1;
        if (by > excess)
            by = excess;
        at->width -= by;
        excess -= by;
    }
    return excess;
}

static void place(struct width *w, size_t n, size_t room)
{
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        w[i].start = at;
        at += w[i].below ? 0 : w[i].width + WIDTHS_GAP;
    }
    size_t end = room;
    for (size_t i = n; i-- > 0;) {
        size_t least = w[i].start + w[i].width;
        w[i].end_most = room == 0 ? SIZE_MAX : end > least ? end : least;
        size_t taken = w[i].below ? 0 : w[i].width + WIDTHS_GAP;
        end = end > taken ? end - taken : 0;
    }
}

static void start_natural(struct width *w, size_t n)
{
    for (size_t i = 0; i < n; i++)
        w[i].width = w[i].natural;
}

bool widths_are_enough(struct width *w, size_t n, size_t room)
{
    start_natural(w, n);
    return room == 0 || total(w, n) <= room;
}

void widths_fit(struct width *w, size_t n, size_t room)
{
    start_natural(w, n);
    size_t need = total(w, n);
    size_t excess = room > 0 && need > room ? need - room : 0;
    for (int floor = 0; floor < WIDTHS_FLOORS; floor++) {
        excess = shrink(w, n, (struct cut){floor, false}, excess);
        excess = shrink(w, n, (struct cut){floor, true}, excess);
    }
    place(w, n, room);
}
