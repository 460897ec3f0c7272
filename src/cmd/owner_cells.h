/* Cells about the processes that hold a socket. Rows are struct socket_row, but those of
 * owner_columns: struct net_owner.
 */
#pragma once
#include "cmd/socket_view.h"

/* Places in owner_columns. */
enum {
    OF_OWNER_PID,
    OF_OWNER_FD,
    OF_OWNER_COMM,
    OF_OWNER_USER,
    OF_OWNER_UID,
    OF_OWNER_START,
    OF_OWNER_CMDLINE,
    OF_OWNER_EXE,
    OF_OWNER_CWD,
    OF_OWNER_UNIT,
    OF_OWNER_CONTAINER,
    OF_OWNER_COLUMNS
};
extern const struct render_column owner_columns[OF_OWNER_COLUMNS];
/* The source_detail bits that each of them needs. */
extern const uint32_t owner_column_details[OF_OWNER_COLUMNS];

/* Getters and texts of columns of sockets. */
#define OWNER_GETTER(name) \
    void owner_get_##name(const struct render_column *c, const void *row, struct cell *ret)
#define OWNER_TEXTER(name) \
    void owner_text_##name(const struct render_column *c, const void *row, struct buf *out)
OWNER_GETTER(list);  /* all owners: CELL_LIST of owner_columns */
OWNER_GETTER(words); /* the same in words: CELL_TEXT */
OWNER_TEXTER(words);
OWNER_GETTER(first);  /* of the first owner: the column of owner_columns that c->id names */
OWNER_GETTER(age_ms); /* since the first of the owners started */
OWNER_TEXTER(age);
OWNER_GETTER(detached); /* why there is none */
OWNER_GETTER(far_list); /* the owners of the other end */
OWNER_TEXTER(far_words);
enum render_style owner_style(const struct render_column *c, const void *row);
