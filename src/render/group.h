/* Rows counted by what they have in some columns, and sums of their numbers.
 *
 * A group is a row too: its key columns, `count`, and one sum for each additive column. They have
 * columns of their own, which the renderers, render_choose and render_sort take like any other.
 */
#pragma once
#include <stddef.h>

#include "render/render.h"

struct render_group;
#define _cleanup_render_group_ __attribute__((cleanup(render_group_freep)))

/* The key columns, and columns to sum: those among `sums` that are additive numbers and no keys.
 * copy makes a lasting copy of a group's first row, from which its key cells are read (NULL when
 * rows outlive the groups); release undoes it. The columns must outlive the groups. NULL without
 * memory. */
struct render_group *render_group_new(const struct render_column *const *keys, size_t n_keys,
                                      const struct render_column *const *sums, size_t n_sums,
                                      void *(*copy)(const void *row), void (*release)(void *row));
void render_group_free(struct render_group *g);
void render_group_freep(struct render_group **g);

int render_group_add(struct render_group *g, const void *row); /* 0 or -ENOMEM */

/* The columns of the groups: keys, "count", sums. A sum is forbidden if one of its rows is, absent
 * if none has it; one too large for 64 bits stays at the largest. Owned by g. */
const struct render_column *render_group_columns(const struct render_group *g, size_t *ret_n);
/* The groups as rows, the most numerous first, ties in the order they were met. *ret belongs to
 * the caller (free); it may be given to render_sort. 0 or -ENOMEM. */
int render_group_rows(const struct render_group *g, const void ***ret, size_t *ret_n);
