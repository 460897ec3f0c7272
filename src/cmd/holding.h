/* "Who has this?" as `who` and `free` ask it: a target in the user's words, the sockets that it
 * means, and their holders.
 */
#pragma once
#include "cmd/holder_text.h"
#include "cmd/sockets.h"
#include "net/holders.h"

struct holding {
    struct sockets sockets;
    struct vec rows;            /* struct socket_row *, owned */
    struct vec found;           /* const struct net_socket *: theirs */
    struct net_holders holders; /* of found */
    struct holder_text text;
    struct reverse *reverse; /* NULL: no names */
};

struct port_target {
    uint16_t first, last;
    char protocol[16]; /* "" any */
};
/* Whether a word means ports, and which. */
bool holding_target_port(const char *word, struct port_target *ret);

/* What a word means: a port ("4444", "udp:53", "443/tcp"), a process ("pid:812", "nginx"), an
 * address ("127.0.0.1", "[::1]:80"), or any filter. Appends the filter's text. */
void holding_target(struct buf *ret, const struct command_words *words);

/* Reads and groups; always to be cleared. 0, or an exit status after a message. */
int holding_read(struct holding *h, const struct command *c, const struct sockets_arguments *a,
                 const char *filter);
/* The names of the ends, shown from here on where they come in time. 0, or an exit status after a
 * message. */
int holding_look_up(struct holding *h, uint64_t timeout_ns);
void holding_clear(struct holding *h);
