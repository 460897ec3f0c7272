/* Columns by name, and the order of two rows in one. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "render/writer.h"

static bool key_equals(const char *key, const char *word, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (key[i] == '\0' || key[i] != (word[i] == '-' ? '_' : word[i]))
            return false;
    return key[n] == '\0';
}

const struct render_column *render_find(const struct render_column *all, size_t n_all,
                                        const char *key, size_t n)
{
    for (size_t i = 0; i < n_all; i++)
        if (key_equals(all[i].key, key, n))
            return &all[i];
    return NULL;
}

struct choice {
    const struct render_column *all;
    size_t n_all;
    const struct render_column **columns;
    size_t n;
};

static void choose(struct choice *to, const struct render_column *c)
{
    for (size_t i = 0; i < to->n; i++)
        if (to->columns[i] == c)
            return;
    to->columns[to->n++] = c;
}

static bool choose_word(struct choice *to, const char *word, size_t n)
{
    if (n == 3 && memcmp(word, "all", 3) == 0) {
        for (size_t i = 0; i < to->n_all; i++)
            choose(to, &to->all[i]);
        return true;
    }
    const struct render_column *c = render_find(to->all, to->n_all, word, n);
    if (c)
        choose(to, c);
    return c != NULL;
}

static int choose_list(struct choice *to, const char *list, const char **ret_bad,
                       size_t *ret_bad_len)
{
    for (const char *at = list;; at++) {
        at += *at == '+';
        size_t n = strcspn(at, ",");
        if (!choose_word(to, at, n)) {
            *ret_bad = at;
            *ret_bad_len = n;
            return -EINVAL;
        }
        at += n;
        if (!*at)
            return 0;
    }
}

int render_choose(const struct render_column *all, size_t n_all, const char *list,
                  const char *defaults, const struct render_column **ret, size_t max, size_t *ret_n,
                  const char **ret_bad, size_t *ret_bad_len)
{
    assert(max >= n_all);
    (void)max;
    struct choice to = {.all = all, .n_all = n_all, .columns = ret};
    if (*list == '+') {
        int e = choose_list(&to, defaults, ret_bad, ret_bad_len);
        if (e < 0)
            return e;
    }
    int e = choose_list(&to, list, ret_bad, ret_bad_len);
    if (e == 0)
        *ret_n = to.n;
    return e;
}

#define ORDER(a, b) (((a) > (b)) - ((a) < (b)))

static int compare_bytes(const char *a, size_t n_a, const char *b, size_t n_b)
{
    size_t n = n_a < n_b ? n_a : n_b;
    int order = n ? memcmp(a, b, n) : 0;
    return order ? order : ORDER(n_a, n_b);
}

static int compare_texts(const struct render_column *c, const void *a, const void *b,
                         const struct cell *va, const struct cell *vb)
{
    _cleanup_buf_ struct buf made_a = BUF_INIT(RENDER_CEILING);
    _cleanup_buf_ struct buf made_b = BUF_INIT(RENDER_CEILING);
    struct cell ta = *va, tb = *vb;
    cell_bytes(c, a, &ta, &made_a);
    cell_bytes(c, b, &tb, &made_b);
    return compare_bytes(ta.text.bytes, ta.text.n, tb.text.bytes, tb.text.n);
}

static int compare_objects(const struct render_column *c, const void *a, const void *b)
{
    int order = 0;
    for (size_t i = 0; i < c->n_columns && order == 0; i++)
        order = render_compare(&c->columns[i], a, b);
    return order;
}

static int compare_lists(const struct render_column *c, const struct cell *a, const struct cell *b)
{
    size_t n = a->list.n < b->list.n ? a->list.n : b->list.n;
    int order = 0;
    for (size_t i = 0; i < n && order == 0; i++)
        order = compare_objects(c, (const char *)a->list.items + i * a->list.stride,
                                (const char *)b->list.items + i * b->list.stride);
    return order ? order : ORDER(a->list.n, b->list.n);
}

int cell_compare(const struct render_column *c, const void *a, const void *b, const struct cell *va,
                 const struct cell *vb)
{
    if (c->compare)
        return c->compare(c, a, b);
    switch (c->kind) {
    case CELL_BOOL:
        return ORDER(va->boolean, vb->boolean);
    case CELL_UINT:
        return ORDER(va->uint, vb->uint);
    case CELL_INT:
        return ORDER(va->integer, vb->integer);
    case CELL_REAL:
        return ORDER(va->real, vb->real);
    case CELL_TEXT:
        return compare_texts(c, a, b, va, vb);
    case CELL_OBJECT:
        return compare_objects(c, va->object, vb->object);
    case CELL_LIST:
        return compare_lists(c, va, vb);
    case CELL_KINDS:
        break;
    }
    return 0;
}

int cell_rank(enum presence presence)
{
    static const int ranks[] = {[KNOWN] = 0, [FORBIDDEN] = 1, [ABSENT] = 2};
    return ranks[presence];
}

int render_compare(const struct render_column *c, const void *a, const void *b)
{
    struct cell va, vb;
    int order = cell_rank(cell_get(c, a, &va)) - cell_rank(cell_get(c, b, &vb));
    return order || va.presence != KNOWN ? order : cell_compare(c, a, b, &va, &vb);
}
