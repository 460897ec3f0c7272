/* What bind(2) checks before it looks at the port's owners: __inet_bind of net/ipv4/af_inet.c,
 * __inet6_bind of net/ipv6/af_inet6.c. test: tests/prove */
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>

#include "predict/rules.h"

/* Written by a check that something breaks. */
struct finding {
    enum predict_rule rule;
    int error;
    enum tri broken;
    uint32_t unknown;
};

static bool is_wildcard(const struct net_addr *a)
{
    return net_addr_is_wildcard(a);
}

static void break_rule(struct finding *f, enum predict_rule rule, int error, enum tri broken)
{
    if (f->broken != TRI_NO || broken == TRI_NO)
        return;
    f->rule = rule;
    f->error = error;
    f->broken = broken;
}

/* A rule that a setting lifts. */
static void break_unless(struct finding *f, enum predict_rule rule, int error, bool lifted,
                         const struct predict_settings *s, enum predict_setting which)
{
    if (f->broken != TRI_NO)
        return;
    if (s->unknown >> which & 1) {
        f->unknown |= 1u << which;
        break_rule(f, rule, error, TRI_MAYBE);
    } else if (!lifted) {
        break_rule(f, rule, error, TRI_YES);
    }
}

static void check_port(struct finding *f, const struct predict_candidate *c,
                       const struct predict_settings *s)
{
    if (c->port == 0 || c->privileged)
        return;
    if (s->unknown >> PREDICT_UNPRIVILEGED_START & 1) {
        /* A host may have lowered it, hardly ever raised it. */
        if (c->port < s->unprivileged_start) {
            f->unknown |= 1u << PREDICT_UNPRIVILEGED_START;
            break_rule(f, RULE_PRIVILEGED, EACCES, TRI_MAYBE);
        }
    } else if (c->port < s->unprivileged_start) {
        break_rule(f, RULE_PRIVILEGED, EACCES, TRI_YES);
    }
}

/* IPv4 */

static uint32_t v4_number(const struct net_addr *a)
{
    uint32_t v4;
    memcpy(&v4, a->bytes, sizeof v4);
    return ntohl(v4);
}

static uint32_t mask_of(uint8_t prefix_len)
{
    return prefix_len ? UINT32_MAX << (32 - prefix_len) : 0;
}

/* What an address of an interface puts into the local table (fib_add_ifaddr of
 * net/ipv4/fib_frontend.c): itself, and of an interface that is up, on loopback its whole network,
 * and broadcast addresses; of an address with a peer, those of the peer's network.
 * test: tests/prove */
static bool makes_local(const struct net_iface *i, const struct net_iface_addr *a, uint32_t v4)
{
    if (a->addr.family != AF_INET)
        return false;
    bool has_peer = a->peer.family == AF_INET;
    uint32_t mask = mask_of(a->prefix_len);
    uint32_t network = v4_number(has_peer ? &a->peer : &a->addr) & mask;
    if (v4 == v4_number(&a->addr))
        return true;
    if (!(i->flags & IFF_UP))
        return false;
    if (i->flags & IFF_LOOPBACK)
        return (v4 & mask) == network;
    if (a->broadcast.family == AF_INET && v4 == v4_number(&a->broadcast))
        return true;
    return a->prefix_len < 31 && v4 == (network | ~mask);
}

static bool is_local_v4(const struct predict_candidate *c, const struct predict_host *h,
                        uint32_t v4)
{
    if (v4 == INADDR_ANY || v4 == INADDR_BROADCAST || IN_MULTICAST(v4))
        return true;
    if (c->own != OWN_BY_INTERFACES)
        return c->own == OWN_YES;
    for (uint32_t i = 0; i < h->n_interfaces; i++)
        for (uint32_t k = 0; k < h->interfaces[i].n_addrs; k++)
            if (makes_local(&h->interfaces[i], &h->interfaces[i].addrs[k], v4))
                return true;
    return false;
}

static void check_v4_address(struct finding *f, const struct predict_candidate *c,
                             const struct predict_host *h)
{
    struct net_addr a = net_addr_unmap(&c->addr);
    if (c->freebind || c->transparent || a.family != AF_INET || is_local_v4(c, h, v4_number(&a)))
        return;
    break_unless(f, RULE_NOT_HERE, EADDRNOTAVAIL, h->settings.nonlocal4, &h->settings,
                 PREDICT_NONLOCAL4);
}

/* IPv6 */

static uint32_t device_of(const struct predict_candidate *c)
{
    return net_addr_is_link_local(&c->addr) && c->addr.scope ? c->addr.scope : c->ifindex;
}

static bool is_bound_to_link(const struct net_iface_addr *a)
{
    return a->scope >= RT_SCOPE_LINK;
}

/* The address as interfaces have it: RULE_NONE, or why it won't do. */
static enum predict_rule find_v6(const struct predict_candidate *c, const struct predict_host *h)
{
    enum predict_rule rule = RULE_NOT_HERE;
    uint32_t device = device_of(c);
    for (uint32_t i = 0; i < h->n_interfaces; i++) {
        const struct net_iface *iface = &h->interfaces[i];
        for (uint32_t k = 0; k < iface->n_addrs; k++) {
            const struct net_iface_addr *a = &iface->addrs[k];
            if (a->addr.family != AF_INET6 || memcmp(a->addr.bytes, c->addr.bytes, 16) != 0)
                continue;
            bool tentative = a->flags & IFA_F_TENTATIVE && !(a->flags & IFA_F_OPTIMISTIC);
            if (device && device != iface->index && is_bound_to_link(a))
                rule = RULE_OTHER_DEVICE;
            else if (tentative)
                rule = iface->flags & IFF_UP ? RULE_TENTATIVE : RULE_DOWN;
            else
                return RULE_NONE;
        }
    }
    return rule;
}

/* fe80::/10, and multicast of the link and of the interface */
static bool needs_scope(const struct net_addr *a)
{
    if (net_addr_is_multicast(a))
        return (a->bytes[1] & 0x0f) <= 2;
    return net_addr_is_link_local(a);
}

static void check_v6_address(struct finding *f, const struct predict_candidate *c,
                             const struct predict_host *h)
{
    uint32_t device = needs_scope(&c->addr) && c->addr.scope ? c->addr.scope : c->ifindex;
    if (is_wildcard(&c->addr))
        return;
    if (needs_scope(&c->addr) && !device)
        break_rule(f, RULE_NO_SCOPE, EINVAL, TRI_YES);
    if (device && !net_iface_by_index(h->interfaces, h->n_interfaces, device))
        break_rule(f, RULE_NO_DEVICE, ENODEV, TRI_YES);
    if (net_addr_is_multicast(&c->addr) || c->freebind || c->transparent)
        return;
    enum predict_rule rule = find_v6(c, h);
    if (rule != RULE_NONE)
        break_unless(f, rule, EADDRNOTAVAIL, h->settings.nonlocal6, &h->settings,
                     PREDICT_NONLOCAL6);
}

static void check_v6(struct finding *f, const struct predict_candidate *c,
                     const struct predict_host *h)
{
    if (c->kind == NET_TCP && net_addr_is_multicast(&c->addr))
        break_rule(f, RULE_MULTICAST, EINVAL, TRI_YES);
    check_port(f, c, &h->settings);
    if (!net_addr_is_mapped(&c->addr)) {
        check_v6_address(f, c, h);
        return;
    }
    if (c->v6only)
        break_rule(f, RULE_MAPPED_V6ONLY, EINVAL, TRI_YES);
    check_v4_address(f, c, h);
}

enum predict_rule rules_of_address(const struct predict_candidate *c, const struct predict_host *h,
                                   int *ret_errno, enum tri *ret_broken, uint32_t *unknown)
{
    struct finding f = {.broken = TRI_NO};
    if (c->family == AF_INET6 && !h->has_ipv6) {
        break_rule(&f, RULE_NO_IPV6, EAFNOSUPPORT, TRI_YES);
    } else if (c->unknown_device) {
        break_rule(&f, RULE_NO_DEVICE, ENODEV, TRI_YES);
    } else if (c->transparent && !c->may_transparent) {
        break_rule(&f, RULE_TRANSPARENT, EPERM, TRI_YES);
    } else if (c->family == AF_INET) {
        check_v4_address(&f, c, h);
        check_port(&f, c, &h->settings);
    } else {
        check_v6(&f, c, h);
    }
    *ret_errno = f.error;
    *ret_broken = f.broken;
    *unknown |= f.unknown;
    return f.rule;
}

struct predict_end rules_end(const struct predict_candidate *c)
{
    struct predict_end end = {.family = c->family, .addr = c->addr, .v6only = TRI_NO};
    if (c->family != AF_INET6)
        return end;
    bool specific = !is_wildcard(&c->addr) && !net_addr_is_mapped(&c->addr);
    end.v6only = tri_of(c->v6only || specific); /* bind to one IPv6 address turns it on */
    return end;
}
