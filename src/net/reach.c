/* Theory: one function finds what decides a listener's reach (its address, its device, the
 * interface that owns the address); the class and the sentence are both read off that finding, so
 * they can't disagree. No interfaces at all means "not known", since every namespace has lo.
 */
#include "net/reach.h"

#include <assert.h>
#include <net/if.h>
#include <string.h>

#include "base/buf.h"

enum { CID_ANY = -1, CID_LOCAL = 1 }; /* vsock(7): VMADDR_CID_ANY, VMADDR_CID_LOCAL */

static const char *const names[] = {
    [NET_REACH_NONE] = "none",       [NET_REACH_LOCAL] = "local",   [NET_REACH_ALL] = "all",
    [NET_REACH_ADDRESS] = "address", [NET_REACH_LINK] = "link",     [NET_REACH_DEVICE] = "device",
    [NET_REACH_GROUP] = "group",     [NET_REACH_ABSENT] = "absent", [NET_REACH_PATH] = "path",
    [NET_REACH_NETNS] = "netns",
};
static_assert(sizeof names / sizeof *names == NET_REACHES, "every class has a word");

struct finding {
    enum net_reach reach;
    const struct net_iface *device;    /* that it is bound to, where known */
    const struct net_iface *owner;     /* has the address */
    const struct net_iface_addr *addr; /* of owner */
    bool broadcast;
};

static bool is_broadcast(const struct net_addr *a, const struct net_iface *all, uint32_t n,
                         const struct net_iface **ret_owner)
{
    static const uint8_t limited[4] = {255, 255, 255, 255};
    struct net_addr plain = net_addr_unmap(a);
    if (plain.family != AF_INET)
        return false;
    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t k = 0; k < all[i].n_addrs; k++) {
            const struct net_addr *b = &all[i].addrs[k].broadcast;
            if (b->family == AF_INET && memcmp(b->bytes, plain.bytes, 4) == 0) {
                *ret_owner = &all[i];
                return true;
            }
        }
    }
    return memcmp(plain.bytes, limited, sizeof limited) == 0;
}

static enum net_reach reach_of_unix(const struct net_socket *s)
{
    if (s->path_len == 0)
        return NET_REACH_NONE; /* nobody can name it */
    return s->path[0] == '@' ? NET_REACH_NETNS : NET_REACH_PATH;
}

static enum net_reach reach_of_vsock(const struct net_socket *s)
{
    if ((int32_t)s->local_id == CID_ANY)
        return NET_REACH_ALL;
    return s->local_id == CID_LOCAL ? NET_REACH_LOCAL : NET_REACH_ADDRESS;
}

static bool bound_to_device(const struct net_socket *s)
{
    return s->ifindex != 0 || s->device[0] != '\0';
}

/* The reach of an address that is neither loopback, nor a wildcard, nor a group. */
static enum net_reach reach_of_address(const struct finding *f, const struct net_addr *a,
                                       uint32_t n_interfaces)
{
    if (!f->owner && n_interfaces)
        return NET_REACH_ABSENT;
    return net_addr_is_link_local(a) ? NET_REACH_LINK : NET_REACH_ADDRESS;
}

static void find_inet(struct finding *f, const struct net_socket *s, const struct net_iface *all,
                      uint32_t n)
{
    f->device =
        s->ifindex ? net_iface_by_index(all, n, s->ifindex) : net_iface_by_name(all, n, s->device);
    f->owner = net_iface_by_addr(all, n, &s->local, &f->addr);

    if (net_addr_is_loopback(&s->local) || (f->device && f->device->flags & IFF_LOOPBACK)) {
        f->reach = NET_REACH_LOCAL;
    } else if (net_addr_is_multicast(&s->local)) {
        f->reach = NET_REACH_GROUP;
        f->owner = net_iface_by_index(all, n, s->local.scope);
    } else if (!f->owner && is_broadcast(&s->local, all, n, &f->owner)) {
        f->reach = NET_REACH_GROUP;
        f->broadcast = true;
    } else if (net_addr_is_wildcard(&s->local)) {
        f->reach = bound_to_device(s) ? NET_REACH_DEVICE : NET_REACH_ALL;
    } else {
        f->reach = reach_of_address(f, &s->local, n);
        if (f->reach == NET_REACH_ADDRESS && bound_to_device(s))
            f->reach = NET_REACH_DEVICE;
    }
}

static struct finding find(const struct net_socket *s, const struct net_iface *all, uint32_t n)
{
    struct finding f = {.reach = NET_REACH_NONE};
    if (!net_socket_is_listener(s))
        return f;
    if (1u << s->kind & NET_KINDS_UNIX)
        f.reach = reach_of_unix(s);
    else if (s->kind == NET_VSOCK)
        f.reach = reach_of_vsock(s);
    else if (s->local.family == AF_INET || s->local.family == AF_INET6)
        find_inet(&f, s, all, n);
    return f;
}

enum net_reach net_reach_of(const struct net_socket *s, const struct net_iface *interfaces,
                            uint32_t n_interfaces)
{
    return find(s, interfaces, n_interfaces).reach;
}

bool net_reach_is_certain(const struct net_socket *s, enum net_reach r)
{
    const uint32_t narrower = 1u << NET_REACH_ALL | 1u << NET_REACH_ADDRESS | 1u << NET_REACH_GROUP;
    return !(narrower >> r & 1) || net_socket_knows(s, NET_F_DEVICE) ||
           !net_socket_forbids(s, NET_F_DEVICE);
}

const char *net_reach_name(enum net_reach r)
{
    assert(r < NET_REACHES);
    return names[r];
}

/* What a wildcard takes in depends on IPV6_V6ONLY, which not every source can see. */
static const char *families_of_wildcard(const struct net_socket *s)
{
    if (net_addr_unmap(&s->local).family != AF_INET6)
        return "IPv4";
    if (!net_socket_knows(s, NET_F_V6ONLY))
        return "IPv6, and IPv4 unless it is v6only";
    return s->v6only ? "IPv6" : "IPv4 and IPv6";
}

static void add_device(struct buf *out, const struct net_socket *s, const struct finding *f)
{
    if (f->device)
        buf_str(out, f->device->name);
    else if (s->device[0])
        buf_str(out, s->device);
    else
        buf_printf(out, "device %u", s->ifindex);
}

/* True where others than the neighbours may be routed to an address: all but RFC 1918, RFC 6598
 * and RFC 4193. */
static bool is_public(const struct net_addr *a)
{
    struct net_addr p = net_addr_unmap(a);
    const uint8_t *b = p.bytes;
    if (p.family == AF_INET6)
        return (b[0] & 0xfe) != 0xfc;
    return !(b[0] == 10 || (b[0] == 172 && b[1] >> 4 == 1) || (b[0] == 192 && b[1] == 168) ||
             (b[0] == 100 && b[1] >> 6 == 1));
}

/* The network that an interface's address stands in: of the peer on a point-to-point link. */
static void add_network(struct buf *out, const struct net_iface_addr *own)
{
    struct net_addr net = own->peer.family ? own->peer : own->addr;
    unsigned bits = (unsigned)net_addr_length(&net) * 8;
    for (unsigned i = own->prefix_len; i < bits; i++)
        net.bytes[i / 8] &= (uint8_t) ~(0x80u >> i % 8);
    net_addr_format(out, &net);
    if (own->prefix_len < bits)
        buf_printf(out, "/%u", own->prefix_len);
}

static bool has_network(const struct finding *f)
{
    return f->addr &&
           (f->addr->peer.family || f->addr->prefix_len < net_addr_length(&f->addr->addr) * 8);
}

static void describe_address(struct buf *out, const struct net_socket *s, const struct finding *f)
{
    if (!has_network(f)) {
        buf_str(out, "whoever is routed to ");
        net_addr_format(out, &s->local);
        if (f->owner)
            buf_printf(out, " on %s", f->owner->name);
    } else {
        add_network(out, f->addr);
        buf_printf(out, " through %s", f->owner->name);
        if (is_public(&s->local))
            buf_str(out, ", and whoever is routed here");
    }
}

static void describe_device(struct buf *out, const struct net_socket *s, const struct finding *f)
{
    if (net_addr_is_wildcard(&s->local)) {
        buf_str(out, "only through ");
        add_device(out, s, f);
        buf_printf(out, ", %s", families_of_wildcard(s));
    } else {
        buf_str(out, "who reaches ");
        net_addr_format(out, &s->local);
        buf_str(out, ", only through ");
        add_device(out, s, f);
    }
}

static void describe_link(struct buf *out, const struct net_socket *s, const struct finding *f)
{
    buf_str(out, "the link of ");
    if (f->owner)
        buf_str(out, f->owner->name);
    else if (s->local.scope)
        buf_printf(out, "device %u", s->local.scope);
    else
        net_addr_format(out, &s->local);
}

static void describe_group(struct buf *out, const struct net_socket *s, const struct finding *f)
{
    buf_str(out, f->broadcast ? "broadcasts to " : "senders to the group ");
    net_addr_format(out, &s->local);
    if (f->owner)
        buf_printf(out, " on %s", f->owner->name);
    if (bound_to_device(s)) {
        buf_str(out, ", only through ");
        add_device(out, s, f);
    }
}

static void describe_absent(struct buf *out, const struct net_socket *s)
{
    buf_str(out, "no interface has ");
    net_addr_format(out, &s->local);
}

static void describe_all(struct buf *out, const struct net_socket *s)
{
    if (s->kind == NET_VSOCK)
        buf_str(out, "every virtual machine here, and its host");
    else
        buf_printf(out, "every interface, %s", families_of_wildcard(s));
}

void net_reach_describe(struct buf *out, const struct net_socket *s,
                        const struct net_iface *interfaces, uint32_t n_interfaces)
{
    struct finding f = find(s, interfaces, n_interfaces);
    switch (f.reach) {
    case NET_REACH_LOCAL:
        buf_str(out, "this machine only");
        break;
    case NET_REACH_ALL:
        describe_all(out, s);
        break;
    case NET_REACH_ADDRESS:
        if (s->kind == NET_VSOCK)
            buf_printf(out, "its peer by context id %llu", (unsigned long long)s->local_id);
        else
            describe_address(out, s, &f);
        break;
    case NET_REACH_LINK:
        describe_link(out, s, &f);
        break;
    case NET_REACH_DEVICE:
        describe_device(out, s, &f);
        break;
    case NET_REACH_GROUP:
        describe_group(out, s, &f);
        break;
    case NET_REACH_ABSENT:
        describe_absent(out, s);
        break;
    case NET_REACH_PATH:
        buf_str(out, "who may write to its path");
        break;
    case NET_REACH_NETNS:
        buf_str(out, "every process of this network namespace");
        break;
    case NET_REACH_NONE:
    case NET_REACHES:
        break;
    }
    if (!net_reach_is_certain(s, f.reach))
        buf_str(out, ", unless it is bound to one device");
    if (f.owner && !(f.owner->flags & IFF_UP) && f.reach != NET_REACH_LOCAL)
        buf_printf(out, " (%s is down)", f.owner->name);
}
