/* Typed rows to bytes: a table for people, JSON, JSON lines, CSV.
 *
 * A command describes its rows once, as a const table of columns; which renderer writes them is
 * chosen once, at the start. Renderers know nothing of sockets. Rows are written as they come;
 * only a table for a terminal looks at the first rows before it writes, to find its widths.
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
};

struct render_column {
    const char *key;   /* for -o and JSON: lower case, '_' between words */
    const char *title; /* of the table; NULL: the key in capitals with blanks */
    const char *help;
    enum cell_kind kind;
    enum render_align align;
    uint16_t width; /* columns it has in a plain (piped) table at least; 0: as its title */
    int id;         /* for the getter's own use */
    /* The value of one row. *ret is zeroed (ABSENT) before the call. */
    void (*get)(const struct render_column *c, const void *row, struct cell *ret);
    /* How people see it; NULL: made from the value. Appends any bytes: the renderer escapes. Is
     * called only for KNOWN cells. */
    void (*text)(const struct render_column *c, const void *row, struct buf *out);
    enum render_style (*style)(const struct render_column *c, const void *row); /* NULL: plain */
    /* CELL_OBJECT, CELL_LIST: the columns of an item. */
    const struct render_column *columns;
    uint16_t n_columns;
};

enum render_format { RENDER_TABLE, RENDER_JSON, RENDER_JSONL, RENDER_CSV };

struct render_options {
    enum render_format format;
    bool terminal; /* fit to width, widths from the first rows */
    bool colour;
    bool no_header;
    uint16_t width; /* of the terminal; 0: endless */
    /* JSON: wraps nothing; one array of objects. Forbidden cells are null, and their keys are named
     * in the row's "not_permitted". */
};

struct render; /* one output under way */

/* columns: the chosen ones, in order; they and *out must outlive the renderer. NULL without
 * memory. */
struct render *render_new(const struct render_options *options,
                          const struct render_column *const *columns, size_t n_columns,
                          struct out *out);
int render_row(struct render *r, const void *row);
/* Rows written from here on stand under a heading of their own in a table (nothing elsewhere). */
int render_heading(struct render *r, const char *text);
/* Writes what is left and flushes. 0, or the negative errno of the output's first failure. */
int render_end(struct render *r);
void render_free(struct render *r); /* NULL is fine */

/* Chooses columns by a list of keys ("local,peer,owner"); "+key" adds to the defaults. On a
 * failure *ret_bad is the faulty word (n bytes) and -EINVAL is returned. */
int render_choose(const struct render_column *all, size_t n_all, const char *list,
                  const char *defaults, const struct render_column **ret, size_t max, size_t *ret_n,
                  const char **ret_bad, size_t *ret_bad_len);

/* How two rows compare in a column: absent last, forbidden before it. For sorting and grouping. */
int render_compare(const struct render_column *c, const void *a, const void *b);
