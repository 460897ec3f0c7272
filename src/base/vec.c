#include "base/vec.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

void vec_free(struct vec *v)
{
    int saved = errno;
    free(v->items);
    v->items = NULL;
    v->len = v->cap = 0;
    errno = saved;
}

void *vec_push(struct vec *v)
{
    assert(v->item_size);
    if (v->len == v->cap) {
        size_t cap = v->cap ? v->cap * 2 : 16;
        void *items = reallocarray(v->items, cap, v->item_size);
        if (!items)
            return NULL;
        v->items = items;
        v->cap = cap;
    }
    void *item = (char *)v->items + v->len++ * v->item_size;
    memset(item, 0, v->item_size);
    return item;
}

int vec_add(struct vec *v, const void *item)
{
    void *to = vec_push(v);
    if (!to)
        return -ENOMEM;
    memcpy(to, item, v->item_size);
    return 0;
}

void *vec_at(const struct vec *v, size_t i)
{
    assert(i < v->len);
    return (char *)v->items + i * v->item_size;
}
