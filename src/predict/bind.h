/* Says what bind(2), and then listen(2), will answer, and why.
 *
 * Pure: a candidate (what a program would ask for) and a host's facts give a verdict. Follows the
 * kernel step by step: first what it checks of the address and the caller (__inet_bind and
 * __inet6_bind), then who has the port (inet_csk_get_port, udp_lib_lport_inuse), then, for a
 * listener, the second look that listen(2) takes. Where a fact that decides isn't known, the
 * verdict is PREDICT_DEPENDS and names it. `make prove` holds all this against the running kernel.
 */
#pragma once
#include "base/vec.h"
#include "predict/host.h"

enum predict_verdict { PREDICT_SUCCEEDS, PREDICT_FAILS, PREDICT_DEPENDS };
enum predict_call {
    PREDICT_NO_CALL,
    PREDICT_SOCKET,
    PREDICT_SETSOCKOPT,
    PREDICT_BIND,
    PREDICT_LISTEN
};

/* Why not. Each is one sentence of the kernel's law; words for people are cmd's. */
enum predict_rule {
    RULE_NONE,
    /* of the address and the caller */
    RULE_NO_IPV6,       /* EAFNOSUPPORT: this kernel has no IPv6 */
    RULE_NOT_HERE,      /* EADDRNOTAVAIL: no interface has the address */
    RULE_TENTATIVE,     /* EADDRNOTAVAIL: duplicate detection of it goes on, or found one */
    RULE_DOWN,          /* EADDRNOTAVAIL: IPv6, and the interface is down */
    RULE_OTHER_DEVICE,  /* EADDRNOTAVAIL: it's on another device than the socket is bound to */
    RULE_NO_SCOPE,      /* EINVAL: link-local IPv6, without a device */
    RULE_NO_DEVICE,     /* ENODEV: there is no such device */
    RULE_MULTICAST,     /* EINVAL: IPv6 multicast on a stream socket */
    RULE_MAPPED_V6ONLY, /* EINVAL: an IPv4 address on a socket that is v6only */
    RULE_PRIVILEGED,    /* EACCES: the port is below ip_unprivileged_port_start */
    RULE_TRANSPARENT,   /* EPERM: IP_TRANSPARENT takes a capability */
    /* of the owners of the port; EADDRINUSE */
    RULE_TAKEN,              /* neither shares: the plain case */
    RULE_LISTENER,           /* both have SO_REUSEADDR, but that shares with no listener */
    RULE_OWNER_CLOSED,       /* the candidate has SO_REUSEADDR, the owner doesn't */
    RULE_OTHER_USER,         /* both have SO_REUSEPORT, but they are of different users */
    RULE_OWNER_NO_REUSEPORT, /* the candidate has SO_REUSEPORT, the owner doesn't */
    RULE_WANTS_REUSEADDR,    /* the owner would share by SO_REUSEADDR, the candidate doesn't ask */
    RULE_WANTS_REUSEPORT,    /* the same with SO_REUSEPORT */
    RULE_RANGE_TAKEN,        /* port 0: no port of the range is free */
    RULES
};

/* Whether the kernel takes an IPv4 address as one of the host's own. */
enum predict_own {
    OWN_BY_INTERFACES, /* it wasn't asked: what interfaces put into its table tells */
    OWN_YES,
    OWN_NO
};

struct predict_candidate {
    enum net_kind kind; /* NET_TCP, NET_UDP */
    uint16_t family;    /* of the socket: AF_INET, AF_INET6 */
    struct net_addr addr;
    enum predict_own own; /* of an IPv4 address, mapped ones too */
    uint16_t port;        /* 0: the kernel chooses */
    uint32_t uid;
    uint32_t ifindex;    /* SO_BINDTODEVICE; 0: none */
    bool unknown_device; /* a device was asked for that isn't there */
    bool reuseaddr, reuseport, freebind, transparent;
    bool v6only; /* as an option or bindv6only has it */
    /* What it has in the user namespace that owns the network. */
    bool privileged;      /* CAP_NET_BIND_SERVICE */
    bool may_transparent; /* CAP_NET_ADMIN or CAP_NET_RAW */
    bool listens;         /* listen(2) follows */
};

struct predict_blocker {
    const struct net_socket *socket; /* borrowed from the facts */
    enum predict_rule rule;
    /* TRI_YES: it stands in the way. TRI_MAYBE: it does if … */
    enum tri certain;
    enum net_field unknown; /* … this field of it, which isn't known, has it so;
                             * NET_FIELD_COUNT: nothing of the owner, the kernel's memory of the
                             * port (net_bucket) decides */
};

struct predict_bind {
    enum predict_verdict verdict;
    enum predict_call call;    /* which fails, or may */
    int error;                 /* positive errno; 0 none */
    enum predict_rule rule;    /* the first that is broken */
    uint32_t unknown_settings; /* of predict_settings, that would decide; a mask */
    bool incomplete;           /* it depends on sockets that the facts may lack */
    struct vec blockers;       /* struct predict_blocker: those of the call that fails, or may */
};

/* *ret is always to be cleared. 0 or -ENOMEM. */
int predict_bind(const struct predict_candidate *c, const struct predict_host *h,
                 struct predict_bind *ret);
void predict_bind_clear(struct predict_bind *b);

/* The kernel's choice at port 0: the ports that it may take (certain: it may if it tries; possible:
 * that also depends on what isn't known). */
struct predict_choice {
    struct port_set certain, possible;
    uint32_t n_certain, n_possible;
};
/* The ports that owners keep from a newcomer. */
struct predict_taken {
    struct port_set certainly, perhaps;
};
void predict_choose_port(const struct predict_candidate *c, const struct predict_host *h,
                         struct predict_choice *ret);
