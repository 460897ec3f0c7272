/* "Who has this?" as `who` and `free` ask it: a target in the user's words, the sockets that it
 * means, and their holders.
 */
#pragma once
#include "base/buf.h"
#include "cmd/holder_text.h"
#include "cmd/sockets.h"
#include "net/addr.h"
#include "predict/holders.h"

struct holding {
    struct sockets sockets;
    const struct vec *addresses;    /* of the target */
    struct vec rows;                /* struct socket_row *, owned */
    struct vec found;               /* const struct net_socket *: theirs */
    struct predict_holders holders; /* of found */
    struct predict_clients clients; /* of the listeners among them, whoever holds these */
    struct holder_text text;
    struct reverse *reverse; /* NULL: no names */
};

struct port_target {
    uint16_t first, last; /* 0: no port was named by its number */
    char protocol[16];    /* "" any */
};

/* What the user's words mean: a port ("4444", "udp:53", "443/tcp"), a process ("pid:812", "nginx"),
 * an address ("127.0.0.1"), an address or a host with a port ("[::1]:80": a socket on every address
 * has that too), or any filter. */
struct holding_target {
    struct buf filter;
    const char *filter_text; /* of it */
    const char *text;        /* the first of the words */
    struct port_target port;
    struct vec addresses; /* struct net_addr: with a port, else none */
    bool ports;           /* all sockets of its ports match, whoever holds them */
    bool single;          /* one word: maybe not meant as a filter */
};
#define _cleanup_target_ __attribute__((cleanup(holding_target_clear)))

/* 0, or EXIT_USAGE after a message: words that mean nothing, or everything. Always to be cleared.
 */
int holding_target_read(struct holding_target *ret, const struct command *c,
                        const struct command_words *words);
void holding_target_clear(struct holding_target *t);

/* Reads and groups; always to be cleared. 0, or an exit status after a message. */
int holding_read(struct holding *h, const struct command *c, const struct sockets_arguments *a,
                 const struct holding_target *t);
/* The same by a filter of the program's own, which all sockets of a port match. */
int holding_read_filter(struct holding *h, const struct command *c,
                        const struct sockets_arguments *a, const char *filter);
/* The names of the ends, shown from here on where they come in time. 0, or an exit status after a
 * message. */
int holding_look_up(struct holding *h, uint64_t timeout_ns);
void holding_clear(struct holding *h);
