/* Rows in the order of some columns. The rows are the caller's, who keeps them all. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "render/render.h"

struct render_sort_key {
    const struct render_column *column;
    bool descending; /* known values the other way round; forbidden and absent stay last */
};

/* "state,-recv_q" as keys; -EINVAL with the faulty word as render_choose, or -E2BIG. */
int render_sort_parse(const struct render_column *all, size_t n_all, const char *list,
                      struct render_sort_key *ret, size_t max, size_t *ret_n, const char **ret_bad,
                      size_t *ret_bad_len);

/* Stable. 0 or -ENOMEM, the rows then as they were. */
int render_sort(const struct render_sort_key *keys, size_t n_keys, const void **rows, size_t n);
