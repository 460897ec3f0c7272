#include "kernel/route.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "kernel/attrs.h"
#include "kernel/netlink.h"

/* What fits: the fixed parts and nine small attributes. */
enum { REQUEST_SIZE = 256 };

struct request {
    union {
        struct nlmsghdr head;
        char bytes[REQUEST_SIZE];
    };
};

/* Decoding */

static enum net_route_kind kind_of(uint8_t type)
{
    switch (type) {
    case RTN_UNICAST:
        return NET_ROUTE_REMOTE;
    case RTN_LOCAL:
    case RTN_ANYCAST: /* of this host: others' are unicast to us */
        return NET_ROUTE_LOCAL;
    case RTN_BROADCAST:
        return NET_ROUTE_BROADCAST;
    case RTN_MULTICAST:
        return NET_ROUTE_MULTICAST;
    case RTN_UNREACHABLE:
        return NET_ROUTE_UNREACHABLE;
    case RTN_PROHIBIT:
        return NET_ROUTE_PROHIBIT;
    case RTN_BLACKHOLE:
        return NET_ROUTE_BLACKHOLE;
    default:
        return NET_ROUTE_UNKNOWN;
    }
}

static size_t length_of(int family)
{
    return family == AF_INET ? 4 : family == AF_INET6 ? 16 : 0;
}

static void take_addr(const struct attr *a, int family, struct net_addr *ret)
{
    size_t n = length_of(family);
    if (n && attr_has(a, n))
        *ret = net_addr_from_bytes(family, a->data);
}

/* A gateway of another family than the route's: struct rtvia. */
static void take_via(const struct attr *a, struct net_addr *ret)
{
    uint16_t family;
    if (!attr_has(a, sizeof family))
        return;
    memcpy(&family, a->data, sizeof family);
    size_t n = length_of(family);
    if (n && a->len >= sizeof family + n)
        *ret = net_addr_from_bytes(family, (const char *)a->data + sizeof family);
}

int route_decode(const struct nlmsghdr *m, struct net_route *ret)
{
    struct attr attrs[RTA_MAX + 1];
    struct rtmsg route;
    if (m->nlmsg_type != RTM_NEWROUTE || m->nlmsg_len < NLMSG_LENGTH(sizeof route))
        return -EBADMSG;
    memcpy(&route, NLMSG_DATA(m), sizeof route);
    attrs_parse_message(m, sizeof route, attrs, RTA_MAX + 1);
    ret->kind = kind_of(route.rtm_type);
    ret->ifindex = attr_u32(&attrs[RTA_OIF], ret->ifindex);
    take_addr(&attrs[RTA_PREFSRC], route.rtm_family, &ret->source);
    take_addr(&attrs[RTA_GATEWAY], route.rtm_family, &ret->gateway);
    take_via(&attrs[RTA_VIA], &ret->gateway);
    return 0;
}

/* Asking */

static void put_u32(struct request *r, uint16_t type, uint32_t value)
{
    attr_put(&r->head, sizeof r->bytes, type, &value, sizeof value);
}

static void put_port(struct request *r, uint16_t type, uint16_t port)
{
    uint16_t value = htons(port);
    if (port)
        attr_put(&r->head, sizeof r->bytes, type, &value, sizeof value);
}

static void put_addr(struct request *r, uint16_t type, const struct net_addr *a)
{
    attr_put(&r->head, sizeof r->bytes, type, a->bytes, net_addr_length(a));
}

static void build(const struct route_query *q, uint32_t flags, struct request *ret)
{
    struct rtmsg route = {.rtm_family = q->to.family,
                          .rtm_dst_len = (uint8_t)(net_addr_length(&q->to) * 8),
                          .rtm_src_len = (uint8_t)(net_addr_length(&q->from) * 8),
                          .rtm_flags = flags};
    uint8_t protocol = q->kind == NET_UDP ? IPPROTO_UDP : IPPROTO_TCP;
    *ret = (struct request){
        .head = {.nlmsg_type = RTM_GETROUTE, .nlmsg_len = NLMSG_LENGTH(sizeof route)}};
    memcpy(NLMSG_DATA(&ret->head), &route, sizeof route);
    put_addr(ret, RTA_DST, &q->to);
    if (q->from.family)
        put_addr(ret, RTA_SRC, &q->from);
    if (q->ifindex || q->to.scope)
        put_u32(ret, RTA_OIF, q->ifindex ? q->ifindex : q->to.scope);
    if (q->mark)
        put_u32(ret, RTA_MARK, q->mark);
    if (q->other_user)
        put_u32(ret, RTA_UID, q->uid);
    attr_put(&ret->head, sizeof ret->bytes, RTA_IP_PROTO, &protocol, sizeof protocol);
    put_port(ret, RTA_SPORT, q->from_port);
    put_port(ret, RTA_DPORT, q->to_port);
}

static int on_route(void *ctx, const struct nlmsghdr *m)
{
    return route_decode(m, ctx);
}

/* The kernel refuses such destinations with the errno that connect(2) gets. */
static bool is_refusal(int result, enum net_route_kind *ret)
{
    switch (result) {
    case -EHOSTUNREACH:
        *ret = NET_ROUTE_UNREACHABLE;
        return true;
    case -EACCES:
        *ret = NET_ROUTE_PROHIBIT;
        return true;
    case -EINVAL:
        *ret = NET_ROUTE_BLACKHOLE;
        return true;
    case -ENETUNREACH:
        *ret = NET_ROUTE_NONE;
        return true;
    default:
        return false;
    }
}

static int ask(struct netlink *n, const struct route_query *q, uint32_t flags,
               struct net_route *ret, struct err *e)
{
    struct request request;
    const struct netlink_reader reader = {.message = on_route, .ctx = ret};
    build(q, flags, &request);
    return netlink_ask(n, &request.head, 0, &reader, e);
}

/* The device that has a local address: the one of the entry that matches, in the table of local
 * addresses. */
static void find_device(struct netlink *n, const struct route_query *q, struct net_route *ret)
{
    struct net_route match = {.kind = NET_ROUTE_UNKNOWN};
    if (ask(n, q, RTM_F_FIB_MATCH, &match, NULL) == 0 && match.kind == NET_ROUTE_LOCAL &&
        match.ifindex)
        ret->ifindex = match.ifindex;
}

static int fail(const struct route_query *q, int result, struct err *e)
{
    _cleanup_buf_ struct buf to = BUF_INIT(128);
    net_addr_format(&to, &q->to);
    return err_set(e, -result, "ask the kernel for the route to", buf_cstr(&to), NULL);
}

int route_read(const struct route_query *q, struct net_route *ret, struct err *e)
{
    _cleanup_netlink_ struct netlink n = NETLINK_CLOSED;
    struct net_route route = {.kind = NET_ROUTE_UNKNOWN};
    int result = netlink_open(&n, NETLINK_ROUTE, e);
    if (result < 0)
        return result;
    result = ask(&n, q, 0, &route, NULL);
    if (result < 0 && !is_refusal(result, &route.kind))
        return fail(q, result, e);
    if (route.kind == NET_ROUTE_LOCAL)
        find_device(&n, q, &route);
    if (q->from.family)
        route.source = q->from;
    *ret = route;
    return 0;
}

static int on_table(void *ctx, const struct nlmsghdr *m)
{
    (void)ctx;
    (void)m;
    return 1; /* one entry is enough */
}

/* A namespace gets its table of local addresses with its first address. Dumps tell that one isn't
 * there where they are checked strictly, since Linux 4.20. */
static bool lacks_local_table(struct netlink *n)
{
    struct request request = {
        .head = {.nlmsg_type = RTM_GETROUTE, .nlmsg_len = NLMSG_LENGTH(sizeof(struct rtmsg))}};
    const struct rtmsg route = {.rtm_family = AF_INET, .rtm_table = RT_TABLE_LOCAL};
    const struct netlink_reader reader = {.message = on_table};
    memcpy(NLMSG_DATA(&request.head), &route, sizeof route);
    if (setsockopt(n->fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &(int){1}, sizeof(int)) < 0)
        return false;
    return netlink_dump(n, &request.head, &reader, NULL) == -ENOENT;
}

int route_own(const struct net_addr *a, bool *ret, struct err *e)
{
    _cleanup_netlink_ struct netlink n = NETLINK_CLOSED;
    const struct route_query q = {.to = *a, .kind = NET_TCP};
    struct net_route route = {.kind = NET_ROUTE_UNKNOWN};
    int result = netlink_open(&n, NETLINK_ROUTE, e);
    if (result < 0)
        return result;
    result = ask(&n, &q, 0, &route, NULL);
    if (result < 0 && !is_refusal(result, &route.kind))
        return fail(&q, result, e);
    *ret = route.kind == NET_ROUTE_LOCAL || route.kind == NET_ROUTE_BROADCAST ||
           route.kind == NET_ROUTE_MULTICAST ||
           (route.kind == NET_ROUTE_NONE && lacks_local_table(&n));
    return 0;
}
