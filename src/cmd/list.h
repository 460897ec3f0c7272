/* One run of `berth list`, between its two halves: what was asked (list_choose.c), and what becomes
 * of the rows (list.c). */
#pragma once
#include "base/vec.h"
#include "cmd/list_options.h"
#include "cmd/output.h"
#include "cmd/sockets.h"
#include "render/sort.h"

struct render_group;
struct reverse;

enum { LIST_COLUMNS_MAX = 160, LIST_SORT_KEYS_MAX = 16 };

struct column_list {
    const struct render_column *columns[LIST_COLUMNS_MAX];
    size_t n;
};

struct list {
    const struct list_arguments *arguments;
    struct output output;
    struct sockets sockets;
    struct column_list shown;
    struct render_sort_key sort[LIST_SORT_KEYS_MAX];
    size_t n_sort;
    struct render_group *group;
    struct reverse *reverse; /* NULL: no names are looked up */
    bool by_name;            /* names decide the order */
    bool looks_up;
    struct render *render;
    struct vec kept; /* struct socket_row *, owned */
    uint64_t written;
};

/* 0, or EXIT_USAGE after a message: options that don't go together. */
int list_check(const struct list_arguments *a);

/* Fills the output, the query, the filter, the columns and their order from the arguments and the
 * words. 0, or an exit status after a message. */
int list_choose(struct list *l, const struct command_words *words);
