/* Holders of a port as rows, for programs. */
#pragma once
#include "base/vec.h"
#include "cmd/socket_view.h"
#include "predict/holders.h"

struct who_row {
    const struct predict_holder *holder;
    struct vec sockets; /* struct socket_row */
};

enum { WHO_COLUMNS = 15, WHO_SOCKET_COLUMNS = 16 };

struct who_columns {
    struct render_column all[WHO_COLUMNS];
    struct render_column of_sockets[WHO_SOCKET_COLUMNS];
};

/* Its sockets have columns of list's, with names those of names too. *ret stays where it is. */
void who_columns_fill(struct who_columns *ret, bool names);
