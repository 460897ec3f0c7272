/* A merge sort whose items carry the first key's cell, so that most comparisons ask no getter. */
#include "render/sort.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "render/writer.h"

struct item {
    const void *row;
    struct cell first;
};

struct sort {
    const struct render_sort_key *keys;
    size_t n_keys;
};

int render_sort_parse(const struct render_column *all, size_t n_all, const char *list,
                      struct render_sort_key *ret, size_t max, size_t *ret_n, const char **ret_bad,
                      size_t *ret_bad_len)
{
    size_t n = 0;
    for (const char *at = list;; at++) {
        bool descending = *at == '-';
        at += descending;
        size_t len = strcspn(at, ",");
        const struct render_column *c = render_find(all, n_all, at, len);
        if (!c || n == max) {
            *ret_bad = at;
            *ret_bad_len = len;
            return c ? -E2BIG : -EINVAL;
        }
        ret[n++] = (struct render_sort_key){.column = c, .descending = descending};
        at += len;
        if (!*at)
            break;
    }
    *ret_n = n;
    return 0;
}

static int compare_key(const struct render_sort_key *key, const struct item *a,
                       const struct item *b)
{
    int order = cell_rank(a->first.presence) - cell_rank(b->first.presence);
    if (order || a->first.presence != KNOWN)
        return order;
    order = cell_compare(key->column, a->row, b->row, &a->first, &b->first);
    return key->descending ? -order : order;
}

static struct item item_of(const struct render_sort_key *key, const void *row)
{
    struct item i = {.row = row};
    cell_get(key->column, row, &i.first);
    return i;
}

static int compare(const struct sort *s, const struct item *a, const struct item *b)
{
    int order = compare_key(&s->keys[0], a, b);
    for (size_t k = 1; k < s->n_keys && order == 0; k++) {
        struct item ka = item_of(&s->keys[k], a->row), kb = item_of(&s->keys[k], b->row);
        order = compare_key(&s->keys[k], &ka, &kb);
    }
    return order;
}

/* Merges from[begin, middle) and from[middle, end) into to; the left comes first where equal. */
static void merge(const struct sort *s, const struct item *from, struct item *to, size_t begin,
                  size_t middle, size_t end)
{
    size_t left = begin, right = middle;
    for (size_t at = begin; at < end; at++) {
        bool take_left =
            left < middle && (right == end || compare(s, &from[left], &from[right]) <= 0);
        to[at] = take_left ? from[left++] : from[right++];
    }
}

/* Sorts n items, using as much room beside them; returns where they ended up. */
static const struct item *merge_sort(const struct sort *s, struct item *items, struct item *spare,
                                     size_t n)
{
    for (size_t run = 1; run < n; run *= 2) {
        for (size_t begin = 0; begin < n; begin += 2 * run) {
            size_t middle = begin + run < n ? begin + run : n;
            size_t end = middle + run < n ? middle + run : n;
            merge(s, items, spare, begin, middle, end);
        }
        struct item *sorted = spare;
        spare = items;
        items = sorted;
    }
    return items;
}

int render_sort(const struct render_sort_key *keys, size_t n_keys, const void **rows, size_t n)
{
    if (n < 2 || n_keys == 0)
        return 0;
    struct item *items = reallocarray(NULL, n, 2 * sizeof *items);
    if (!items)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++)
        items[i] = item_of(&keys[0], rows[i]);
    struct sort s = {.keys = keys, .n_keys = n_keys};
    const struct item *sorted = merge_sort(&s, items, items + n, n);
    for (size_t i = 0; i < n; i++)
        rows[i] = sorted[i].row;
    free(items);
    return 0;
}
