#include "predict/overlap.h"

#include <arpa/inet.h>
#include <string.h>

/* An address as these rules see it. An IPv4 socket's and an IPv6 socket's mapped one are the same
 * thing; 0.0.0.0 and ::ffff:0.0.0.0 too. */
enum shape { SHAPE_V4, SHAPE_V6, SHAPE_ANY6 };

static enum shape shape_of(const struct predict_end *e)
{
    static const uint8_t zero[16];
    if (e->family == AF_INET || net_addr_is_mapped(&e->addr))
        return SHAPE_V4;
    return memcmp(e->addr.bytes, zero, sizeof zero) == 0 ? SHAPE_ANY6 : SHAPE_V6;
}

/* The IPv4 address that the kernel keeps in every socket. One that is bound to an IPv6 address has
 * 127.0.0.6 there (LOOPBACK4_IPV6 of include/net/ipv6.h), and meets IPv4 sockets by it.
 * test: tests/prove */
static uint32_t v4_of(const struct predict_end *e)
{
    uint32_t v4 = htonl(0x7f000006);
    if (shape_of(e) == SHAPE_ANY6)
        return 0;
    if (shape_of(e) == SHAPE_V4)
        memcpy(&v4, e->addr.bytes + (e->addr.family == AF_INET6 ? 12 : 0), sizeof v4);
    return v4;
}

static bool same_v6(const struct predict_end *a, const struct predict_end *b)
{
    return memcmp(a->addr.bytes, b->addr.bytes, sizeof a->addr.bytes) == 0;
}

static enum tri v6only_of(const struct predict_end *e)
{
    return e->family == AF_INET6 ? e->v6only : TRI_NO;
}

struct predict_end predict_end_of(const struct net_socket *s)
{
    struct predict_end e = {.family = s->family, .addr = s->local, .v6only = TRI_MAYBE};
    if (s->family != AF_INET6)
        e.v6only = TRI_NO;
    else if (net_socket_knows(s, NET_F_V6ONLY))
        e.v6only = tri_of(s->v6only);
    else if (net_addr_is_mapped(&s->local))
        e.v6only = TRI_NO; /* such an address can't be had otherwise */
    return e;
}

static bool meet_v4(const struct predict_end *a, bool a_wild, const struct predict_end *b,
                    bool b_wild)
{
    uint32_t a4 = v4_of(a), b4 = v4_of(b);
    return a4 == b4 || (a_wild && a4 == 0) || (b_wild && b4 == 0);
}

/* A wildcard of IPv6 meets all of IPv6, and IPv4 unless it is v6only. */
static enum tri meets_any6(const struct predict_end *any, const struct predict_end *other)
{
    return shape_of(other) == SHAPE_V4 ? tri_not(v6only_of(any)) : TRI_YES;
}

enum tri predict_overlap(const struct predict_end *candidate, const struct predict_end *owner)
{
    enum shape c = shape_of(candidate), o = shape_of(owner);
    if (candidate->family == AF_INET) /* compares the IPv4 addresses alone */
        return tri_and(tri_of(meet_v4(candidate, true, owner, true)), tri_not(v6only_of(owner)));
    if (c == SHAPE_V4 && o == SHAPE_V4)
        return tri_and(tri_of(meet_v4(candidate, true, owner, true)), tri_not(v6only_of(owner)));
    if (c == SHAPE_ANY6 && o == SHAPE_ANY6)
        return TRI_YES;
    if (o == SHAPE_ANY6)
        return meets_any6(owner, candidate);
    if (c == SHAPE_ANY6)
        return meets_any6(candidate, owner);
    return tri_of(c == SHAPE_V6 && o == SHAPE_V6 && same_v6(candidate, owner));
}

enum tri predict_overlap_listed(const struct predict_end *candidate,
                                const struct predict_end *owner)
{
    enum shape c = shape_of(candidate), o = shape_of(owner);
    if (o == SHAPE_ANY6)
        return c == SHAPE_V4 ? tri_not(v6only_of(owner)) : TRI_YES;
    if (c == SHAPE_V4 && o == SHAPE_V4)
        return tri_and(tri_of(meet_v4(candidate, false, owner, true)), tri_not(v6only_of(owner)));
    return tri_of(c == SHAPE_V6 && o == SHAPE_V6 && same_v6(candidate, owner));
}

enum tri predict_covers(const struct predict_end *cached, const struct predict_end *candidate)
{
    enum shape k = shape_of(cached), c = shape_of(candidate);
    if (cached->family == AF_INET)
        return tri_and(tri_of(meet_v4(cached, true, candidate, false)),
                       tri_not(v6only_of(candidate)));
    if (k == SHAPE_V4 && c == SHAPE_V4)
        return tri_and(tri_of(meet_v4(cached, true, candidate, false)),
                       tri_not(v6only_of(candidate)));
    if (k == SHAPE_ANY6 && c == SHAPE_ANY6)
        return TRI_YES;
    if (k == SHAPE_ANY6)
        return meets_any6(cached, candidate);
    return tri_of(k == SHAPE_V6 && c == SHAPE_V6 && same_v6(cached, candidate));
}
