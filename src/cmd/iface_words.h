/* Interfaces in words: a block of lines each. */
#pragma once
#include "cmd/iface_columns.h"

struct buf;

/* Its lines, the last one ended; with colours if they are shown. Names are escaped. */
void iface_describe(struct buf *out, const struct iface_row *row, bool colour);
