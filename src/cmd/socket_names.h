/* The ends of sockets by name: columns, and what the table shows under --names.
 *
 * Names are there only where the view has a struct reverse. Rows are struct socket_row.
 */
#pragma once
#include "cmd/socket_view.h"

struct reverse;

/* Has the names of both ends looked up. 0 or -ENOMEM. */
int socket_names_ask(struct reverse *r, const struct net_socket *s);
/* Is a column filled by names that must be looked up? */
bool socket_column_is_name(const struct render_column *c);

/* Columns: the host at an end (c->id: enum net_end), and the service of a local port, or else of
 * the peer's. */
void name_get_host(const struct render_column *c, const void *row, struct cell *ret);
void name_get_service(const struct render_column *c, const void *row, struct cell *ret);

/* An end (c->id) as net_socket_format_end_named has it, with names where the view shows them. */
void name_text_end(const struct render_column *c, const void *row, struct buf *out);
