/* Findings as rows for programs: the columns of `berth doctor`. */
#pragma once
#include "base/vec.h"
#include "cmd/socket_view.h"
#include "predict/findings.h"

enum { DOCTOR_COLUMNS = 6, DOCTOR_SOCKET_COLUMNS = 8 };

struct doctor_row {
    const struct finding *finding;
    struct vec sockets; /* struct socket_row */
};
/* 0 or -ENOMEM; always to be cleared. */
int doctor_row_fill(struct doctor_row *ret, const struct finding *f, struct socket_view *view);
void doctor_row_clear(struct doctor_row *row);

struct doctor_columns {
    struct render_column all[DOCTOR_COLUMNS];
    struct render_column of_sockets[DOCTOR_SOCKET_COLUMNS];
};
/* The columns point into *ret. */
void doctor_columns_fill(struct doctor_columns *ret);
