/* Who holds a port: sockets that match a question, put together by the process that holds them.
 *
 * Pure. A port may be taken without anybody listening at it: by a connection that goes out from it,
 * by a socket that was bound and no more, by the remains of a closed connection. Each is told apart
 * here, so that `who` can say it and `free` knows what it may end.
 */
#pragma once
#include <stdint.h>

#include "base/vec.h"
#include "net/socket.h"

/* What a socket does with its port. */
enum net_hold {
    NET_HOLD_LISTENS,   /* new clients reach it */
    NET_HOLD_SERVES,    /* a connection that a listener on this port accepted */
    NET_HOLD_CONNECTED, /* a connection that goes out from this port, or whose listener is gone */
    NET_HOLD_BOUND,     /* bound, and neither listening nor connected */
    NET_HOLD_REMAINS,   /* TIME_WAIT, or closed by its program and not yet over */
    NET_HOLDS
};

struct net_held {
    const struct net_socket *socket; /* borrowed */
    enum net_hold hold;
};

struct net_holder {
    int32_t pid;                       /* 0: no process holds these, or it may not be seen */
    const struct net_process *process; /* borrowed; NULL unknown */
    bool hidden;                       /* pid 0 because the owner may not be seen */
    struct vec sockets;                /* struct net_held; listeners first */
    uint32_t counts[NET_HOLDS];
};

struct net_holders {
    struct vec all; /* struct net_holder, those who listen first, the nameless last */
};

/* A connection that nobody has accepted yet is counted at its listener (struct net_clients), and
 * is in no group. n sockets that must outlive the result. 0 or -ENOMEM (the result is then to be
 * cleared too). */
int net_holders_group(struct net_holders *ret, const struct net_socket *const *sockets, size_t n);
void net_holders_clear(struct net_holders *h);

enum net_hold net_hold_of(const struct net_socket *s, const struct net_socket *const *listeners,
                          size_t n);

/* The clients of listeners, waiting or accepted, by whomever they are held: counted one socket at a
 * time, so that none has to be kept. UNIX clients bear their listener's name. */
struct net_clients {
    struct vec counts; /* struct net_client_count, by port */
};

#define _cleanup_clients_ __attribute__((cleanup(net_clients_clear)))

/* Of those that listen among n sockets, which are borrowed. 0 or -ENOMEM; always to be cleared. */
int net_clients_init(struct net_clients *ret, const struct net_socket *const *sockets, size_t n);
void net_clients_clear(struct net_clients *c);
void net_clients_see(struct net_clients *c, const struct net_socket *s);
uint32_t net_clients_of(const struct net_clients *c, const struct net_socket *listener);
