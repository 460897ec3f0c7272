/* A growing array of items of one size. The items move when it grows: keep indexes, not pointers,
 * across a push.
 */
#pragma once
#include <stddef.h>

struct vec {
    void *items;
    size_t len, cap;
    size_t item_size;
};

#define VEC_INIT(type)            \
    (struct vec)                  \
    {                             \
        .item_size = sizeof(type) \
    }
#define _cleanup_vec_ __attribute__((cleanup(vec_free)))

void vec_free(struct vec *v);

/* Appends one zeroed item and returns it; NULL without memory. */
void *vec_push(struct vec *v);
/* Appends a copy of *item. 0 or -ENOMEM. */
int vec_add(struct vec *v, const void *item);
/* The item at index i, which must be below len. */
void *vec_at(const struct vec *v, size_t i);
