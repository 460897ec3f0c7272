/* Takes new clients from a listener: in batches, as far as there is room, and only those who may
 * come.
 *
 * Whoever has no room yet waits in the kernel's queue, or is refused, as the owner wants it. When
 * descriptors run out the acceptor rests and tries again; nothing spins, nothing is lost.
 */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "flow/loop.h"

struct vec;

/* What the acceptors of a process share, those of other threads too. */
struct accept_shared {
    uint32_t max;                   /* clients at once; 0: no limit */
    bool refuse;                    /* reset those beyond, instead of leaving them in the queue */
    const struct vec *allow, *deny; /* struct net_prefix; NULL or empty: everybody; deny wins */
    _Atomic uint32_t clients;       /* now */
};

enum accept_refusal { ACCEPT_FULL, ACCEPT_DENIED, ACCEPT_NOT_ALLOWED };

struct acceptor {
    int fd;        /* owned while it is active */
    bool blocking; /* the accepted sockets block, as a child process wants its standard input */
    struct accept_shared *shared;
    /* The descriptor is the owner's, who calls accept_gone when the client has ended. The acceptor
     * may be stopped there. */
    void (*accepted)(struct loop *l, struct acceptor *a, int fd,
                     const struct sockaddr_storage *peer, socklen_t n);
    /* Somebody is turned away; the descriptor is closed afterwards. */
    void (*refused)(struct loop *l, struct acceptor *a, int fd, const struct sockaddr_storage *peer,
                    socklen_t n, enum accept_refusal why);
    /* It can't accept for now (EMFILE, ENFILE, ENOMEM …): told once until it could again. */
    void (*starved)(struct loop *l, struct acceptor *a, int error);

    /* of accept.c */
    struct loop_watch watch;
    struct loop_timer again;
    bool told;
};

/* fd, shared and the callbacks must be set. 0 or a negative errno. */
int acceptor_start(struct loop *l, struct acceptor *a);
/* Closes the listener: whoever waits in its queue is reset. Nothing for one that isn't active. */
void acceptor_stop(struct loop *l, struct acceptor *a);
/* Counts one more client, where there is room. */
bool accept_take_room(struct accept_shared *shared);
/* A client has ended: there may be room. */
void accept_gone(struct accept_shared *shared);
void acceptor_resume(struct loop *l, struct acceptor *a);

/* Whether an address may come; addresses that are none of IP (UNIX, vsock) always may. */
bool accept_may(const struct accept_shared *shared, const struct sockaddr_storage *peer,
                enum accept_refusal *ret_why);
/* Closes a connection by a reset: the peer learns that it wasn't heard. */
void accept_reset(int fd);
/* Whoever closes it resets it. */
void accept_will_reset(int fd);
