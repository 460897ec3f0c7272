/* The ends of sockets by name: columns, and what the table shows under --names.
 *
 * Names are there only where the view has a struct reverse. Rows are struct socket_row.
 */
#pragma once
#include "cli/command.h"
#include "cmd/socket_view.h"

struct reverse;

/* Of -n and -r the last one counts. */
enum { NAMES_NUMBERS = 1, NAMES_SHOWN };

/* Rows of an option table whose arguments' struct has the members `names` (int) and
 * `names_timeout_ns` (uint64_t, NAMES_TIMEOUT_NS by default). */
#define NAMES_TIMEOUT_NS 1000000000
#define NAMES_OPTIONS(arguments)                                          \
    {.name = "names",                                                     \
     .letter = 'r',                                                       \
     .field = offsetof(arguments, names),                                 \
     .value = NAMES_SHOWN,                                                \
     .help = "hosts and services by name, where the names come in time"}, \
        {.name = "names-timeout",                                         \
         .type = OPTION_DURATION,                                         \
         .field = offsetof(arguments, names_timeout_ns),                  \
         .metavar = "TIME",                                               \
         .help = "how long names are waited for in all (1s)"},            \
        {.name = "numeric",                                               \
         .letter = 'n',                                                   \
         .field = offsetof(arguments, names),                             \
         .value = NAMES_NUMBERS,                                          \
         .help = "numbers, not names: the usual way, unless --names stands before it"},

/* Has the names of both ends looked up. 0 or -ENOMEM. */
int socket_names_ask(struct reverse *r, const struct net_socket *s);
/* Until the names that were asked are there, and no longer. */
void socket_names_wait(struct reverse *r, uint64_t timeout_ns);
/* Is a column filled by names that must be looked up? */
bool socket_column_is_name(const struct render_column *c);

/* Columns: the host at an end (c->id: enum net_end), and the service of a local port, or else of
 * the peer's. */
void name_get_host(const struct render_column *c, const void *row, struct cell *ret);
void name_get_service(const struct render_column *c, const void *row, struct cell *ret);

/* An end as net_socket_format_end_named has it, with names where the view shows them. */
void socket_names_format_end(struct buf *out, const struct socket_row *row, enum net_end end);
/* The same as a column (c->id: enum net_end). */
void name_text_end(const struct render_column *c, const void *row, struct buf *out);
