#include "render/wrap.h"

#include <stdbool.h>
#include <string.h>

#include "base/buf.h"
#include "base/text.h"

enum {
    LEAST_ROOM = 20, /* columns beside the indent; with less, the indent is given up */
    LEAST_WIDTH = 8,
    LINE_MAX_BYTES = 4 << 20,
    LABEL_MAX = 24,
    HANGING = 2,
};

/* The length of the colour or character that stands at the front, and its columns. */
static size_t next_part(const char *text, size_t n, size_t *ret_columns)
{
    unsigned c;
    *ret_columns = 0;
    if (*text == '\033') {
        const char *end = memchr(text, 'm', n);
        return end ? (size_t)(end - text) + 1 : n;
    }
    size_t len = text_decode_utf8(text, n, &c);
    if (len == 0)
        len = 1;
    *ret_columns = text_width(text, len);
    return len;
}

/* How many bytes at the front take at most `room` columns. */
static size_t fitting(const char *text, size_t n, size_t room)
{
    size_t at = 0, columns = 0;
    while (at < n) {
        size_t more, len = next_part(text + at, n - at, &more);
        if (columns + more > room)
            break;
        columns += more;
        at += len;
    }
    return at;
}

static size_t word_length(const char *text, size_t n)
{
    const char *blank = memchr(text, ' ', n);
    return blank ? (size_t)(blank - text) : n;
}

/* Where a line ends that has this room; what follows starts at *ret_next. The first `label` bytes
 * hold no place to break at. */
static size_t break_line(const char *text, size_t n, size_t label, size_t room, size_t full,
                         size_t *ret_next)
{
    size_t most = fitting(text, n, room), at = most;
    if (most == n)
        return *ret_next = n;
    while (at > label && text[at] != ' ')
        at--;
    bool whole_word = at > label;
    if (whole_word && at < most) { /* a word goes down to the next line, if it has room there */
        size_t len = word_length(text + at + 1, n - at - 1);
        whole_word = fitting(text + at + 1, len, full) == len;
    }
    if (!whole_word)
        at = most;
    *ret_next = at + (text[at] == ' ');
    return at;
}

static void put_lines(struct buf *out, const char *text, size_t n, const struct wrap *how)
{
    size_t indent = how->width >= how->indent + LEAST_ROOM ? how->indent : 0;
    size_t label = indent < n ? indent : 0, room = how->width, full = room - indent, at = 0;
    for (unsigned line = 1;; line++) {
        size_t next, left = n - at;
        bool last = line == how->lines && fitting(text + at, left, room) < left;
        size_t len = break_line(text + at, left, label, room - last, full, &next);
        buf_add(out, text + at, len);
        if (last)
            buf_str(out, "…");
        at += next;
        if (last || at >= n)
            return;
        buf_char(out, '\n');
        buf_repeat(out, ' ', indent);
        label = 0;
        room = full;
    }
}

void wrap_line(struct buf *out, size_t start, const struct wrap *how)
{
    _cleanup_buf_ struct buf line = BUF_INIT(LINE_MAX_BYTES);
    if (how->width < LEAST_WIDTH || out->failed || start >= out->len)
        return;
    buf_add(&line, out->data + start, out->len - start);
    if (line.failed)
        return;
    out->len = start;
    put_lines(out, line.data, line.len, how);
}

static uint16_t hanging_indent(const char *line, size_t n)
{
    size_t blanks = 0, at;
    while (blanks < n && line[blanks] == ' ')
        blanks++;
    for (at = blanks; at + 2 < n && at < LABEL_MAX && memcmp(line + at, "  ", 2) != 0;)
        at++;
    if (at + 2 >= n || at >= LABEL_MAX)
        return (uint16_t)((blanks < LABEL_MAX ? blanks : LABEL_MAX) + HANGING);
    while (at < n && line[at] == ' ')
        at++;
    return (uint16_t)at;
}

void wrap_text(struct buf *out, size_t start, uint16_t width)
{
    _cleanup_buf_ struct buf text = BUF_INIT(out->max);
    if (width < LEAST_WIDTH || out->failed || start >= out->len)
        return;
    buf_add(&text, out->data + start, out->len - start);
    if (text.failed)
        return;
    out->len = start;
    for (size_t at = 0; at < text.len;) {
        const char *line = text.data + at, *end = memchr(line, '\n', text.len - at);
        size_t n = end ? (size_t)(end - line) : text.len - at, first = out->len;
        buf_add(out, line, n);
        wrap_line(out, first, &(struct wrap){width, hanging_indent(line, n), 0});
        if (end)
            buf_char(out, '\n');
        at += n + (end != NULL);
    }
}
