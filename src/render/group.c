/* Groups are found by the bytes of their keys: what each key cell is, and its value, one after the
 * other. A row of a group's columns is a struct row below; its key cells are those of the row that
 * was met first.
 */
#include "render/group.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/vec.h"
#include "render/sort.h"
#include "render/writer.h"

struct sum {
    enum presence presence;
    union {
        uint64_t uint;
        int64_t integer;
        double real;
    };
};

struct row {
    const struct render_group *group;
    void *first; /* the row met first, or the copy of it */
    char *key;
    size_t key_len;
    struct row *same_hash;
    uint64_t count;
    struct sum sums[];
};

struct render_group {
    struct render_column *columns;   /* keys, count, sums */
    const struct render_column **of; /* what each is made from */
    size_t n_keys, n_sums;
    void *(*copy)(const void *row);
    void (*release)(void *row);
    struct vec rows;     /* struct row *, in the order met */
    struct hash by_hash; /* of the key, to a struct row * */
    struct buf key, scratch;
};

static size_t n_columns(const struct render_group *g)
{
    return g->n_keys + 1 + g->n_sums;
}

/* The columns' callbacks. A column's id is its index. */

static const struct render_column *original(const struct render_column *c, const struct row *row)
{
    return row->group->of[c->id];
}

static void key_get(const struct render_column *c, const void *row, struct cell *ret)
{
    const struct row *r = row;
    const struct render_column *of = original(c, r);
    of->get(of, r->first, ret);
}

static void key_text(const struct render_column *c, const void *row, struct buf *out)
{
    const struct row *r = row;
    const struct render_column *of = original(c, r);
    of->text(of, r->first, out);
}

static enum render_style key_style(const struct render_column *c, const void *row)
{
    const struct row *r = row;
    const struct render_column *of = original(c, r);
    return of->style(of, r->first);
}

static int key_compare(const struct render_column *c, const void *a, const void *b)
{
    const struct row *ra = a, *rb = b;
    const struct render_column *of = original(c, ra);
    return of->compare(of, ra->first, rb->first);
}

static void count_get(const struct render_column *c, const void *row, struct cell *ret)
{
    (void)c;
    ret->presence = KNOWN;
    ret->uint = ((const struct row *)row)->count;
}

static void sum_get(const struct render_column *c, const void *row, struct cell *ret)
{
    const struct row *r = row;
    const struct sum *s = &r->sums[(size_t)c->id - r->group->n_keys - 1];
    ret->presence = s->presence;
    ret->uint = s->uint;
    if (c->kind == CELL_REAL)
        ret->real = s->real;
}

static struct render_column key_column(const struct render_column *of, int id)
{
    struct render_column c = *of;
    c.id = id;
    c.get = key_get;
    c.text = of->text ? key_text : NULL;
    c.style = of->style ? key_style : NULL;
    c.compare = of->compare ? key_compare : NULL;
    return c;
}

static struct render_column sum_column(const struct render_column *of, int id)
{
    struct render_column c = *of;
    c.id = id;
    c.get = sum_get;
    c.text = NULL;
    c.style = NULL;
    c.compare = NULL;
    return c;
}

static struct render_column count_column(int id)
{
    return (struct render_column){
        .key = "count",
        .help = "how many there are",
        .kind = CELL_UINT,
        .align = RENDER_RIGHT,
        .width = 7,
        .id = id,
        .get = count_get,
        .additive = true,
    };
}

static bool contains(const struct render_column *const *columns, size_t n,
                     const struct render_column *c)
{
    for (size_t i = 0; i < n; i++)
        if (columns[i] == c)
            return true;
    return false;
}

static bool is_number(enum cell_kind kind)
{
    return kind == CELL_UINT || kind == CELL_INT || kind == CELL_REAL;
}

struct render_group *render_group_new(const struct render_column *const *keys, size_t n_keys,
                                      const struct render_column *const *sums, size_t n_sums,
                                      void *(*copy)(const void *row), void (*release)(void *row))
{
    struct render_group *g = calloc(1, sizeof *g);
    if (!g)
        return NULL;
    *g = (struct render_group){
        .columns = calloc(n_keys + 1 + n_sums, sizeof *g->columns),
        .of = calloc(n_keys + 1 + n_sums, sizeof(void *)),
        .n_keys = n_keys,
        .copy = copy,
        .release = release,
        .rows = VEC_INIT(struct row *),
        .key = BUF_INIT(RENDER_CEILING),
        .scratch = BUF_INIT(RENDER_CEILING),
    };
    if (!g->columns || !g->of) {
        render_group_free(g);
        return NULL;
    }

    int id = 0;
    for (; (size_t)id < n_keys; id++) {
        g->columns[id] = key_column(keys[id], id);
        g->of[id] = keys[id];
    }
    g->columns[id] = count_column(id);
    for (size_t i = 0; i < n_sums; i++) {
        if (!sums[i]->additive || !is_number(sums[i]->kind) || contains(keys, n_keys, sums[i]))
            continue;
        id++;
        g->columns[id] = sum_column(sums[i], id);
        g->of[id] = sums[i];
        g->n_sums++;
    }
    return g;
}

static struct row *row_at(const struct render_group *g, size_t i)
{
    return *(struct row **)vec_at(&g->rows, i);
}

static void row_free(struct render_group *g, struct row *r)
{
    if (!r)
        return;
    if (g->release && r->first)
        g->release(r->first);
    free(r->key);
    free(r);
}

void render_group_free(struct render_group *g)
{
    if (!g)
        return;
    for (size_t i = 0; i < g->rows.len; i++)
        row_free(g, row_at(g, i));
    vec_free(&g->rows);
    hash_free(&g->by_hash);
    buf_free(&g->key);
    buf_free(&g->scratch);
    free(g->columns);
    free(g->of);
    free(g);
}

void render_group_freep(struct render_group **g)
{
    render_group_free(*g);
    *g = NULL;
}

/* The bytes of a key. A text and a list come with their lengths, so that no two keys of different
 * cells have the same bytes. */

static void key_cells(struct render_group *g, const struct render_column *columns, size_t n,
                      const void *row);

static void key_number(struct render_group *g, uint64_t number)
{
    buf_add(&g->key, &number, sizeof number);
}

static void key_cell(struct render_group *g, const struct render_column *c, const void *row)
{
    struct cell v;
    buf_char(&g->key, (char)cell_get(c, row, &v));
    if (v.presence != KNOWN)
        return;
    switch (c->kind) {
    case CELL_BOOL:
        key_number(g, v.boolean);
        break;
    case CELL_UINT:
    case CELL_INT:
    case CELL_REAL:
        key_number(g, v.uint);
        break;
    case CELL_TEXT:
        cell_bytes(c, row, &v, &g->scratch);
        key_number(g, v.text.n);
        buf_add(&g->key, v.text.bytes, v.text.n);
        break;
    case CELL_OBJECT:
        key_cells(g, c->columns, c->n_columns, v.object);
        break;
    case CELL_LIST:
        key_number(g, v.list.n);
        for (size_t i = 0; i < v.list.n; i++)
            key_cells(g, c->columns, c->n_columns, (const char *)v.list.items + i * v.list.stride);
        break;
    case CELL_KINDS:
        break;
    }
}

static void key_cells(struct render_group *g, const struct render_column *columns, size_t n,
                      const void *row)
{
    for (size_t i = 0; i < n; i++)
        key_cell(g, &columns[i], row);
}

/* FNV-1a, 64 bits. Two keys of one hash are told apart by their bytes. */
static uint64_t hash_bytes(const char *bytes, size_t n)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < n; i++)
        h = (h ^ (unsigned char)bytes[i]) * UINT64_C(0x100000001b3);
    return h;
}

static struct row *row_new(struct render_group *g, const void *first)
{
    struct row *r = calloc(1, sizeof *r + g->n_sums * sizeof *r->sums);
    if (!r)
        return NULL;
    r->group = g;
    r->first = g->copy ? g->copy(first) : (void *)first;
    r->key = malloc(g->key.len + 1);
    r->key_len = g->key.len;
    if (!r->first || !r->key || vec_add(&g->rows, &r) < 0) {
        row_free(g, r);
        return NULL;
    }
    memcpy(r->key, g->key.data, g->key.len);
    return r;
}

/* The group of g->key, made from `first` if there is none yet; NULL without memory. */
static struct row *row_of_key(struct render_group *g, const void *first)
{
    uint64_t *slot = hash_put(&g->by_hash, hash_bytes(g->key.data, g->key.len), NULL);
    if (!slot)
        return NULL;
    struct row *head = (struct row *)(uintptr_t)*slot;
    for (struct row *r = head; r; r = r->same_hash)
        if (r->key_len == g->key.len && memcmp(r->key, g->key.data, r->key_len) == 0)
            return r;
    struct row *r = row_new(g, first);
    if (!r)
        return NULL;
    r->same_hash = head;
    *slot = (uintptr_t)r;
    return r;
}

static void add_known(struct sum *s, enum cell_kind kind, const struct cell *v)
{
    if (kind == CELL_REAL) {
        s->real += v->real;
    } else if (kind == CELL_INT) {
        if (__builtin_add_overflow(s->integer, v->integer, &s->integer))
            s->integer = v->integer < 0 ? INT64_MIN : INT64_MAX;
    } else if (__builtin_add_overflow(s->uint, v->uint, &s->uint)) {
        s->uint = UINT64_MAX;
    }
}

static void add_cell(struct sum *s, const struct render_column *c, const void *row)
{
    struct cell v;
    if (cell_get(c, row, &v) == FORBIDDEN || s->presence == FORBIDDEN) {
        s->presence = FORBIDDEN;
    } else if (v.presence == KNOWN) {
        s->presence = KNOWN;
        add_known(s, c->kind, &v);
    }
}

int render_group_add(struct render_group *g, const void *row)
{
    buf_clear(&g->key);
    for (size_t i = 0; i < g->n_keys; i++)
        key_cell(g, g->of[i], row);
    if (g->n_keys == 0)
        buf_char(&g->key, 0); /* one group for all */
    if (g->key.failed || g->scratch.failed)
        return -ENOMEM;
    struct row *r = row_of_key(g, row);
    if (!r)
        return -ENOMEM;
    r->count++;
    for (size_t i = 0; i < g->n_sums; i++)
        add_cell(&r->sums[i], g->of[g->n_keys + 1 + i], row);
    return 0;
}

const struct render_column *render_group_columns(const struct render_group *g, size_t *ret_n)
{
    *ret_n = n_columns(g);
    return g->columns;
}

int render_group_rows(const struct render_group *g, const void ***ret, size_t *ret_n)
{
    const void **rows = calloc(g->rows.len + 1, sizeof *rows);
    if (!rows)
        return -ENOMEM;
    for (size_t i = 0; i < g->rows.len; i++)
        rows[i] = row_at(g, i);
    const struct render_sort_key by_count = {.column = &g->columns[g->n_keys], .descending = true};
    int e = render_sort(&by_count, 1, rows, g->rows.len);
    if (e < 0) {
        free(rows);
        return e;
    }
    *ret = rows;
    *ret_n = g->rows.len;
    return 0;
}
