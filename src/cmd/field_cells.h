/* Cells of a socket's plain fields (NET_FIELDS), one by one and in groups. Rows are struct
 * socket_row.
 */
#pragma once
#include "cmd/socket_view.h"

/* Counts and amounts, of which a sum over sockets means something. */
#define FIELD_IS_ADDITIVE(id)                                               \
    ((id) <= NET_F_SEND_Q || ((id) >= NET_F_RMEM && (id) <= NET_F_DROPS) || \
     ((id) >= NET_F_UNACKED && (id) <= NET_F_SEGS_OUT) ||                   \
     ((id) >= NET_F_NOTSENT && (id) <= NET_F_DELIVERY))

/* A row of a table of columns for each field; X of NET_FIELDS. */
#define FIELD_COLUMN(field, name, type, member, words)                                           \
    {.key = name,                                                                                \
     .help = words,                                                                              \
     .kind = CELL_##type,                                                                        \
     .id = NET_F_##field,                                                                        \
     .align = CELL_##type == CELL_TEXT || CELL_##type == CELL_BOOL ? RENDER_LEFT : RENDER_RIGHT, \
     .additive = FIELD_IS_ADDITIVE(NET_F_##field),                                               \
     .get = field_get},

/* The fields' columns by enum net_field: the members of the groups. */
extern const struct render_column field_columns[NET_F_LOCAL];

void field_get(const struct render_column *c, const void *row, struct cell *ret);
/* A group is named by its first field (c->id): an object in JSON, words in a table. */
void field_get_group(const struct render_column *c, const void *row, struct cell *ret);
void field_text_group(const struct render_column *c, const void *row, struct buf *out);
