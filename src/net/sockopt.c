/* Two tables: what each option is to the user, and the calls that it comes to. An option that is
 * set in another way on another family, or at another moment, has a row of calls for each.
 */
#include "net/sockopt.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#include "net/sockopt_impl.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262 /* linux/in.h, Linux 5.6; glibc 2.32 */
#endif

enum { MAX_KEEP_SECONDS = 32767, MAX_KEEP_COUNT = 127 }; /* include/net/tcp.h: MAX_TCP_KEEP… */

static const struct sockopt_row rows[] = {
    [SOCKOPT_REUSEADDR] = {"reuseaddr", SOCKOPT_BOOL},
    [SOCKOPT_REUSEPORT] = {"reuseport", SOCKOPT_BOOL},
    [SOCKOPT_V6ONLY] = {"v6only", SOCKOPT_BOOL},
    [SOCKOPT_DEVICE] = {"device", SOCKOPT_TEXT, 1, IFNAMSIZ - 1},
    [SOCKOPT_MARK] = {"mark", SOCKOPT_INT, 0, UINT32_MAX},
    [SOCKOPT_TRANSPARENT] = {"transparent", SOCKOPT_BOOL},
    [SOCKOPT_FREEBIND] = {"freebind", SOCKOPT_BOOL},
    [SOCKOPT_RCVBUF] = {"rcvbuf", SOCKOPT_SIZE, 1, INT_MAX},
    [SOCKOPT_SNDBUF] = {"sndbuf", SOCKOPT_SIZE, 1, INT_MAX},
    [SOCKOPT_TOS] = {"tos", SOCKOPT_CLASS, 0, 255},
    [SOCKOPT_DSCP] = {"dscp", SOCKOPT_CLASS, 0, 63},
    [SOCKOPT_TTL] = {"ttl", SOCKOPT_INT, 1, 255},
    [SOCKOPT_PRIORITY] = {"priority", SOCKOPT_INT, 0, INT_MAX},
    [SOCKOPT_LINGER] = {"linger", SOCKOPT_SECONDS, 0, 65535},
    [SOCKOPT_KEEPALIVE] = {"keepalive", SOCKOPT_BOOL},
    [SOCKOPT_KEEPALIVE_IDLE] = {"keepalive-idle", SOCKOPT_SECONDS, 1, MAX_KEEP_SECONDS},
    [SOCKOPT_KEEPALIVE_INTERVAL] = {"keepalive-interval", SOCKOPT_SECONDS, 1, MAX_KEEP_SECONDS},
    [SOCKOPT_KEEPALIVE_COUNT] = {"keepalive-count", SOCKOPT_INT, 1, MAX_KEEP_COUNT},
    [SOCKOPT_NODELAY] = {"nodelay", SOCKOPT_BOOL},
    [SOCKOPT_USER_TIMEOUT] = {"user-timeout", SOCKOPT_MILLISECONDS, 0, INT_MAX},
    /* TCP_MIN_MSS and MAX_TCP_WINDOW */
    [SOCKOPT_MAXSEG] = {"maxseg", SOCKOPT_INT, 88, 32767},
    [SOCKOPT_CONGESTION] = {"congestion", SOCKOPT_TEXT, 1, 15}, /* TCP_CA_NAME_MAX */
    [SOCKOPT_FASTOPEN] = {"fastopen", SOCKOPT_INT, 1, INT_MAX},
    [SOCKOPT_QUICKACK] = {"quickack", SOCKOPT_BOOL},
    [SOCKOPT_BROADCAST] = {"broadcast", SOCKOPT_BOOL},
    [SOCKOPT_MULTICAST_TTL] = {"multicast-ttl", SOCKOPT_INT, 0, 255},
    [SOCKOPT_MULTICAST_LOOP] = {"multicast-loop", SOCKOPT_BOOL},
    [SOCKOPT_MULTICAST_JOIN] = {"multicast-join", SOCKOPT_GROUP},
};
static_assert(sizeof rows / sizeof *rows == SOCKOPTS, "a row for each option");
static_assert(SOCKOPTS <= 64, "a bit for each option");

const struct sockopt_row *sockopt_row(enum sockopt o)
{
    return &rows[o];
}

const char *sockopt_name(enum sockopt o)
{
    return rows[o].name;
}

enum sockopt_type sockopt_type(enum sockopt o)
{
    return rows[o].type;
}

void sockopt_choose(struct sockopt_set *s, enum sockopt o, int64_t number)
{
    s->numbers[o] = number;
    s->given |= UINT64_C(1) << o;
}

/* The calls */

enum { TCP = 1 << 0, UDP = 1 << 1, LOCAL = 1 << 2, IP = TCP | UDP, ANY = IP | LOCAL };
enum {
    BIND = 1 << SOCKOPT_BEFORE_BIND,
    LISTEN = 1 << SOCKOPT_BEFORE_LISTEN,
    CONNECT = 1 << SOCKOPT_BEFORE_CONNECT,
    CONNECTED = 1 << SOCKOPT_CONNECTED,
    ACCEPTED = 1 << SOCKOPT_ACCEPTED,
};

/* The shape of the value on its way to the kernel. */
enum shape { AS_INT, AS_ON, AS_LINGER, AS_DEVICE, AS_CONGESTION, AS_GROUP };

/* A row of family 0 is for every family, one of AF_INET6 for that alone. A row of IPPROTO_IP is
 * good for IPv6's sockets too: ipv6_setsockopt hands it on (net/ipv6/ipv6_sockglue.c).
 *
 * Accepted sockets inherit all but the priority, which sk_clone_lock sets to 0; quickack isn't kept
 * by any (tests/kernel/test_sockopt.py). */
static const struct call {
    enum sockopt option;
    int family, level, optname;
    enum shape shape;
    unsigned protocols, when;
} calls[] = {
    {SOCKOPT_REUSEADDR, 0, SOL_SOCKET, SO_REUSEADDR, AS_INT, IP, BIND},
    {SOCKOPT_REUSEPORT, 0, SOL_SOCKET, SO_REUSEPORT, AS_INT, IP, BIND},
    {SOCKOPT_V6ONLY, AF_INET6, IPPROTO_IPV6, IPV6_V6ONLY, AS_INT, IP, BIND},
    {SOCKOPT_DEVICE, 0, SOL_SOCKET, SO_BINDTODEVICE, AS_DEVICE, IP, BIND},
    {SOCKOPT_MARK, 0, SOL_SOCKET, SO_MARK, AS_INT, IP, BIND},
    {SOCKOPT_TRANSPARENT, 0, IPPROTO_IP, IP_TRANSPARENT, AS_INT, IP, BIND},
    {SOCKOPT_FREEBIND, 0, IPPROTO_IP, IP_FREEBIND, AS_INT, IP, BIND},
    {SOCKOPT_RCVBUF, 0, SOL_SOCKET, SO_RCVBUF, AS_INT, ANY, BIND},
    {SOCKOPT_SNDBUF, 0, SOL_SOCKET, SO_SNDBUF, AS_INT, ANY, BIND},
    {SOCKOPT_TOS, AF_INET6, IPPROTO_IPV6, IPV6_TCLASS, AS_INT, IP, BIND},
    {SOCKOPT_TOS, 0, IPPROTO_IP, IP_TOS, AS_INT, IP, BIND},
    {SOCKOPT_DSCP, AF_INET6, IPPROTO_IPV6, IPV6_TCLASS, AS_INT, IP, BIND},
    {SOCKOPT_DSCP, 0, IPPROTO_IP, IP_TOS, AS_INT, IP, BIND},
    {SOCKOPT_TTL, AF_INET6, IPPROTO_IPV6, IPV6_UNICAST_HOPS, AS_INT, IP, BIND},
    {SOCKOPT_TTL, 0, IPPROTO_IP, IP_TTL, AS_INT, IP, BIND},
    {SOCKOPT_PRIORITY, 0, SOL_SOCKET, SO_PRIORITY, AS_INT, IP, BIND | ACCEPTED},
    {SOCKOPT_LINGER, 0, SOL_SOCKET, SO_LINGER, AS_LINGER, TCP, BIND},
    {SOCKOPT_KEEPALIVE, 0, SOL_SOCKET, SO_KEEPALIVE, AS_INT, TCP, BIND},
    {SOCKOPT_KEEPALIVE_IDLE, 0, IPPROTO_TCP, TCP_KEEPIDLE, AS_INT, TCP, BIND},
    {SOCKOPT_KEEPALIVE_INTERVAL, 0, IPPROTO_TCP, TCP_KEEPINTVL, AS_INT, TCP, BIND},
    {SOCKOPT_KEEPALIVE_COUNT, 0, IPPROTO_TCP, TCP_KEEPCNT, AS_INT, TCP, BIND},
    {SOCKOPT_NODELAY, 0, IPPROTO_TCP, TCP_NODELAY, AS_INT, TCP, BIND},
    {SOCKOPT_USER_TIMEOUT, 0, IPPROTO_TCP, TCP_USER_TIMEOUT, AS_INT, TCP, BIND},
    {SOCKOPT_MAXSEG, 0, IPPROTO_TCP, TCP_MAXSEG, AS_INT, TCP, BIND},
    {SOCKOPT_CONGESTION, 0, IPPROTO_TCP, TCP_CONGESTION, AS_CONGESTION, TCP, BIND},
    {SOCKOPT_FASTOPEN, 0, IPPROTO_TCP, TCP_FASTOPEN, AS_INT, TCP, LISTEN},
    {SOCKOPT_FASTOPEN, 0, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, AS_ON, TCP, CONNECT},
    {SOCKOPT_QUICKACK, 0, IPPROTO_TCP, TCP_QUICKACK, AS_INT, TCP, CONNECTED | ACCEPTED},
    {SOCKOPT_BROADCAST, 0, SOL_SOCKET, SO_BROADCAST, AS_INT, UDP, BIND},
    {SOCKOPT_MULTICAST_TTL, AF_INET6, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, AS_INT, UDP, BIND},
    {SOCKOPT_MULTICAST_TTL, 0, IPPROTO_IP, IP_MULTICAST_TTL, AS_INT, UDP, BIND},
    {SOCKOPT_MULTICAST_LOOP, AF_INET6, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, AS_INT, UDP, BIND},
    {SOCKOPT_MULTICAST_LOOP, 0, IPPROTO_IP, IP_MULTICAST_LOOP, AS_INT, UDP, BIND},
    {SOCKOPT_MULTICAST_JOIN, AF_INET6, IPPROTO_IPV6, IPV6_JOIN_GROUP, AS_GROUP, UDP, BIND},
    {SOCKOPT_MULTICAST_JOIN, 0, IPPROTO_IP, IP_ADD_MEMBERSHIP, AS_GROUP, UDP, BIND},
};

enum { CALLS = sizeof calls / sizeof *calls };

static unsigned protocol_bit(int protocol)
{
    return protocol == IPPROTO_UDP                                ? UDP
           : protocol == IPPROTO_TCP || protocol == IPPROTO_MPTCP ? TCP
                                                                  : LOCAL;
}

static bool fits(const struct call *c, int family, int protocol)
{
    return c->protocols & protocol_bit(protocol) && (c->family == 0 || c->family == family);
}

uint64_t sockopt_applying(int family, int protocol)
{
    uint64_t bits = 0;
    for (size_t i = 0; i < CALLS; i++)
        if (fits(&calls[i], family, protocol))
            bits |= UINT64_C(1) << calls[i].option;
    return bits;
}

struct round {
    const struct sockopt_set *set;
    sockopt_sink *sink;
    void *ctx;
};

static int emit(const struct round *r, const struct call *c, const void *value, size_t size)
{
    const struct sockopt_call call = {
        .option = c->option,
        .name = rows[c->option].name,
        .level = c->level,
        .optname = c->optname,
        .value = value,
        .size = (uint32_t)size,
    };
    return r->sink(r->ctx, &call);
}

static int emit_group(const struct round *r, const struct call *c, const struct sockopt_group *g)
{
    struct ipv6_mreq six = {.ipv6mr_interface = g->interface};
    struct ip_mreqn four = {.imr_ifindex = (int)g->interface};
    memcpy(&six.ipv6mr_multiaddr, g->addr.bytes, sizeof six.ipv6mr_multiaddr);
    memcpy(&four.imr_multiaddr, g->addr.bytes, sizeof four.imr_multiaddr);
    if (c->level == IPPROTO_IPV6)
        return emit(r, c, &six, sizeof six);
    return emit(r, c, &four, sizeof four);
}

/* Each call has the groups of its own family. */
static int emit_groups(const struct round *r, const struct call *c)
{
    int family = c->level == IPPROTO_IPV6 ? AF_INET6 : AF_INET, answer = 0;
    for (unsigned i = 0; i < r->set->n_groups && answer == 0; i++)
        if (r->set->groups[i].addr.family == family)
            answer = emit_group(r, c, &r->set->groups[i]);
    return answer;
}

static int emit_option(const struct round *r, const struct call *c)
{
    const struct sockopt_set *s = r->set;
    int number = (int)s->numbers[c->option]; /* a mark above INT_MAX keeps its bits */
    struct linger linger = {.l_onoff = 1, .l_linger = number};
    switch (c->shape) {
    case AS_INT:
        return emit(r, c, &number, sizeof number);
    case AS_ON:
        return emit(r, c, &(int){1}, sizeof(int));
    case AS_LINGER:
        return emit(r, c, &linger, sizeof linger);
    case AS_DEVICE:
        return emit(r, c, s->device, strlen(s->device) + 1);
    case AS_CONGESTION:
        return emit(r, c, s->congestion, strlen(s->congestion));
    case AS_GROUP:
        return emit_groups(r, c);
    }
    return 0;
}

int sockopt_each(const struct sockopt_set *s, int family, int protocol, enum sockopt_when when,
                 sockopt_sink *sink, void *ctx)
{
    const struct round r = {s, sink, ctx};
    int answer = 0;
    for (size_t i = 0; i < CALLS && answer == 0; i++) {
        const struct call *c = &calls[i];
        if (sockopt_given(s, c->option) && c->when >> when & 1 && fits(c, family, protocol))
            answer = emit_option(&r, c);
    }
    return answer;
}
