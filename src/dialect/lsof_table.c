/* lsof's table: each column as wide as its widest cell, and never less than lsof has it. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "dialect/lsof.h"

enum column {
    COMMAND,
    PID,
    PPID,
    PGID,
    USER,
    FD,
    TYPE,
    FLAGS,
    DEVICE,
    SIZE,
    NLINK,
    NODE,
    NAME,
    COLUMNS
};

enum { CELL_MAX = 64 << 10 };

static const char *const titles[COLUMNS] = {
    "COMMAND",   "PID",    "PPID",     "PGID",  "USER", "FD",   "TYPE",
    "FILE-FLAG", "DEVICE", "SIZE/OFF", "NLINK", "NODE", "NAME",
};

struct table {
    const struct lsof_view *view;
    bool shown[COLUMNS];
    size_t widths[COLUMNS];
};

static const char *title(const struct table *t, enum column c)
{
    const struct lsof_words *w = t->view->words;
    return c == SIZE && w->size ? "SIZE" : c == SIZE && w->offset ? "OFFSET" : titles[c];
}

static void add_command(struct buf *out, const struct lsof_words *w, const char *comm)
{
    size_t width = w->command_width ? w->command_width : SIZE_MAX, at = out->len;
    if (width < strlen("COMMAND"))
        width = strlen("COMMAND");
    lsof_printable(out, comm, strlen(comm), true);
    if (!out->failed && out->len - at > width)
        out->len = at + width;
}

static void add_fd(struct buf *out, const struct lsof_file *f)
{
    buf_printf(out, "%4d%c ", f->fd, f->access);
}

static void add_item(void *ctx, enum lsof_item item, const char *value)
{
    struct buf *items = ctx;
    buf_printf(items, "%s%s%s", items->len ? " " : "",
               item == LSOF_ITEM_STATE ? "" : lsof_item_prefix(item), value);
}

static void add_name(struct buf *out, const struct lsof_view *v, const struct lsof_file *f)
{
    _cleanup_buf_ struct buf items = BUF_INIT(CELL_MAX);
    lsof_name(out, v, f);
    lsof_info(v, f, add_item, &items);
    if (items.len > 0)
        buf_printf(out, " (%s)", buf_cstr(&items));
    else if (lsof_has_info(f) && v->words->info)
        buf_char(out, ' '); /* lsof leaves the place of what it doesn't know */
}

static void add_cell(struct buf *out, const struct table *t, const struct lsof_process *p,
                     const struct lsof_file *f, enum column c)
{
    switch (c) {
    case COMMAND:
        add_command(out, t->view->words, p->comm);
        break;
    case PID:
        buf_i64(out, p->pid);
        break;
    case PPID:
        buf_i64(out, p->parent);
        break;
    case PGID:
        buf_i64(out, p->group);
        break;
    case USER:
        lsof_user(out, t->view, p);
        break;
    case FD:
        add_fd(out, f);
        break;
    case TYPE:
        buf_str(out, lsof_type(f));
        break;
    case FLAGS:
        lsof_flags(out, f, t->view->words->show_flags);
        break;
    case DEVICE:
        lsof_device(out, t->view, f);
        break;
    case SIZE:
        buf_str(out, t->view->words->size ? "" : "0t0");
        break;
    case NODE:
        lsof_node(out, f);
        break;
    case NAME:
        add_name(out, t->view, f);
        break;
    case NLINK:
    case COLUMNS:
        break;
    }
}

static bool is_left(enum column c)
{
    return c == COMMAND || c == NAME;
}

static void pad(struct buf *out, const struct table *t, enum column c, const char *cell, size_t n)
{
    size_t width = t->widths[c], shown = text_width(cell, n);
    if (c != COMMAND)
        buf_char(out, ' ');
    if (!is_left(c) && shown < width)
        buf_repeat(out, ' ', width - shown);
    buf_add(out, cell, n);
    if (c == COMMAND && shown < width)
        buf_repeat(out, ' ', width - shown);
}

static void widen(struct table *t, enum column c, const char *cell, size_t n)
{
    size_t width = text_width(cell, n);
    if (width > t->widths[c])
        t->widths[c] = width;
}

/* Calls `take` for each cell of a file's row, but for NAME where the widths are only looked for. */
static void each_cell(struct table *t, const struct lsof_process *p, const struct lsof_file *f,
                      struct buf *out)
{
    _cleanup_buf_ struct buf cell = BUF_INIT(CELL_MAX);
    for (enum column c = 0; c < COLUMNS; c++) {
        if (!t->shown[c] || (!out && c == NAME))
            continue;
        buf_clear(&cell);
        add_cell(&cell, t, p, f, c);
        if (out)
            pad(out, t, c, buf_cstr(&cell), cell.len);
        else
            widen(t, c, buf_cstr(&cell), cell.len);
    }
    if (out)
        buf_char(out, '\n');
}

static size_t each_row(struct table *t, struct buf *out)
{
    size_t n = 0;
    const struct vec *processes = &t->view->host->processes;
    for (size_t i = 0; i < processes->len; i++) {
        const struct lsof_process *p = vec_at(processes, i);
        for (size_t k = 0; p->selected && k < p->n_files; k++) {
            if (!p->files[k].selected && !p->files[k].end)
                continue;
            each_cell(t, p, &p->files[k], out);
            n++;
        }
    }
    return n;
}

static void start(struct table *t, const struct lsof_view *v)
{
    *t = (struct table){.view = v};
    for (enum column c = 0; c < COLUMNS; c++) {
        t->shown[c] = true;
        t->widths[c] = strlen(title(t, c));
    }
    t->shown[PPID] = v->words->show_parent;
    t->shown[PGID] = v->words->show_group;
    t->shown[FLAGS] = v->words->show_flags;
    t->shown[NLINK] = v->words->show_links;
}

void lsof_print_table(struct buf *out, const struct lsof_view *v)
{
    struct table t;
    start(&t, v);
    if (each_row(&t, NULL) == 0)
        return;
    for (enum column c = 0; c < COLUMNS; c++) {
        const char *text = c == FD ? "  FD  " : title(&t, c);
        if (t.shown[c])
            pad(out, &t, c, text, strlen(text));
    }
    buf_char(out, '\n');
    each_row(&t, out);
}
