/* Says what would change a refusal of bind(2): each remedy is tried on the facts, and only those
 * are named after which the answer is yes. Pure.
 */
#pragma once
#include "base/vec.h"
#include "predict/bind.h"

enum predict_remedy_kind {
    REMEDY_REUSEADDR,      /* the candidate sets SO_REUSEADDR */
    REMEDY_REUSEPORT,      /* the candidate sets SO_REUSEPORT: the owners have it already */
    REMEDY_BOTH_REUSEPORT, /* both sides set SO_REUSEPORT, of one user */
    REMEDY_BOTH_REUSEADDR, /* both sides set SO_REUSEADDR: while nobody listens */
    REMEDY_V6ONLY,         /* the candidate turns IPV6_V6ONLY on */
    REMEDY_NO_V6ONLY,      /* the candidate turns it off: an IPv4 address on an IPv6 socket */
    REMEDY_OWNERS_V6ONLY,  /* the owners turn it on */
    REMEDY_SAME_USER,      /* the candidate runs as the owners' user; uid says which */
    REMEDY_REUSEADDR_NEXT, /* those whose remains they are set SO_REUSEADDR from now on */
    REMEDY_WAIT,           /* all that stands in the way are remains of closed connections */
    REMEDY_STOP_OWNERS,    /* the owners end */
    REMEDY_PRIVILEGE,      /* CAP_NET_BIND_SERVICE, or a lower ip_unprivileged_port_start */
    REMEDY_TRANSPARENT,    /* CAP_NET_RAW */
    REMEDY_FREEBIND,       /* IP_FREEBIND, or ip_nonlocal_bind, for an address still to come */
    REMEDY_UP,             /* the interface that has the address is brought up: ifindex */
    REMEDY_CHECKED,        /* the kernel has ended its check of the address: ifindex has it */
    REMEDY_WIDEN,          /* a wider ip_local_port_range */
    REMEDY_HERE,           /* an address that the host has */
    REMEDY_SCOPE,          /* a device with the link-local address */
    REMEDY_OTHER_DEVICE,   /* another device, or none: ifindex says which has the address */
    REMEDY_IPV4,           /* IPv4: this kernel has no IPv6 */
    REMEDIES
};

struct predict_remedy {
    enum predict_remedy_kind kind;
    uint32_t uid;     /* REMEDY_SAME_USER */
    uint32_t ifindex; /* REMEDY_SCOPE, _OTHER_DEVICE, _UP, _CHECKED; 0: none, or unknown */
};

/* Adds to *ret (struct predict_remedy), the mildest first. b is the answer to c. 0 or -ENOMEM. */
int predict_remedies(const struct predict_candidate *c, const struct predict_host *h,
                     const struct predict_bind *b, struct vec *ret);
