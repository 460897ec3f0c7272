/* What the terminal offers: its width, and whether to colour. */
#pragma once
#include <stdbool.h>

/* Columns of the terminal behind fd, or of $COLUMNS where that is set; 0: fd is no terminal. */
unsigned term_width(int fd);

enum term_when { TERM_AUTO, TERM_ALWAYS, TERM_NEVER };
extern const char *const term_when_names[]; /* "auto", "always", "never": for OPTION_CHOICE */

/* TERM_AUTO: fd is a terminal, $NO_COLOR isn't set (https://no-color.org: not empty), and $TERM
 * isn't "dumb". */
bool term_colour(int fd, enum term_when when);
