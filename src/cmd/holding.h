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

enum holding_meaning {
    HOLDING_FILTER,  /* a name, a condition: whatever berth-filter(7) has */
    HOLDING_PORT,    /* at any address: all of its sockets match, whoever holds them */
    HOLDING_PLACE,   /* a port of an address, or of a host's */
    HOLDING_ADDRESS, /* every port of it */
    HOLDING_PROCESS,
};

/* What the user's words mean: a port ("4444", "udp:53", "443/tcp"), a process ("pid:812", "nginx"),
 * an address ("127.0.0.1"), an address or a host with a port ("[::1]:80": a socket on every address
 * has that too), or any filter. */
struct holding_target {
    enum holding_meaning meaning;
    struct buf filter;
    const char *filter_text; /* of it */
    const char *text;        /* in the user's words */
    struct port_target port;
    struct vec addresses; /* struct net_addr: with a port, else none */
    int32_t pid;          /* of HOLDING_PROCESS */
    bool single;          /* one word: maybe not meant as a filter */
};

/* Each word is a target where each can be by itself ("4444 nginx"); else all are one filter
 * ("tcp 4444", "sport = :1"). *ret: struct holding_target, that borrow the words. 0, or EXIT_USAGE
 * after a message: words that mean nothing, or everything. Always to be cleared. */
int holding_targets_read(struct vec *ret, const struct command *c,
                         const struct command_words *words);
void holding_targets_clear(struct vec *targets);
#define _cleanup_targets_ __attribute__((cleanup(holding_targets_clear)))
/* A port was meant: it can be free. */
bool holding_target_is_port(const struct holding_target *t);

/* Reads and groups; always to be cleared. 0, or an exit status after a message. */
int holding_read(struct holding *h, const struct command *c, const struct sockets_arguments *a,
                 const struct holding_target *t);
/* The same by a filter of the program's own, which all sockets of a port match. */
int holding_read_filter(struct holding *h, const struct command *c,
                        const struct sockets_arguments *a, const char *filter);
/* The names of the ends, shown from here on where they come in time. 0, or an exit status after a
 * message. */
int holding_look_up(struct holding *h, uint64_t timeout_ns);
/* Of a command that found nobody: EXIT_NO, or EXIT_PERMISSION where sockets were left out because
 * what the filter asks about them may not be seen. */
int holding_nobody_status(const struct holding *h);
/* Tells of one that nobody was found, and where not, behind a blank ("" anywhere). That status. */
int holding_tell_nobody(const struct holding *h, const struct holding_target *t, const char *where);
/* A paragraph each. */
void holding_describe(struct buf *out, const struct holding *h);
void holding_clear(struct holding *h);
