/* Rows as JSON: one array of objects, or an object a line.
 *
 * Each row, and each item of a list within it, is an object that ends with "not_permitted": the
 * names of its cells that may not be seen. Cells of an object column belong to the row around it,
 * so their names have the path in them ("local.port").
 */
#include <errno.h>

#include "base/json.h"
#include "render/writer.h"

struct state {
    struct jsonw json;
    struct buf scratch; /* texts made on demand */
    /* Names of forbidden cells, as elements of a JSON array. Items of a list come while their
     * row's names are being gathered, so each uses the end of it and cuts it off again. */
    struct buf forbidden;
};

/* The object column that a cell lies in, and those around that. */
struct path {
    const struct path *up;
    const char *key;
};

static void put_path(struct buf *out, const struct path *path)
{
    if (path->up) {
        put_path(out, path->up);
        buf_char(out, '.');
    }
    buf_str(out, path->key); /* keys are ours: no escapes needed */
}

static void note_forbidden(struct buf *out, size_t start, const struct path *path)
{
    buf_str(out, out->len > start ? ",\"" : "\"");
    put_path(out, path);
    buf_char(out, '"');
}

static void put_cells(struct state *s, const struct render_column *columns, size_t n,
                      const void *row, const struct path *up, size_t forbidden);

static void put_list(struct state *s, const struct render_column *c, const struct cell *v);

static void put_value(struct state *s, const struct render_column *c, const void *row,
                      struct cell *v, const struct path *path, size_t forbidden)
{
    switch (c->kind) {
    case CELL_BOOL:
        jsonw_bool(&s->json, v->boolean);
        break;
    case CELL_UINT:
        jsonw_u64(&s->json, v->uint);
        break;
    case CELL_INT:
        jsonw_i64(&s->json, v->integer);
        break;
    case CELL_REAL:
        jsonw_real(&s->json, v->real);
        break;
    case CELL_TEXT:
        cell_bytes(c, row, v, &s->scratch);
        jsonw_text(&s->json, v->text.bytes, v->text.n);
        break;
    case CELL_OBJECT:
        jsonw_object(&s->json);
        put_cells(s, c->columns, c->n_columns, v->object, path, forbidden);
        jsonw_object_end(&s->json);
        break;
    case CELL_LIST:
        put_list(s, c, v);
        break;
    case CELL_KINDS:
        jsonw_null(&s->json);
        break;
    }
}

static void put_cell(struct state *s, const struct render_column *c, const void *row,
                     const struct path *up, size_t forbidden)
{
    struct path path = {.up = up, .key = c->key};
    struct cell v;
    jsonw_key(&s->json, c->key);
    switch (cell_get(c, row, &v)) {
    case KNOWN:
        put_value(s, c, row, &v, &path, forbidden);
        break;
    case FORBIDDEN:
        note_forbidden(&s->forbidden, forbidden, &path);
        jsonw_null(&s->json);
        break;
    case ABSENT:
        jsonw_null(&s->json);
        break;
    }
}

static void put_cells(struct state *s, const struct render_column *columns, size_t n,
                      const void *row, const struct path *up, size_t forbidden)
{
    for (size_t i = 0; i < n; i++)
        put_cell(s, &columns[i], row, up, forbidden);
}

static void put_not_permitted(struct state *s, size_t forbidden)
{
    jsonw_key(&s->json, "not_permitted");
    jsonw_array(&s->json);
    if (s->forbidden.len > forbidden)
        jsonw_raw(&s->json, s->forbidden.data + forbidden, s->forbidden.len - forbidden);
    jsonw_array_end(&s->json);
    s->forbidden.len = forbidden;
}

static void put_list(struct state *s, const struct render_column *c, const struct cell *v)
{
    jsonw_array(&s->json);
    for (size_t i = 0; i < v->list.n; i++) {
        size_t forbidden = s->forbidden.len;
        jsonw_object(&s->json);
        put_cells(s, c->columns, c->n_columns, (const char *)v->list.items + i * v->list.stride,
                  NULL, forbidden);
        put_not_permitted(s, forbidden);
        jsonw_object_end(&s->json);
    }
    jsonw_array_end(&s->json);
}

static int put_row(struct render *r, const void *row)
{
    struct state *s = r->state;
    jsonw_object(&s->json);
    for (size_t i = 0; i < r->n_columns; i++)
        put_cell(s, r->columns[i], row, NULL, 0);
    put_not_permitted(s, 0);
    jsonw_object_end(&s->json);
    return s->scratch.failed || s->forbidden.failed ? -ENOMEM : 0;
}

static int json_open(struct render *r)
{
    struct state *s = r->state;
    s->json = JSONW_INIT(&r->out->buf);
    s->json.lines = true;
    s->scratch = BUF_INIT(RENDER_CEILING);
    s->forbidden = BUF_INIT(RENDER_CEILING);
    if (r->options.format == RENDER_JSON)
        jsonw_array(&s->json);
    return 0;
}

static int json_row(struct render *r, const void *row)
{
    return put_row(r, row);
}

static int json_end(struct render *r)
{
    struct state *s = r->state;
    jsonw_array_end(&s->json);
    buf_char(&r->out->buf, '\n');
    return 0;
}

static int jsonl_row(struct render *r, const void *row)
{
    int e = put_row(r, row);
    buf_char(&r->out->buf, '\n');
    return e;
}

static int jsonl_end(struct render *r)
{
    (void)r;
    return 0;
}

static void json_close(void *state)
{
    struct state *s = state;
    buf_free(&s->scratch);
    buf_free(&s->forbidden);
}

const struct render_writer render_json = {
    .state_size = sizeof(struct state),
    .open = json_open,
    .row = json_row,
    .end = json_end,
    .close = json_close,
};

const struct render_writer render_jsonl = {
    .state_size = sizeof(struct state),
    .open = json_open,
    .row = jsonl_row,
    .end = jsonl_end,
    .close = json_close,
};
