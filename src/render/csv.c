/* Rows as CSV (RFC 4180).
 *
 * The tree of columns is flattened once into its leaves, each with the way to it: an object's
 * column "local" with "port" is "local_port", and so is a list's, whose items' values stand in one
 * cell, parted by ';'. Absent and forbidden cells are empty; a last column, not_permitted, names
 * the forbidden ones.
 */
#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "base/vec.h"
#include "render/writer.h"

enum { DEPTH = 4 }; /* columns within columns */

struct leaf {
    const struct render_column *way[DEPTH];
    size_t depth; /* of the way; the last of it is the leaf itself */
    bool in_list; /* some of the way is a list */
};

struct state {
    struct vec leaves;    /* struct leaf */
    struct buf cell;      /* one cell, as its reader will see it */
    struct buf scratch;   /* texts made on demand */
    struct buf forbidden; /* the not_permitted cell of this row */
};

static int flatten(struct state *s, const struct leaf *above, const struct render_column *c)
{
    struct leaf leaf = *above;
    if (leaf.depth == DEPTH)
        return -E2BIG;
    leaf.way[leaf.depth++] = c;
    leaf.in_list |= c->kind == CELL_LIST;
    if (c->n_columns == 0)
        return vec_add(&s->leaves, &leaf);
    int e = 0;
    for (size_t i = 0; i < c->n_columns && e == 0; i++)
        e = flatten(s, &leaf, &c->columns[i]);
    return e;
}

static void add_name(struct buf *out, const struct leaf *leaf)
{
    for (size_t i = 0; i < leaf->depth; i++) {
        if (i > 0)
            buf_char(out, '_');
        buf_str(out, leaf->way[i]->key);
    }
}

/* A text within a list's cell: ';' and '\' get a '\' before them. */
static void add_item_text(struct buf *out, const char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (bytes[i] == ';' || bytes[i] == '\\')
            buf_char(out, '\\');
        buf_char(out, bytes[i]);
    }
}

static void add_text(struct state *s, const struct leaf *leaf, const struct cell *v)
{
    if (leaf->in_list)
        add_item_text(&s->cell, v->text.bytes, v->text.n);
    else
        buf_add(&s->cell, v->text.bytes, v->text.n);
}

static void add_scalar(struct state *s, const struct leaf *leaf, const void *row, struct cell *v)
{
    const struct render_column *c = leaf->way[leaf->depth - 1];
    switch (c->kind) {
    case CELL_BOOL:
        buf_str(&s->cell, v->boolean ? "true" : "false");
        break;
    case CELL_UINT:
        buf_u64(&s->cell, v->uint);
        break;
    case CELL_INT:
        buf_i64(&s->cell, v->integer);
        break;
    case CELL_REAL:
        buf_printf(&s->cell, "%.15g", v->real);
        break;
    case CELL_TEXT:
        cell_bytes(c, row, v, &s->scratch);
        add_text(s, leaf, v);
        break;
    default: /* objects and lists are no leaves, unless they have no columns */
        break;
    }
}

/* What the way from step `at` on gives for a row. True if some of it is forbidden. */
static bool add_value(struct state *s, const struct leaf *leaf, size_t at, const void *row)
{
    const struct render_column *c = leaf->way[at];
    struct cell v;
    if (cell_get(c, row, &v) != KNOWN)
        return v.presence == FORBIDDEN;
    if (at + 1 == leaf->depth) {
        add_scalar(s, leaf, row, &v);
        return false;
    }
    if (c->kind == CELL_OBJECT)
        return add_value(s, leaf, at + 1, v.object);
    bool forbidden = false;
    for (size_t i = 0; i < v.list.n; i++) {
        if (i > 0)
            buf_char(&s->cell, ';');
        forbidden |= add_value(s, leaf, at + 1, (const char *)v.list.items + i * v.list.stride);
    }
    return forbidden;
}

static bool needs_quotes(const struct buf *cell)
{
    for (size_t i = 0; i < cell->len; i++) {
        unsigned char c = (unsigned char)cell->data[i];
        if (c < 0x20 || c == '"' || c == ',' || c == 0x7f)
            return true;
    }
    /* Some readers drop blanks at the ends. */
    return cell->len && (cell->data[0] == ' ' || cell->data[cell->len - 1] == ' ');
}

static bool is_ascii(const struct buf *b)
{
    for (size_t i = 0; i < b->len; i++)
        if ((unsigned char)b->data[i] >= 0x80)
            return false;
    return true;
}

/* Bytes that would reach a terminal are escaped; a file gets them all, as valid UTF-8. */
static const struct buf *encode(struct render *r, const struct buf *cell)
{
    struct state *s = r->state;
    if (!r->options.terminal && is_ascii(cell))
        return cell;
    buf_clear(&s->scratch);
    if (r->options.terminal)
        text_escape(&s->scratch, cell->data, cell->len);
    else
        text_to_utf8(&s->scratch, cell->data, cell->len);
    return &s->scratch;
}

static void put_cell(struct render *r, const struct buf *cell)
{
    struct buf *out = &r->out->buf;
    const struct buf *text = encode(r, cell);
    if (!needs_quotes(text)) {
        buf_add(out, text->data, text->len);
        return;
    }
    buf_char(out, '"');
    for (size_t i = 0; i < text->len; i++) {
        if (text->data[i] == '"')
            buf_char(out, '"');
        buf_char(out, text->data[i]);
    }
    buf_char(out, '"');
}

static void put_header(struct render *r)
{
    struct state *s = r->state;
    for (size_t i = 0; i < s->leaves.len; i++) {
        add_name(&r->out->buf, vec_at(&s->leaves, i));
        buf_char(&r->out->buf, ',');
    }
    buf_str(&r->out->buf, "not_permitted\r\n");
}

static void note_forbidden(struct state *s, const struct leaf *leaf)
{
    if (s->forbidden.len)
        buf_char(&s->forbidden, ';');
    add_name(&s->forbidden, leaf);
}

static int csv_row(struct render *r, const void *row)
{
    struct state *s = r->state;
    buf_clear(&s->forbidden);
    for (size_t i = 0; i < s->leaves.len; i++) {
        const struct leaf *leaf = vec_at(&s->leaves, i);
        buf_clear(&s->cell);
        if (add_value(s, leaf, 0, row))
            note_forbidden(s, leaf);
        if (s->cell.failed || s->scratch.failed)
            return -ENOMEM;
        put_cell(r, &s->cell);
        buf_char(&r->out->buf, ',');
    }
    put_cell(r, &s->forbidden);
    buf_str(&r->out->buf, "\r\n");
    return s->forbidden.failed ? -ENOMEM : 0;
}

static int csv_open(struct render *r)
{
    struct state *s = r->state;
    s->leaves = VEC_INIT(struct leaf);
    s->cell = s->scratch = s->forbidden = BUF_INIT(RENDER_CEILING);
    struct leaf none = {.depth = 0};
    for (size_t i = 0; i < r->n_columns; i++) {
        int e = flatten(s, &none, r->columns[i]);
        if (e < 0)
            return e;
    }
    if (!r->options.no_header)
        put_header(r);
    return 0;
}

static int csv_end(struct render *r)
{
    (void)r;
    return 0;
}

static void csv_close(void *state)
{
    struct state *s = state;
    vec_free(&s->leaves);
    buf_free(&s->cell);
    buf_free(&s->scratch);
    buf_free(&s->forbidden);
}

const struct render_writer render_csv = {
    .state_size = sizeof(struct state),
    .open = csv_open,
    .row = csv_row,
    .end = csv_end,
    .close = csv_close,
};
