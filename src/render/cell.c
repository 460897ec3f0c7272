/* Cells as text for people, and titles of columns. */
#include "base/text.h"
#include "render/writer.h"

void cell_bytes(const struct render_column *c, const void *row, struct cell *text,
                struct buf *scratch)
{
    if (text->text.bytes)
        return;
    buf_clear(scratch);
    if (c->text)
        c->text(c, row, scratch);
    text->text.bytes = scratch->len ? scratch->data : "";
    text->text.n = scratch->len;
}

/* "value value": the parts of an object, without those that aren't there. */
static void show_object(const struct render_column *c, const void *item, struct buf *out)
{
    size_t start = out->len;
    for (size_t i = 0; i < c->n_columns; i++) {
        struct cell part;
        if (cell_get(&c->columns[i], item, &part) == ABSENT)
            continue;
        if (out->len > start)
            buf_char(out, ' ');
        if (part.presence == FORBIDDEN)
            buf_char(out, '?');
        else
            cell_show(&c->columns[i], item, &part, out);
    }
}

static void show_list(const struct render_column *c, const struct cell *v, struct buf *out)
{
    for (size_t i = 0; i < v->list.n; i++) {
        if (i > 0)
            buf_str(out, ", ");
        show_object(c, (const char *)v->list.items + i * v->list.stride, out);
    }
}

static void show_value(const struct render_column *c, const struct cell *v, struct buf *out)
{
    switch (c->kind) {
    case CELL_BOOL:
        buf_str(out, v->boolean ? "yes" : "no");
        break;
    case CELL_UINT:
        buf_u64(out, v->uint);
        break;
    case CELL_INT:
        buf_i64(out, v->integer);
        break;
    case CELL_REAL:
        buf_printf(out, "%.6g", v->real);
        break;
    case CELL_TEXT:
        if (v->text.bytes)
            buf_add(out, v->text.bytes, v->text.n);
        break;
    case CELL_OBJECT:
        show_object(c, v->object, out);
        break;
    case CELL_LIST:
        show_list(c, v, out);
        break;
    case CELL_KINDS:
        break;
    }
}

void cell_show(const struct render_column *c, const void *row, const struct cell *v,
               struct buf *out)
{
    if (c->text)
        c->text(c, row, out);
    else
        show_value(c, v, out);
}

void column_title(const struct render_column *c, struct buf *out)
{
    if (c->title) {
        buf_str(out, c->title);
        return;
    }
    for (const char *k = c->key; *k; k++)
        buf_char(out, *k == '_' ? '-' : (char)(*k >= 'a' && *k <= 'z' ? *k - 'a' + 'A' : *k));
}
