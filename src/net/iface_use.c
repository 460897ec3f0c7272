#include "net/iface_use.h"

#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

int net_iface_uses_init(struct net_iface_uses *u, const struct net_iface *interfaces, uint32_t n)
{
    size_t addrs = 1; /* never nothing: calloc(0) may give NULL */
    for (uint32_t i = 0; i < n; i++)
        addrs += interfaces[i].n_addrs;
    *u = (struct net_iface_uses){.interfaces = interfaces, .n = n};
    u->uses = calloc(addrs, sizeof *u->uses);
    return u->uses ? 0 : -ENOMEM;
}

void net_iface_uses_clear(struct net_iface_uses *u)
{
    free(u->uses);
    u->uses = NULL;
}

static size_t offset_of(const struct net_iface_uses *u, uint32_t interface)
{
    size_t at = 0;
    for (uint32_t i = 0; i < interface; i++)
        at += u->interfaces[i].n_addrs;
    return at;
}

const struct net_iface_use *net_iface_uses_of(const struct net_iface_uses *u, uint32_t i)
{
    return u->uses + offset_of(u, i);
}

/* The address whose prefix on a loopback interface holds *a. */
static const struct net_iface_addr *by_loopback_prefix(const struct net_iface *link,
                                                       const struct net_addr *a)
{
    for (uint32_t k = 0; link->flags & IFF_LOOPBACK && k < link->n_addrs; k++) {
        struct net_prefix p = {link->addrs[k].addr, link->addrs[k].prefix_len};
        if (p.addr.family == AF_INET && net_prefix_contains(&p, a))
            return &link->addrs[k];
    }
    return NULL;
}

/* Of one device, or of any (0). The address itself comes before a prefix that holds it. */
static struct net_iface_use *use_at(struct net_iface_uses *u, const struct net_addr *a,
                                    uint32_t device)
{
    struct net_iface_use *within = NULL;
    struct net_addr plain = net_addr_unmap(a);
    for (uint32_t i = 0; i < u->n; i++) {
        const struct net_iface *link = &u->interfaces[i];
        const struct net_iface_addr *own = NULL, *wide;
        if (device && device != link->index)
            continue;
        if (net_iface_by_addr(link, 1, &plain, &own))
            return u->uses + offset_of(u, i) + (own - link->addrs);
        wide = within ? NULL : by_loopback_prefix(link, &plain);
        if (wide)
            within = u->uses + offset_of(u, i) + (wide - link->addrs);
    }
    return within;
}

static bool wildcard_takes(const struct net_socket *s, const struct net_iface *link,
                           const struct net_iface_addr *own)
{
    bool v6 = net_addr_unmap(&s->local).family == AF_INET6;
    if (s->ifindex && s->ifindex != link->index)
        return false;
    if (own->addr.family == AF_INET6)
        return v6;
    return !v6 || !net_socket_knows(s, NET_F_V6ONLY) || !s->v6only;
}

static void add_wildcard(struct net_iface_uses *u, const struct net_socket *s)
{
    struct net_iface_use *use = u->uses;
    for (uint32_t i = 0; i < u->n; i++) {
        for (uint32_t k = 0; k < u->interfaces[i].n_addrs; k++, use++) {
            bool takes = wildcard_takes(s, &u->interfaces[i], &u->interfaces[i].addrs[k]);
            use->wildcard += takes;
            use->device += takes && s->ifindex;
        }
    }
}

static bool is_connected(const struct net_socket *s)
{
    switch (s->state) {
    case NET_STATE_UNKNOWN:
    case NET_CLOSE:
    case NET_LISTEN:
    case NET_BOUND_INACTIVE:
    case NET_TIME_WAIT:
        return false;
    default:
        return s->peer_port != 0;
    }
}

void net_iface_uses_add(struct net_iface_uses *u, const struct net_socket *s)
{
    bool listens = net_socket_is_listener(s);
    if (!s->local.family || (!listens && !is_connected(s)))
        return;
    if (listens && net_addr_is_wildcard(&s->local)) {
        add_wildcard(u, s);
        return;
    }
    struct net_iface_use *use = use_at(u, &s->local, s->ifindex);
    if (!use && !listens)
        use = use_at(u, &s->local, 0); /* whatever the way there, the address is in use */
    if (use && listens)
        use->listening++;
    else if (use)
        use->connected++;
}
