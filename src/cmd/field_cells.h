/* Cells of a socket's plain fields (NET_FIELDS), one by one and in groups. Rows are struct
 * socket_row.
 */
#pragma once
#include "cmd/socket_view.h"

/* A row of a table of columns for each field; X of NET_FIELDS. */
#define FIELD_COLUMN(field, name, type, member, words)                                           \
    {.key = name,                                                                                \
     .help = words,                                                                              \
     .kind = CELL_##type,                                                                        \
     .id = NET_F_##field,                                                                        \
     .align = CELL_##type == CELL_TEXT || CELL_##type == CELL_BOOL ? RENDER_LEFT : RENDER_RIGHT, \
     .get = field_get},

/* The fields' columns by enum net_field: the members of the groups. */
extern const struct render_column field_columns[NET_F_LOCAL];

void field_get(const struct render_column *c, const void *row, struct cell *ret);
/* A group is named by its first field (c->id): an object in JSON, words in a table. */
void field_get_group(const struct render_column *c, const void *row, struct cell *ret);
void field_text_group(const struct render_column *c, const void *row, struct buf *out);
