/* Says what connect(2) will get, and why: from the route that the kernel would take and, for an
 * address of this host, from the socket that would get the packet. Pure.
 */
#pragma once
#include "predict/lookup.h"

/* What the kernel's routing answered for a destination (rtnetlink(7), RTM_GETROUTE with
 * RTM_F_FIB_MATCH, which doesn't hide local addresses behind lo). */
enum predict_route_kind {
    ROUTE_UNKNOWN, /* it couldn't be asked (a saved host) */
    ROUTE_LOCAL,
    ROUTE_REMOTE,
    ROUTE_BROADCAST,   /* or multicast */
    ROUTE_UNREACHABLE, /* EHOSTUNREACH */
    ROUTE_PROHIBIT,    /* EACCES */
    ROUTE_BLACKHOLE,   /* EINVAL */
    ROUTE_NONE         /* ENETUNREACH */
};

struct predict_route {
    enum predict_route_kind kind;
    uint32_t ifindex;        /* the device that it goes out by; of a local address, that has it */
    struct net_addr source;  /* what the kernel would send from */
    struct net_addr gateway; /* AF_UNSPEC: on the link */
};

enum predict_outcome {
    CONNECT_ACCEPTED,
    CONNECT_REFUSED,     /* ECONNREFUSED: nobody listens */
    CONNECT_DROPPED,     /* the accept queue is full: the SYN is dropped, the client tries again */
    CONNECT_UNREACHABLE, /* error says how */
    CONNECT_BLOCKED,     /* the caller's own fault or a lack of permission: error says how */
    CONNECT_REMOTE,      /* it leaves this host; who answers there can't be known here */
    CONNECT_DEPENDS
};

struct predict_connection {
    enum net_kind kind;
    struct net_addr to;
    uint16_t to_port;
    struct net_addr from; /* AF_UNSPEC: the kernel's choice */
    uint16_t from_port;   /* 0: the kernel's choice */
    uint32_t ifindex;     /* SO_BINDTODEVICE; 0 none */
    bool unknown_device;
};

struct predict_connect {
    enum predict_outcome outcome;
    int error;                        /* what connect(2) gets; 0 none */
    struct predict_receiver receiver; /* of a local address */
    uint64_t waiting, room;           /* the accept queue, where one is: how many wait, and how many
                                       * may (recv_q and send_q of the listener) */
};

/* *ret is always to be cleared. 0 or -ENOMEM. */
int predict_connect(const struct predict_connection *c, const struct predict_route *route,
                    const struct predict_host *h, struct predict_connect *ret);
void predict_connect_clear(struct predict_connect *c);
