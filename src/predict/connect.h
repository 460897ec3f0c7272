/* Says what connect(2) will get, and why: from the route that the kernel would take and, for an
 * address of this host, from the socket that would get the packet. Pure.
 */
#pragma once
#include "net/route.h"
#include "predict/bind.h"
#include "predict/lookup.h"

enum predict_outcome {
    CONNECT_ACCEPTED,
    CONNECT_REFUSED,     /* ECONNREFUSED: nobody listens */
    CONNECT_DROPPED,     /* the SYN is dropped without a word, and the client tries again */
    CONNECT_UNREACHABLE, /* error says how */
    CONNECT_BLOCKED,     /* the caller's own fault or a lack of permission: error says how */
    CONNECT_REMOTE,      /* it leaves this host; who answers there can't be known here */
    CONNECT_DEPENDS
};

enum predict_silence {
    SILENCE_QUEUE,
    SILENCE_LOOPBACK_DOWN, /* what stays on this host is lost */
    SILENCE_TURNS_BACK     /* what leaves by loopback comes in there, for an address of others */
};

struct predict_connection {
    enum net_kind kind;
    struct net_addr to;
    uint16_t to_port;
    struct net_addr from; /* AF_UNSPEC: the kernel's choice */
    uint16_t from_port;   /* 0: the kernel's choice */
    uint32_t ifindex;     /* SO_BINDTODEVICE; 0 none */
    bool unknown_device;
    bool loopback_leaves; /* the kernel refuses its loopback source on that way */
    bool comes_in;        /* from another host: route->ifindex is the device that it comes in on */
};
/* The connection that the kernel makes of it: 0.0.0.0 and :: are loopback (or, of IPv4, the address
 * that it comes from), a mapped address is IPv4. */
void predict_connection_settle(struct predict_connection *c);

struct predict_connect {
    enum predict_outcome outcome;
    int error;                        /* what connect(2) gets; 0 none */
    bool itself;                      /* the socket that connects gets it: its ends are the same */
    enum predict_silence silence;     /* why nothing comes back, of CONNECT_DROPPED */
    struct predict_receiver receiver; /* of a local address */
    uint64_t waiting, room;           /* the accept queue, where one is: how many wait, and how many
                                       * may (recv_q and send_q of the listener) */
};

/* c is settled. *ret is always to be cleared. 0 or -ENOMEM. */
int predict_connect(const struct predict_connection *c, const struct net_route *route,
                    const struct predict_host *h, struct predict_connect *ret);
/* Concludes anew for a receiver that is known otherwise, by the kernel's own lookup: s, or NULL for
 * nobody. The other listeners stay listed; a group that s is of stays one if `any` of it may get
 * it. */
void predict_connect_settle(struct predict_connect *ret, const struct predict_connection *c,
                            const struct net_socket *s, bool any);
void predict_connect_clear(struct predict_connect *c);

/* The ports that connect(2) may choose for its own end, of a source address that is known. None
 * possible: TCP gets EADDRNOTAVAIL, UDP EAGAIN. Sockets and buckets at all ports are seen one by
 * one, so that none has to be kept. */
struct predict_sources {
    const struct predict_connection *connection;
    const struct net_addr *source;
    struct predict_taken taken;
};
void predict_sources_init(struct predict_sources *s, const struct predict_connection *c,
                          const struct net_addr *source);
/* buckets_known: those of TCP are seen too, and decide where a socket's ends don't. */
void predict_sources_see(struct predict_sources *s, const struct net_socket *owner,
                         bool buckets_known);
void predict_sources_see_bucket(struct predict_sources *s, const struct net_bucket *b);
void predict_sources_choose(const struct predict_sources *s,
                            const struct predict_settings *settings, struct predict_choice *ret);
