/* Typed rows to bytes: a table for people, JSON, JSON lines, CSV.
 *
 * A command describes its rows once, as a const table of columns; which renderer writes them is
 * chosen once, at the start. Renderers know nothing of sockets. Rows are written as they come, in
 * constant memory; only a table for a terminal holds back its first rows, to find its widths.
 *
 * Beside this header: sort.h (order), group.h (counts and sums), pager.h.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cell.h"

struct buf;
struct out;

enum render_align { RENDER_LEFT, RENDER_RIGHT };
enum render_style { /* how a cell is coloured, where colours are shown */
                    RENDER_PLAIN,
                    RENDER_DIM,
                    RENDER_STRONG,
                    RENDER_GOOD,
                    RENDER_WARN,
                    RENDER_BAD,
                    RENDER_ADDRESS,
                    RENDER_NAME,
                    RENDER_STYLES
};

struct render_column {
    const char *key;   /* for -o and JSON: lower case, '_' between words */
    const char *title; /* of the table; NULL: the key in capitals, with dashes */
    const char *help;
    enum cell_kind kind;
    enum render_align align; /* a right-aligned cell (a number) is never cut */
    uint16_t width;          /* columns it has in a plain (piped) table at least; 0: as its title */
    int id;                  /* for the getter's own use */
    /* The value of one row. *ret is zeroed (ABSENT) before the call. What it points to must live
     * as long as the row does; a text that would have to be made first is given as KNOWN with
     * text.bytes NULL: its value is then what text() appends. */
    void (*get)(const struct render_column *c, const void *row, struct cell *ret);
    /* How people see it; NULL: made from the value. Appends any bytes: the renderer escapes. Is
     * called only for KNOWN cells. */
    void (*text)(const struct render_column *c, const void *row, struct buf *out);
    enum render_style (*style)(const struct render_column *c, const void *row); /* NULL: plain */
    /* The order of two rows whose cells are both KNOWN; NULL: by the values, texts by bytes. */
    int (*compare)(const struct render_column *c, const void *a, const void *b);
    /* CELL_OBJECT, CELL_LIST: the columns of an item. */
    const struct render_column *columns;
    uint16_t n_columns;
    bool below;    /* where a terminal is too narrow for the row it stands on lines of its own */
    bool endpoint; /* ends in a port, which is kept when the cell is cut */
    bool precious; /* on a narrow terminal the others are cut first (addresses) */
    bool additive; /* a sum of it means something (bytes, counts; not ids or ports) */
};

enum render_format { RENDER_TABLE, RENDER_JSON, RENDER_JSONL, RENDER_CSV, RENDER_FORMATS };

struct render_options {
    enum render_format format;
    bool terminal; /* fit to width, widths from the first rows */
    bool colour;
    bool no_header; /* of table and CSV */
    uint16_t width; /* of the terminal; 0: endless */
};

/* Table: a forbidden cell is "?", an absent one "-"; every text passes text_escape. Piped, a row
 * is a line, two blanks at least part its cells, nothing is cut, and no width depends on content.
 * JSON: one array of objects, one a line; JSONL: one object a line. Absent and forbidden cells are
 * null; every row, and every item of a list, ends with "not_permitted", an array that names the
 * forbidden ones (those of an object as "local.port"), most often empty.
 * CSV: RFC 4180, with a header; an object's columns are flattened to local_port, a list's too,
 * with the items' values joined by ';' in one cell (a ';' in a value is "\;", a '\' "\\"). Absent
 * and forbidden cells are empty; the last column, not_permitted, names the forbidden ones.
 * docs/output.md says it to users. */

enum render_colour { RENDER_COLOUR_AUTO, RENDER_COLOUR_ALWAYS, RENDER_COLOUR_NEVER };

/* The options that fit a descriptor and the environment: terminal and width by isatty, TIOCGWINSZ
 * and COLUMNS, colour (of tables only) by NO_COLOR and TERM. */
struct render_options render_options_detect(int fd, enum render_format format,
                                            enum render_colour colour);

struct render; /* one output under way */
#define _cleanup_render_ __attribute__((cleanup(render_freep)))

/* columns: the chosen ones, in order; they, the array and *out must outlive the renderer. NULL
 * without memory. */
struct render *render_new(const struct render_options *options,
                          const struct render_column *const *columns, size_t n_columns,
                          struct out *out);
/* 0, or a negative errno: -ENOMEM, or that of the output's first failure. */
int render_row(struct render *r, const void *row);
/* Rows written from here on stand under a heading of their own in a table on a terminal (nothing
 * elsewhere). */
int render_heading(struct render *r, const char *text);
/* Writes what is left and flushes. 0, or the negative errno of the output's first failure. */
int render_end(struct render *r);
void render_free(struct render *r); /* NULL is fine */
void render_freep(struct render **r);

/* Chooses columns by a list of keys ("local,peer,owner"); '-' stands for '_'; a list that begins
 * with '+' adds to the defaults ("+rtt,+cwnd"); "all" is every column. One named twice comes once.
 * max must be n_all at least. On a failure *ret_bad is the faulty word (n bytes) and -EINVAL is
 * returned. */
int render_choose(const struct render_column *all, size_t n_all, const char *list,
                  const char *defaults, const struct render_column **ret, size_t max, size_t *ret_n,
                  const char **ret_bad, size_t *ret_bad_len);
/* The column whose key is the n bytes at key ('-' stands for '_'), or NULL. */
const struct render_column *render_find(const struct render_column *all, size_t n_all,
                                        const char *key, size_t n);

/* How two rows compare in a column: absent last, forbidden before it. For sorting and grouping. */
int render_compare(const struct render_column *c, const void *a, const void *b);
