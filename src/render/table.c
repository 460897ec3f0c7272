/* Rows as a table.
 *
 * Piped, a row is written at once: each column begins where the least widths put it, or two blanks
 * after the cell before. For a terminal the first rows are held back as finished cells; the widths
 * fitted to them then stay. Every cell passes text_escape before anything else is done with it, so
 * no other path leads from a row to the output. Blanks are written before a cell, never after, so
 * no line ends in padding. Where the first rows show that a terminal hasn't got room for them,
 * columns that say so stand below their row, broken at words.
 */
#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/vec.h"
#include "render/style.h"
#include "render/widths.h"
#include "render/wrap.h"
#include "render/writer.h"

enum {
    HELD_ROWS = 200,
    LEAST_WIDTH = 8, /* what is left of a text that is cut */
    LEAST_PRECIOUS = 16,
    LEAST_ENDPOINT = 12,
    FAIR_WIDTH = 12, /* what each should have before another has much */
    PORT_MAX = 15,   /* a service's name */
    BELOW_INDENT = 4,
    BELOW_LABEL = 12,
    LEAST_HEAD = 4, /* of an address, before its port */
};

/* A finished cell: escaped bytes, and the columns that they take. */
struct shown {
    size_t at, len; /* in the buffer of held bytes */
    size_t width;
    enum render_style style;
};

/* A held line: a heading, or a row whose cells follow each other in `cells`. */
struct held {
    bool heading;
    size_t first; /* index in cells */
};

struct state {
    struct width *widths; /* one a column */
    bool settled;         /* the widths are found, and the titles written */
    struct buf raw, safe; /* a cell on its way */
    struct buf bytes;     /* held cells' */
    struct vec cells;     /* struct shown */
    struct vec lines;     /* struct held */
    size_t column;        /* where on the line the output stands */
    bool any_lines;       /* something stands above */
};

/* s->raw made safe: the buffer that holds the result, and its width. */
static const struct buf *make_safe(struct state *s, size_t *ret_width)
{
    if (text_plain_length(s->raw.data, s->raw.len) == s->raw.len) {
        *ret_width = s->raw.len;
        return &s->raw;
    }
    buf_clear(&s->safe);
    text_escape(&s->safe, s->raw.data, s->raw.len);
    *ret_width = s->safe.failed ? 0 : text_width(s->safe.data, s->safe.len);
    return &s->safe;
}

/* Appends the cell as people see it, raw. A cell is never empty, so that a reader who splits at
 * blanks finds each. */
static enum render_style show(const struct render *r, const struct render_column *c,
                              const void *row, struct buf *to)
{
    size_t before = to->len;
    struct cell v;
    switch (cell_get(c, row, &v)) {
    case ABSENT:
        buf_char(to, '-');
        return RENDER_DIM;
    case FORBIDDEN:
        buf_char(to, '?');
        return RENDER_DIM;
    case KNOWN:
        cell_show(c, row, &v, to);
        break;
    }
    if (to->len == before)
        buf_str(to, c->kind == CELL_TEXT && !c->text ? "\"\"" : "-");
    return r->options.colour && c->style ? c->style(c, row) : RENDER_PLAIN;
}

/* How many of the bytes fit into `room` columns, and the columns that they take. */
static size_t cut_at(const char *bytes, size_t n, size_t room, size_t *ret_width)
{
    size_t at = 0, width = 0;
    while (at < n) {
        unsigned c;
        size_t len = text_decode_utf8(bytes + at, n - at, &c);
        len = len ? len : 1;
        size_t more = text_width(bytes + at, len);
        if (width + more > room)
            break;
        width += more;
        at += len;
    }
    *ret_width = width;
    return at;
}

/* ":443" or "]:443" at the end; 0 if there is none. */
static size_t port_length(const char *bytes, size_t n)
{
    size_t at = n;
    while (at > 0 && n - at < PORT_MAX && isalnum((unsigned char)bytes[at - 1]))
        at--;
    if (at == n || at == 0 || bytes[at - 1] != ':')
        return 0;
    at--;
    return n - at + (at > 0 && bytes[at - 1] == ']');
}

static void put_styled(struct render *r, enum render_style style, const char *bytes, size_t n)
{
    struct buf *out = &r->out->buf;
    style_begin(out, r->options.colour, style);
    buf_add(out, bytes, n);
    style_end(out, r->options.colour, style);
}

/* As much as there is room for; of an endpoint's port rather than of its address. Returns the
 * width. */
static size_t put_cut(struct render *r, const struct render_column *c, const char *bytes, size_t n,
                      size_t room, enum render_style style)
{
    struct buf *out = &r->out->buf;
    size_t tail = c->endpoint ? port_length(bytes, n) : 0, width;
    if (tail + LEAST_HEAD >= room)
        tail = 0;
    style_begin(out, r->options.colour, style);
    buf_add(out, bytes, cut_at(bytes, n - tail, room - 1 - tail, &width));
    buf_str(out, "…");
    buf_add(out, bytes + n - tail, tail);
    style_end(out, r->options.colour, style);
    return width + 1 + tail;
}

/* Writes a finished cell at its place. */
static void put_cell(struct render *r, size_t i, const char *bytes, size_t n, size_t width,
                     enum render_style style)
{
    struct state *s = r->state;
    const struct width *w = &s->widths[i];
    bool right = r->columns[i]->align == RENDER_RIGHT;
    size_t first = s->column ? s->column + WIDTHS_GAP : 0; /* the first place it may have */
    size_t start = w->start;
    if (right && width < w->width)
        start += w->width - width;
    if (start < first)
        start = first;
    buf_repeat(&r->out->buf, ' ', start - s->column);

    size_t room = w->end_most > start ? w->end_most - start : 1;
    if (!right && width > room)
        width = put_cut(r, r->columns[i], bytes, n, room, style);
    else
        put_styled(r, style, bytes, n);
    s->column = start + width;
}

/* Moves the n bytes at the end of the output to the right. */
static void indent(struct buf *out, size_t n, size_t by)
{
    size_t at = out->len - n;
    buf_repeat(out, ' ', by);
    if (out->failed)
        return;
    memmove(out->data + at + by, out->data + at, n);
    memset(out->data + at, ' ', by);
}

/* Nearly every cell of a piped table is plain text that needs no cutting: it is made where it shall
 * stand. If it turns out to be another it is taken back, and false returned. */
static bool put_plain(struct render *r, size_t i, const void *row)
{
    struct state *s = r->state;
    struct buf *out = &r->out->buf;
    const struct width *w = &s->widths[i];
    size_t before = out->len;
    size_t first = s->column ? s->column + WIDTHS_GAP : 0;
    size_t start = w->start > first ? w->start : first;

    if (r->options.colour)
        return false;
    buf_repeat(out, ' ', start - s->column);
    size_t at = out->len;
    show(r, r->columns[i], row, out);
    size_t n = out->len - at;
    if (r->columns[i]->align == RENDER_RIGHT && start + n < w->start + w->width) {
        indent(out, n, w->start + w->width - n - start);
        start = w->start + w->width - n;
        at = out->len - n;
    }
    if (out->failed || start + n > w->end_most || text_plain_length(out->data + at, n) != n) {
        out->len = before;
        return false;
    }
    s->column = start + n;
    return true;
}

static void end_line(struct render *r)
{
    struct state *s = r->state;
    buf_char(&r->out->buf, '\n');
    s->column = 0;
    s->any_lines = true;
}

/* What isn't there needs no line. */
static void put_below(struct render *r, size_t i, const char *bytes, size_t n,
                      enum render_style style)
{
    struct buf *out = &r->out->buf;
    size_t start = out->len;
    if (n == 1 && *bytes == '-')
        return;
    buf_repeat(out, ' ', BELOW_INDENT);
    style_begin(out, r->options.colour, RENDER_DIM);
    for (const char *c = r->columns[i]->key; *c; c++)
        buf_char(out, *c == '_' ? '-' : *c);
    style_end(out, r->options.colour, RENDER_DIM);
    size_t label = strlen(r->columns[i]->key);
    buf_repeat(out, ' ', label < BELOW_LABEL ? BELOW_LABEL - label : 1);
    put_styled(r, style, bytes, n);
    wrap_line(out, start, &(struct wrap){r->options.width, BELOW_INDENT + BELOW_LABEL, 0});
    buf_char(out, '\n');
}

static void put_titles(struct render *r)
{
    struct state *s = r->state;
    if (r->options.no_header || r->n_columns == 0)
        return;
    for (size_t i = 0; i < r->n_columns; i++) {
        if (s->widths[i].below)
            continue;
        buf_clear(&s->raw);
        column_title(r->columns[i], &s->raw);
        size_t width;
        const struct buf *safe = make_safe(s, &width);
        put_cell(r, i, safe->data, safe->len, width, RENDER_STRONG);
    }
    end_line(r);
}

static void put_heading(struct render *r, const char *bytes, size_t n)
{
    struct state *s = r->state;
    if (s->any_lines)
        end_line(r);
    put_styled(r, RENDER_STRONG, bytes, n);
    end_line(r);
}

static void put_held(struct render *r)
{
    struct state *s = r->state;
    for (size_t l = 0; l < s->lines.len; l++) {
        const struct held *line = vec_at(&s->lines, l);
        const struct shown *cells = (const struct shown *)s->cells.items + line->first;
        if (line->heading) {
            put_heading(r, s->bytes.data + cells->at, cells->len);
            continue;
        }
        for (size_t i = 0; i < r->n_columns; i++)
            if (!s->widths[i].below)
                put_cell(r, i, s->bytes.data + cells[i].at, cells[i].len, cells[i].width,
                         cells[i].style);
        end_line(r);
        for (size_t i = 0; i < r->n_columns; i++)
            if (s->widths[i].below)
                put_below(r, i, s->bytes.data + cells[i].at, cells[i].len, cells[i].style);
    }
    vec_free(&s->lines);
    vec_free(&s->cells);
    buf_free(&s->bytes);
}

/* At least one column stays. */
static void choose_below(struct render *r)
{
    struct state *s = r->state;
    size_t n = 0;
    for (size_t i = 0; i < r->n_columns; i++)
        n += r->columns[i]->below;
    for (size_t i = 0; i < r->n_columns; i++)
        s->widths[i].below = r->columns[i]->below && n < r->n_columns;
}

/* Finds the widths, writes the titles and what was held back. */
static void settle(struct render *r)
{
    struct state *s = r->state;
    size_t room = r->options.terminal ? r->options.width : 0;
    s->settled = true;
    if (!widths_are_enough(s->widths, r->n_columns, room))
        choose_below(r);
    widths_fit(s->widths, r->n_columns, room);
    put_titles(r);
    put_held(r);
}

static int hold(struct state *s, const struct buf *safe, size_t width, enum render_style style)
{
    struct shown cell = {.at = s->bytes.len, .len = safe->len, .width = width, .style = style};
    buf_add(&s->bytes, safe->data, safe->len);
    return s->bytes.failed ? -ENOMEM : vec_add(&s->cells, &cell);
}

static int hold_row(struct render *r, const void *row)
{
    struct state *s = r->state;
    struct held line = {.first = s->cells.len};
    for (size_t i = 0; i < r->n_columns; i++) {
        buf_clear(&s->raw);
        enum render_style style = show(r, r->columns[i], row, &s->raw);
        size_t width;
        const struct buf *safe = make_safe(s, &width);
        int e = hold(s, safe, width, style);
        if (e < 0)
            return e;
        if (width > s->widths[i].natural)
            s->widths[i].natural = width;
    }
    int e = vec_add(&s->lines, &line);
    if (e == 0 && s->lines.len >= HELD_ROWS)
        settle(r);
    return e;
}

static void put_slowly(struct render *r, size_t i, const void *row, bool below)
{
    struct state *s = r->state;
    buf_clear(&s->raw);
    enum render_style style = show(r, r->columns[i], row, &s->raw);
    size_t width;
    const struct buf *safe = make_safe(s, &width);
    if (below)
        put_below(r, i, safe->data, safe->len, style);
    else
        put_cell(r, i, safe->data, safe->len, width, style);
}

static int table_row(struct render *r, const void *row)
{
    struct state *s = r->state;
    if (!s->settled)
        return hold_row(r, row);
    for (size_t i = 0; i < r->n_columns; i++)
        if (!s->widths[i].below && !put_plain(r, i, row))
            put_slowly(r, i, row, false);
    end_line(r);
    for (size_t i = 0; i < r->n_columns; i++)
        if (s->widths[i].below)
            put_slowly(r, i, row, true);
    return s->raw.failed || s->safe.failed ? -ENOMEM : 0;
}

static int table_heading(struct render *r, const char *text)
{
    struct state *s = r->state;
    if (!r->options.terminal)
        return 0;
    buf_clear(&s->raw);
    buf_str(&s->raw, text);
    size_t width;
    const struct buf *safe = make_safe(s, &width);
    if (s->settled) {
        put_heading(r, safe->data, safe->len);
        return 0;
    }
    struct held line = {.heading = true, .first = s->cells.len};
    int e = hold(s, safe, width, RENDER_STRONG);
    return e < 0 ? e : vec_add(&s->lines, &line);
}

static size_t most(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* A long name among the addresses shall not leave three letters of each owner: a fair share first.
 * Numbers are never cut, titles only in the end. */
static void choose_floors(const struct render_column *c, size_t title, size_t *ret)
{
    size_t least = most(title, c->precious ? LEAST_PRECIOUS : LEAST_WIDTH);
    bool yields = !c->precious || c->endpoint;
    ret[0] = yields ? most(least, most(c->width, FAIR_WIDTH)) : SIZE_MAX;
    ret[1] = least;
    ret[2] = c->endpoint ? LEAST_ENDPOINT : LEAST_WIDTH;
    for (size_t i = 0; i < WIDTHS_FLOORS && c->align == RENDER_RIGHT; i++)
        ret[i] = SIZE_MAX;
}

static void first_width(struct render *r, size_t i)
{
    struct state *s = r->state;
    const struct render_column *c = r->columns[i];
    struct width *w = &s->widths[i];
    buf_clear(&s->raw);
    column_title(c, &s->raw);
    make_safe(s, &w->natural);
    w->precious = c->precious;
    choose_floors(c, w->natural, w->floors);
    if (!r->options.terminal && c->width > w->natural)
        w->natural = c->width;
}

static int table_open(struct render *r)
{
    struct state *s = r->state;
    s->raw = s->safe = s->bytes = BUF_INIT(RENDER_CEILING);
    s->cells = VEC_INIT(struct shown);
    s->lines = VEC_INIT(struct held);
    s->widths = calloc(r->n_columns + 1, sizeof *s->widths);
    if (!s->widths)
        return -ENOMEM;
    for (size_t i = 0; i < r->n_columns; i++)
        first_width(r, i);
    if (!r->options.terminal)
        settle(r);
    return 0;
}

static int table_end(struct render *r)
{
    struct state *s = r->state;
    if (!s->settled)
        settle(r);
    return 0;
}

static void table_close(void *state)
{
    struct state *s = state;
    free(s->widths);
    buf_free(&s->raw);
    buf_free(&s->safe);
    buf_free(&s->bytes);
    vec_free(&s->cells);
    vec_free(&s->lines);
}

const struct render_writer render_table = {
    .state_size = sizeof(struct state),
    .open = table_open,
    .row = table_row,
    .heading = table_heading,
    .end = table_end,
    .close = table_close,
};
