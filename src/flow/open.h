/* Opens sockets: an address and the user's options give a listener, or a connection under way.
 *
 * Takes addresses as values; names were resolved by whoever calls. Every socket is non-blocking and
 * close-on-exec. Options are set in their order (net/sockopt.h), and one that can't be set is named
 * in the error.
 */
#pragma once
#include "flow/target.h"

struct err;
struct sockopt_set;

struct open_listen {
    const struct sockopt_set *options; /* NULL: none */
    int backlog;                       /* below 0: SOMAXCONN */
    bool no_reuseaddr; /* SO_REUSEADDR is on otherwise; but for UDP, where it would let two programs
                        * have one port (socket(7)) */
    bool unlink;       /* UNIX: a path where nobody listens any more is removed */
};
/* The descriptor, or a negative errno with *e filled: its hint says what the errno means here (a
 * privileged port, an address that no interface has, a name that is taken); who stands in the way
 * is for the caller to find. */
int open_listener(const struct target *t, const struct open_listen *how, struct err *e);

struct open_connect {
    const struct sockopt_set *options;
    const struct target *source; /* bind to it first; NULL: the kernel's choice */
};
/* The descriptor of a connection that is made or under way (*ret_done tells), or a negative errno
 * with *e filled. When it gets writable, open_connected says how it went. */
int open_connection(const struct target *t, const struct open_connect *how, bool *ret_done,
                    struct err *e);
/* 0, or the negative errno of the connection (SO_ERROR). */
int open_connected(int fd);
/* The options that a socket takes once it is connected. 0, or a negative errno with *e filled. */
int open_connected_options(int fd, const struct target *t, const struct sockopt_set *options,
                           struct err *e);
/* What the positive errno of a failed connection means, and what would help; NULL: nothing to add
 * to strerror's words. */
const char *open_connect_hint(const struct target *t, int error);

/* The options that are for an accepted socket itself; the others it has from its listener. 0, or a
 * negative errno with *e filled. */
int open_accepted(int fd, const struct target *t, const struct sockopt_set *options, struct err *e);
