/* What bind(2) and listen(2) make of one owner of the port: inet_bind_conflict of
 * net/ipv4/inet_connection_sock.c, udp_lib_lport_inuse of net/ipv4/udp.c.
 * test: tests/prove */
#include "predict/rules.h"

bool rules_owns(const struct net_socket *s, enum net_kind kind, uint32_t port)
{
    if (s->kind != kind || s->local_port == 0 || (port && s->local_port != port))
        return false;
    return s->state != NET_NEW_SYN_RECV; /* a request has no place in the list of owners */
}

static enum tri flag_of(const struct net_socket *s, enum net_field field, bool value)
{
    return net_socket_knows(s, field) ? tri_of(value) : TRI_MAYBE;
}

static bool devices_meet(const struct predict_candidate *c, const struct net_socket *owner)
{
    uint32_t device =
        net_addr_is_link_local(&c->addr) && c->addr.scope ? c->addr.scope : c->ifindex;
    return !device || !owner->ifindex || device == owner->ifindex;
}

/* SO_REUSEPORT shares within one user, and with what a closed connection left of any. */
static enum tri same_user(const struct predict_candidate *c, const struct net_socket *owner)
{
    if (owner->kind == NET_TCP &&
        (owner->state == NET_TIME_WAIT || owner->detached == NET_TIME_WAITING))
        return TRI_YES;
    return flag_of(owner, NET_F_UID, owner->uid == c->uid);
}

static bool is_wild(const struct predict_end *e)
{
    return net_addr_is_wildcard(&e->addr);
}

static enum net_field first_unknown(const struct predict_candidate *c,
                                    const struct net_socket *owner, enum tri overlap)
{
    if (overlap == TRI_MAYBE)
        return NET_F_V6ONLY;
    if (c->reuseaddr && !net_socket_knows(owner, NET_F_REUSEADDR))
        return NET_F_REUSEADDR;
    if (c->reuseport && !net_socket_knows(owner, NET_F_REUSEPORT))
        return NET_F_REUSEPORT;
    return NET_F_UID;
}

/* The sentence for a clash: what the candidate asks for comes first, then what it could ask for. */
static enum predict_rule rule_of(const struct predict_candidate *c, const struct net_socket *owner)
{
    bool listens = owner->kind == NET_TCP && owner->state == NET_LISTEN;
    bool has_reuseport = net_socket_knows(owner, NET_F_REUSEPORT) && owner->reuseport;
    bool has_reuseaddr = net_socket_knows(owner, NET_F_REUSEADDR) && owner->reuseaddr;
    bool knows_reuseport = net_socket_knows(owner, NET_F_REUSEPORT);
    if (c->reuseport && (has_reuseport || (!knows_reuseport && same_user(c, owner) == TRI_NO)))
        return RULE_OTHER_USER;
    if (c->reuseport)
        return RULE_OWNER_NO_REUSEPORT;
    if (c->reuseaddr && listens)
        return has_reuseport ? RULE_WANTS_REUSEPORT : RULE_LISTENER;
    if (c->reuseaddr)
        return RULE_OWNER_CLOSED;
    if (has_reuseaddr && !listens)
        return RULE_WANTS_REUSEADDR;
    return has_reuseport ? RULE_WANTS_REUSEPORT : RULE_TAKEN;
}

/* Whether the two options keep them apart, addresses aside. */
static enum tri options_clash(const struct predict_candidate *c, const struct net_socket *owner,
                              enum rules_way way)
{
    bool listens = owner->state == NET_LISTEN;
    enum tri by_reuseaddr = tri_and(tri_of(c->reuseaddr && !listens),
                                    flag_of(owner, NET_F_REUSEADDR, owner->reuseaddr));
    enum tri by_reuseport =
        tri_and(tri_and(tri_of(c->reuseport), flag_of(owner, NET_F_REUSEPORT, owner->reuseport)),
                same_user(c, owner));
    switch (way) {
    case RULES_BIND:
    case RULES_LISTEN:
        return tri_and(tri_not(by_reuseaddr), tri_not(by_reuseport));
    case RULES_CHOOSE_RELAXED:
        return tri_or(tri_not(by_reuseaddr), by_reuseport);
    case RULES_CHOOSE:
        break;
    }
    return TRI_YES;
}

static struct rules_clash clash_of(const struct predict_candidate *c,
                                   const struct net_socket *owner, enum tri overlap,
                                   enum tri options)
{
    struct rules_clash clash = {.clash = tri_and(overlap, options)};
    clash.rule = clash.clash == TRI_NO ? RULE_NONE : rule_of(c, owner);
    clash.unknown = clash.clash == TRI_MAYBE ? first_unknown(c, owner, overlap) : NET_FIELD_COUNT;
    return clash;
}

struct rules_clash rules_clash_tcp(const struct predict_candidate *c,
                                   const struct net_socket *owner, enum rules_way way)
{
    struct predict_end end = rules_end(c), other = predict_end_of(owner);
    if (!devices_meet(c, owner))
        return (struct rules_clash){.clash = TRI_NO, .unknown = NET_FIELD_COUNT};
    enum tri overlap =
        is_wild(&end) ? predict_overlap(&end, &other) : predict_overlap_listed(&end, &other);
    return clash_of(c, owner, overlap, options_clash(c, owner, way));
}

struct rules_clash rules_clash_udp(const struct predict_candidate *c,
                                   const struct net_socket *owner, enum tri *ret_accepts)
{
    struct predict_end end = rules_end(c), other = predict_end_of(owner);
    *ret_accepts = TRI_NO;
    if (!devices_meet(c, owner))
        return (struct rules_clash){.clash = TRI_NO, .unknown = NET_FIELD_COUNT};
    enum tri overlap = predict_overlap(&end, &other);
    enum tri shares =
        tri_and(tri_of(c->reuseaddr), flag_of(owner, NET_F_REUSEADDR, owner->reuseaddr));
    enum tri decides = tri_and(overlap, tri_not(shares));
    enum tri group =
        tri_and(tri_and(tri_of(c->reuseport), flag_of(owner, NET_F_REUSEPORT, owner->reuseport)),
                same_user(c, owner));
    *ret_accepts = tri_and(decides, group);
    return clash_of(c, owner, overlap, tri_and(tri_not(shares), tri_not(group)));
}
