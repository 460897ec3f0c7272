/* The socket options that a user may set: their names, ranges and words, and the calls of
 * setsockopt(2) that each comes to. Values alone: no system call is made here.
 *
 * A struct sockopt_set holds what was chosen. Whoever opens a socket asks sockopt_each, at each of
 * the moments of a socket's life, which calls to make; each carries the option's name for the
 * message if it fails. Sources: socket(7), ip(7), ipv6(7), tcp(7), udp(7).
 */
#pragma once
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "net/addr.h"

struct err;

/* In the order in which they are set: IP_TOS changes the priority as well (net/ipv4/ip_sockglue.c),
 * so the priority comes after it. */
enum sockopt {
    SOCKOPT_REUSEADDR,
    SOCKOPT_REUSEPORT,
    SOCKOPT_V6ONLY,
    SOCKOPT_DEVICE,
    SOCKOPT_MARK,
    SOCKOPT_TRANSPARENT,
    SOCKOPT_FREEBIND,
    SOCKOPT_RCVBUF, /* bytes asked for; the kernel doubles it and has its limits */
    SOCKOPT_SNDBUF,
    SOCKOPT_TOS,  /* the whole byte */
    SOCKOPT_DSCP, /* its upper six bits; kept as the byte */
    SOCKOPT_TTL,  /* and the hop limit of IPv6 */
    SOCKOPT_PRIORITY,
    SOCKOPT_LINGER, /* seconds */
    SOCKOPT_KEEPALIVE,
    SOCKOPT_KEEPALIVE_IDLE,     /* seconds; it and the next two turn keepalive on */
    SOCKOPT_KEEPALIVE_INTERVAL, /* seconds */
    SOCKOPT_KEEPALIVE_COUNT,
    SOCKOPT_NODELAY,
    SOCKOPT_USER_TIMEOUT, /* milliseconds */
    SOCKOPT_MAXSEG,
    SOCKOPT_CONGESTION,
    SOCKOPT_FASTOPEN, /* the length of a listener's queue; a client just turns it on */
    SOCKOPT_QUICKACK,
    SOCKOPT_BROADCAST,
    SOCKOPT_MULTICAST_TTL,
    SOCKOPT_MULTICAST_LOOP,
    SOCKOPT_MULTICAST_JOIN,
    SOCKOPTS
};

enum sockopt_type {
    SOCKOPT_BOOL,
    SOCKOPT_INT,     /* decimal, or hexadecimal after 0x */
    SOCKOPT_SIZE,    /* "64k" */
    SOCKOPT_SECONDS, /* "30", "2m": whole seconds, rounded up */
    SOCKOPT_MILLISECONDS,
    SOCKOPT_CLASS, /* a number, or a name: "ef", "af41", "cs1" */
    SOCKOPT_TEXT,
    SOCKOPT_GROUP, /* a multicast address, "%DEVICE" behind it; may be given several times */
};

enum {
    SOCKOPT_GROUPS_MAX = 20
}; /* the kernel's own limit for IPv4: net.ipv4.igmp_max_memberships */

struct sockopt_group {
    struct net_addr addr;
    char device[IFNAMSIZ]; /* "" none */
    uint32_t interface;    /* its index, 0: the kernel chooses. Filled by whoever may ask for it */
};

/* All zero: nothing chosen. */
struct sockopt_set {
    uint64_t given;            /* bit 1 << SOCKOPT_… */
    int64_t numbers[SOCKOPTS]; /* of those that are no text and no group */
    char device[IFNAMSIZ], congestion[16];
    struct sockopt_group groups[SOCKOPT_GROUPS_MAX];
    unsigned n_groups;
};

/* The moments of a socket's life. What accepted sockets inherit isn't set on them again. */
enum sockopt_when {
    SOCKOPT_BEFORE_BIND, /* of every socket, whether it is bound or not */
    SOCKOPT_BEFORE_LISTEN,
    SOCKOPT_BEFORE_CONNECT,
    SOCKOPT_CONNECTED,
    SOCKOPT_ACCEPTED,
};

/* One call of setsockopt. The value lives as long as the sink runs. */
struct sockopt_call {
    enum sockopt option;
    const char *name; /* as in sockopt_name */
    int level, optname;
    const void *value;
    uint32_t size;
};

typedef int sockopt_sink(void *ctx, const struct sockopt_call *call);

/* Calls the sink for each call that a socket of this family and protocol (IPPROTO_TCP, _UDP or
 * _MPTCP; 0 for UNIX and vsock) needs at that moment, in a stable order; ends with the sink's first
 * answer that isn't 0. Options that don't apply are passed over. An IPv6 socket gets the calls of
 * IPv4 as well, since it may serve both. */
int sockopt_each(const struct sockopt_set *s, int family, int protocol, enum sockopt_when when,
                 sockopt_sink *sink, void *ctx);
/* Those that apply to such sockets at any moment, as bits: what is given beyond them is in vain. */
uint64_t sockopt_applying(int family, int protocol);

const char *sockopt_name(enum sockopt o); /* the long option, without dashes: "multicast-ttl" */
enum sockopt_type sockopt_type(enum sockopt o);

static inline bool sockopt_given(const struct sockopt_set *s, enum sockopt o)
{
    return s->given >> o & 1;
}

/* A number that the program chooses; it is not checked. Not for texts and groups. */
void sockopt_choose(struct sockopt_set *s, enum sockopt o, int64_t number);
/* From the user's word; "" is the usual value of SOCKOPT_FASTOPEN. 0; or -EINVAL with *e (which may
 * be NULL), whose hint stands alone: "--ttl wants a number from 1 to 255, not 'x'". */
int sockopt_parse(struct sockopt_set *s, enum sockopt o, const char *word, struct err *e);
