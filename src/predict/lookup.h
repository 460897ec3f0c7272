/* Says which socket of this host gets a packet: the kernel's lookup of listeners and of UDP sockets
 * (__inet_lookup_listener and inet6_lookup_listener of net/ipv4 and net/ipv6, __udp4_lib_lookup and
 * __udp6_lib_lookup), and why the others don't.
 *
 * Pure. A BPF program that chooses (sk_lookup, a reuseport selector) isn't seen here: the kernel's
 * own lookup by sock_diag (kernel/diag.h) is what to hold the answer against. test: tests/prove
 */
#pragma once
#include "base/vec.h"
#include "predict/host.h"

/* A packet that comes in: a SYN, or a datagram. */
struct predict_packet {
    enum net_kind kind;
    struct net_addr from, to;
    uint16_t from_port, to_port; /* from_port 0: any that no socket is connected to */
    uint32_t ifindex;            /* the device that it comes in on: of local traffic, the one that
                                  * has the address */
};

/* Why a listener on that port isn't it. */
enum predict_loss {
    LOSS_FAMILY,        /* an IPv4 socket, and the packet is IPv6 */
    LOSS_V6ONLY,        /* the packet is IPv4 */
    LOSS_ADDRESS,       /* bound to another address */
    LOSS_DEVICE,        /* bound to another device */
    LOSS_PEER,          /* connected to another peer (UDP) */
    LOSS_LESS_SPECIFIC, /* every address, and the winner has this one */
    LOSS_IPV6,          /* the winner is of IPv4, as the packet is */
    LOSS_NO_DEVICE,     /* the winner is bound to the device */
    LOSS_UNCONNECTED,   /* the winner is connected to this peer (UDP) */
    LOSS_LATER,         /* the same in all, and further down the kernel's list */
    LOSS_BEHIND_GROUP,  /* better, but the search had ended at a group of SO_REUSEPORT */
    LOSSES
};

struct predict_other {
    const struct net_socket *socket;
    enum predict_loss loss;
};

struct predict_receiver {
    const struct net_socket *socket; /* NULL: nobody; the first member of a group */
    bool connection;                 /* it is the connection itself, not a listener */
    struct vec group;                /* const struct net_socket *: who share by SO_REUSEPORT, the
                                      * socket among them; the kernel picks by a hash of both ends.
                                      * Empty: no group */
    struct vec others;               /* struct predict_other */
    /* TRI_YES: this one, or one of the group; TRI_MAYBE: something isn't known of … */
    enum tri certain;
    const struct net_socket *unknown_socket; /* … this socket; NULL: of their order */
    enum net_field unknown;
};

/* Whether a listener, or a socket of UDP, may get the packet at all: who else may isn't looked at.
 * What isn't known of it doesn't speak against it. */
bool predict_may_get(const struct net_socket *s, const struct predict_packet *p);

/* *ret is always to be cleared. 0 or -ENOMEM. */
int predict_lookup(const struct predict_packet *p, const struct predict_host *h,
                   struct predict_receiver *ret);
void predict_receiver_clear(struct predict_receiver *r);
