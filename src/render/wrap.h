/* Lines of words, broken to the width of a terminal. */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct buf;

struct wrap {
    uint16_t width;  /* columns of a line; 0: endless */
    uint16_t indent; /* of the lines that follow the first. So much of the first is a label, too */
    uint16_t lines;  /* at most so many, the last of them cut with "…"; 0: all */
};

/* Breaks the line that stands in *out from `start` to its end, in place, at blanks; a word that no
 * line has room for is broken anywhere. The text must be fit for a terminal (text_escape); escape
 * sequences of style_begin take no room. */
void wrap_line(struct buf *out, size_t start, const struct wrap *how);

/* The same of each line of the text from `start` on. What follows stands under the second column of
 * a line that has two ("  name      value"), else two further in than its line. */
void wrap_text(struct buf *out, size_t start, uint16_t width);
