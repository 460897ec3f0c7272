#include "kernel/links_decode.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "net/iface.h"

/* Numbers, bytes and texts of an attribute: the output changes only if the length is right. */
static void get_u32(const struct nlattr *attr, uint32_t *ret)
{
    if (mnl_attr_get_payload_len(attr) >= sizeof *ret)
        memcpy(ret, mnl_attr_get_payload(attr), sizeof *ret);
}

static void get_u8(const struct nlattr *attr, uint8_t *ret)
{
    if (mnl_attr_get_payload_len(attr) >= sizeof *ret)
        memcpy(ret, mnl_attr_get_payload(attr), sizeof *ret);
}

static void get_text(const struct nlattr *attr, char *ret, size_t size)
{
    const char *text = mnl_attr_get_payload(attr);
    size_t n = strnlen(text, mnl_attr_get_payload_len(attr));
    if (n >= size)
        n = size - 1;
    memcpy(ret, text, n);
    ret[n] = '\0';
}

static uint8_t get_bytes(const struct nlattr *attr, uint8_t *ret, size_t size)
{
    size_t n = mnl_attr_get_payload_len(attr);
    if (n > size)
        n = size;
    memcpy(ret, mnl_attr_get_payload(attr), n);
    return (uint8_t)n;
}

static void get_addr(const struct nlattr *attr, int family, struct net_addr *ret)
{
    struct net_addr any = {.family = (uint8_t)family};
    if (mnl_attr_get_payload_len(attr) >= net_addr_length(&any))
        *ret = net_addr_from_bytes(family, mnl_attr_get_payload(attr));
}

/* Older kernels send a shorter struct: what isn't sent stays 0. */
static void get_stats(const struct nlattr *attr, struct net_iface *ret)
{
    struct rtnl_link_stats64 s = {0};
    size_t n = mnl_attr_get_payload_len(attr);
    memcpy(&s, mnl_attr_get_payload(attr), n < sizeof s ? n : sizeof s);
    ret->rx = (struct net_iface_counters){
        .bytes = s.rx_bytes,
        .packets = s.rx_packets,
        .errors = s.rx_errors,
        .dropped = s.rx_dropped,
        .overrun = s.rx_over_errors,
        .frame_or_carrier = s.rx_frame_errors,
        .multicast_or_collisions = s.multicast,
    };
    ret->tx = (struct net_iface_counters){
        .bytes = s.tx_bytes,
        .packets = s.tx_packets,
        .errors = s.tx_errors,
        .dropped = s.tx_dropped,
        .overrun = s.tx_fifo_errors,
        .frame_or_carrier = s.tx_carrier_errors,
        .multicast_or_collisions = s.collisions,
    };
}

static void get_linkinfo(const struct nlattr *nest, struct net_iface *ret)
{
    const struct nlattr *attr;
    mnl_attr_for_each_nested(attr, nest) if (mnl_attr_get_type(attr) == IFLA_INFO_KIND)
        get_text(attr, ret->kind, sizeof ret->kind);
}

static void get_altname(const struct nlattr *nest, struct net_iface *ret)
{
    const struct nlattr *attr;
    mnl_attr_for_each_nested(attr, nest) if (mnl_attr_get_type(attr) == IFLA_ALT_IFNAME &&
                                             !ret->altname[0])
        get_text(attr, ret->altname, sizeof ret->altname);
}

static void get_link_attribute(const struct nlattr *attr, struct net_iface *ret)
{
    switch (mnl_attr_get_type(attr)) {
    case IFLA_IFNAME:
        get_text(attr, ret->name, sizeof ret->name);
        break;
    case IFLA_ADDRESS:
        ret->mac_len = get_bytes(attr, ret->mac, sizeof ret->mac);
        break;
    case IFLA_BROADCAST:
        get_bytes(attr, ret->broadcast, sizeof ret->broadcast);
        break;
    case IFLA_MTU:
        get_u32(attr, &ret->mtu);
        break;
    case IFLA_TXQLEN:
        get_u32(attr, &ret->txqueuelen);
        break;
    case IFLA_MASTER:
        get_u32(attr, &ret->master);
        break;
    case IFLA_LINK:
        get_u32(attr, &ret->link);
        break;
    case IFLA_LINK_NETNSID:
        get_u32(attr, (uint32_t *)&ret->link_netns);
        break;
    case IFLA_OPERSTATE:
        get_u8(attr, &ret->operstate);
        break;
    case IFLA_QDISC:
        get_text(attr, ret->qdisc, sizeof ret->qdisc);
        break;
    case IFLA_LINKINFO:
        get_linkinfo(attr, ret);
        break;
    case IFLA_PROP_LIST:
        get_altname(attr, ret);
        break;
    case IFLA_STATS64:
        get_stats(attr, ret);
        break;
    default:
        break;
    }
}

static int decode_link(struct vec *links, const struct nlmsghdr *message)
{
    const struct ifinfomsg *head = mnl_nlmsg_get_payload(message);
    const struct nlattr *attr;
    struct net_iface i = {.link_netns = -1};
    if (mnl_nlmsg_get_payload_len(message) < sizeof *head)
        return -EBADMSG;
    i.index = (uint32_t)head->ifi_index;
    i.flags = head->ifi_flags;
    i.type = head->ifi_type;
    mnl_attr_for_each(attr, message, sizeof *head) get_link_attribute(attr, &i);
    return vec_add(links, &i);
}

static struct net_iface *find_link(const struct vec *links, uint32_t index)
{
    return (struct net_iface *)net_iface_by_index(links->items, (uint32_t)links->len, index);
}

static int add_addr(struct net_iface *to, const struct net_iface_addr *a)
{
    struct net_iface_addr *addrs = reallocarray(to->addrs, to->n_addrs + 1, sizeof *addrs);
    if (!addrs)
        return -ENOMEM;
    to->addrs = addrs;
    to->addrs[to->n_addrs++] = *a;
    return 0;
}

/* The two addresses of a message: IFA_LOCAL is the interface's own where it is sent, and then
 * IFA_ADDRESS is the other end (or the same); without IFA_LOCAL, as for most of IPv6, IFA_ADDRESS
 * is the own one (if_addr.h). */
struct ends {
    struct net_addr local, address;
};

static void get_addr_attribute(const struct nlattr *attr, int family, struct net_iface_addr *ret,
                               struct ends *ends)
{
    switch (mnl_attr_get_type(attr)) {
    case IFA_LOCAL:
        get_addr(attr, family, &ends->local);
        break;
    case IFA_ADDRESS:
        get_addr(attr, family, &ends->address);
        break;
    case IFA_BROADCAST:
        get_addr(attr, family, &ret->broadcast);
        break;
    case IFA_LABEL:
        get_text(attr, ret->label, sizeof ret->label);
        break;
    case IFA_FLAGS:
        get_u32(attr, &ret->flags);
        break;
    case IFA_PROTO:
        get_u8(attr, &ret->protocol);
        break;
    case IFA_CACHEINFO: {
        struct ifa_cacheinfo cache;
        if (mnl_attr_get_payload_len(attr) < sizeof cache)
            break;
        memcpy(&cache, mnl_attr_get_payload(attr), sizeof cache);
        ret->valid_s = cache.ifa_valid;
        ret->preferred_s = cache.ifa_prefered;
        break;
    }
    default:
        break;
    }
}

static void set_ends(struct net_iface_addr *a, const struct ends *ends, uint32_t index)
{
    a->addr = ends->local.family ? ends->local : ends->address;
    if (ends->local.family && ends->address.family && !net_addr_equal(&ends->local, &ends->address))
        a->peer = ends->address;
    if (a->addr.family == AF_INET6 && net_addr_is_link_local(&a->addr))
        a->addr.scope = index;
}

static int decode_addr(struct vec *links, const struct nlmsghdr *message)
{
    const struct ifaddrmsg *head = mnl_nlmsg_get_payload(message);
    const struct nlattr *attr;
    struct ends ends = {0};
    if (mnl_nlmsg_get_payload_len(message) < sizeof *head)
        return -EBADMSG;
    struct net_iface *link = find_link(links, head->ifa_index);
    if (!link || (head->ifa_family != AF_INET && head->ifa_family != AF_INET6))
        return 0;

    struct net_iface_addr a = {
        .flags = head->ifa_flags,
        .scope = head->ifa_scope,
        .valid_s = UINT32_MAX,
        .preferred_s = UINT32_MAX,
    };
    mnl_attr_for_each(attr, message, sizeof *head)
        get_addr_attribute(attr, head->ifa_family, &a, &ends);
    set_ends(&a, &ends, link->index);
    if (!a.addr.family)
        return 0;
    uint8_t whole = (uint8_t)(net_addr_length(&a.addr) * 8);
    a.prefix_len = head->ifa_prefixlen < whole ? head->ifa_prefixlen : whole;
    return add_addr(link, &a);
}

int links_decode(struct vec *links, const struct nlmsghdr *message)
{
    /* libmnl walks attributes up to the aligned end, which the kernel's messages always meet. */
    if (message->nlmsg_len != NLMSG_ALIGN(message->nlmsg_len))
        return -EBADMSG;
    switch (message->nlmsg_type) {
    case RTM_NEWLINK:
        return decode_link(links, message);
    case RTM_NEWADDR:
        return decode_addr(links, message);
    default:
        return 0;
    }
}
