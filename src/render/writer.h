/* What the renderers share among themselves; nobody outside this folder includes it. */
#pragma once
#include "base/buf.h"
#include "base/out.h"
#include "render/render.h"

/* One output format. */
struct render_writer {
    size_t state_size;             /* of the writer's own state, zeroed before open */
    int (*open)(struct render *r); /* 0 or -ENOMEM */
    int (*row)(struct render *r, const void *row);
    int (*heading)(struct render *r, const char *text); /* may be NULL */
    int (*end)(struct render *r);
    void (*close)(void *state); /* releases what the state owns; the state may be half-built */
};

extern const struct render_writer render_table, render_json, render_jsonl, render_csv;

struct render {
    const struct render_writer *writer;
    struct render_options options;
    const struct render_column *const *columns;
    size_t n_columns;
    struct out *out;
    void *state;
};

/* A text or a row longer than this is no work of ours. */
enum { RENDER_CEILING = 16 << 20 };

/* The cell of a row: zeroes it, asks the getter. */
static inline enum presence cell_get(const struct render_column *c, const void *row,
                                     struct cell *ret)
{
    *ret = (struct cell){0};
    c->get(c, row, ret);
    return ret->presence;
}

/* A known text's bytes: as they are in the cell, or made by the column's text() in *scratch, which
 * is emptied before. */
void cell_bytes(const struct render_column *c, const void *row, struct cell *text,
                struct buf *scratch);
/* A known cell as people see it, appended raw. */
void cell_show(const struct render_column *c, const void *row, const struct cell *v,
               struct buf *out);
/* The title of a column, appended. */
void column_title(const struct render_column *c, struct buf *out);
/* Two known cells of a column, and the rows that they are of. */
int cell_compare(const struct render_column *c, const void *a, const void *b, const struct cell *va,
                 const struct cell *vb);
int cell_rank(enum presence presence); /* known before forbidden before absent */
