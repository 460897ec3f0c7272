/* What a source must read for a filter.
 *
 * Each node has the kinds, states and families in which it can be true, and those in which it can
 * be false; NOT swaps them, AND narrows what can be true, OR widens it. A socket outside of the
 * root's "can be true" never matches, whatever else it is, so that it needn't be read.
 */
#include "net/filter_impl.h"

enum {
    FAMILIES_IP = 1 << AF_INET | 1 << AF_INET6,
    ALL_KINDS = NET_KINDS_ALL,
};

struct masks {
    uint32_t kinds, states, families;
};

struct range {
    struct masks yes, no;
    bool named;     /* the user spoke of kinds here */
    uint32_t meant; /* and meant these */
};

static const struct masks everything = {ALL_KINDS, NET_STATES_ALL, FAMILIES_IP};

static struct masks both(struct masks a, struct masks b)
{
    return (struct masks){a.kinds & b.kinds, a.states & b.states, a.families & b.families};
}

static struct masks any(struct masks a, struct masks b)
{
    return (struct masks){a.kinds | b.kinds, a.states | b.states, a.families | b.families};
}

/* The kinds that one thinks of: those named, or the default. */
static uint32_t meant(const struct range *r)
{
    return r->named ? r->meant : r->yes.kinds & NET_KINDS_DEFAULT;
}

static struct range join_and(struct range a, struct range b)
{
    struct range r = {
        .yes = both(a.yes, b.yes), .no = any(a.no, b.no), .named = a.named || b.named};
    r.meant = (a.named ? a.meant : a.yes.kinds) & (b.named ? b.meant : b.yes.kinds);
    return r;
}

static struct range join_or(struct range a, struct range b)
{
    struct range r = {
        .yes = any(a.yes, b.yes), .no = both(a.no, b.no), .named = a.named || b.named};
    r.meant = meant(&a) | meant(&b);
    return r;
}

/* Leaves that can be true of some kinds only: there, and elsewhere, they can be false. */
static struct range of_kinds(uint32_t kinds)
{
    struct range r = {.yes = everything, .no = everything};
    r.yes.kinds = kinds;
    return r;
}

static struct range of_kind_node(const struct net_filter_node *n)
{
    struct range r = of_kinds(n->kinds);
    r.named = true;
    r.meant = n->kinds;
    /* A family's word, "inet6", says nothing of protocols. */
    if (n->kinds == FILTER_KINDS_IP)
        r.named = false;
    if (n->families)
        r.yes.families = n->families;
    else
        r.no.kinds = ALL_KINDS & ~n->kinds;
    return r;
}

static struct range of_state_node(const struct net_filter_node *n)
{
    struct range r = {.yes = everything, .no = everything};
    r.yes.states = n->states;
    r.no.states = NET_STATES_ALL & ~n->states;
    return r;
}

static struct range of_host_node(const struct net_filter_node *n)
{
    struct range r = of_kinds(n->prefix.addr.family ? FILTER_KINDS_IP : FILTER_KINDS_PORT);
    /* IPv6 sockets may have mapped IPv4 addresses, not the other way round. */
    if (n->prefix.addr.family == AF_INET6)
        r.yes.families = 1 << AF_INET6;
    return r;
}

/* Who is reached listens, or waits for datagrams; of some classes only UNIX sockets can be. */
static struct range of_reach_node(const struct net_filter_node *n)
{
    uint32_t names = 1 << NET_REACH_PATH | 1 << NET_REACH_NETNS;
    struct range r = of_kinds(ALL_KINDS);
    r.named = !(n->mask & ~names);
    r.meant = NET_KINDS_UNIX;
    if (!(n->mask & 1 << NET_REACH_NONE))
        r.yes.states = 1 << NET_LISTEN | 1 << NET_CLOSE;
    return r;
}

static struct range of_field_node(const struct net_filter_node *n)
{
    struct range r = of_kinds(ALL_KINDS);
    if (n->field == NET_F_PATH || n->field == NET_F_PEER_INODE) {
        r.named = true;
        r.meant = NET_KINDS_UNIX;
    } else if (n->field == NET_F_GROUPS) {
        r.named = true;
        r.meant = 1 << NET_NETLINK;
    }
    return r;
}

static struct range range_of(const struct net_filter_node *n)
{
    struct range r, left;
    switch (n->op) {
    case NET_FILTER_AND:
        left = range_of(n->left);
        return join_and(left, range_of(n->right));
    case NET_FILTER_OR:
        left = range_of(n->left);
        return join_or(left, range_of(n->right));
    case NET_FILTER_NOT: /* "not tcp" speaks of what the user doesn't want */
        left = range_of(n->left);
        return (struct range){.yes = left.no, .no = left.yes};
    case NET_FILTER_TRUE:
        return (struct range){.yes = everything};
    case NET_FILTER_KIND:
        return of_kind_node(n);
    case NET_FILTER_STATE:
        return of_state_node(n);
    case NET_FILTER_HOST:
        return of_host_node(n);
    case NET_FILTER_PATH:
        r = of_kinds(NET_KINDS_UNIX);
        r.named = true;
        r.meant = NET_KINDS_UNIX;
        return r;
    case NET_FILTER_AUTOBOUND:
        return of_kinds(FILTER_KINDS_IP | NET_KINDS_UNIX);
    case NET_FILTER_REACH:
        return of_reach_node(n);
    case NET_FILTER_FIELD:
        return of_field_node(n);
    default:
        return of_kinds(ALL_KINDS);
    }
}

static void add_field(struct net_filter_needs *needs, enum net_field f)
{
    needs->fields.words[f / 64] |= UINT64_C(1) << f % 64;
}

static void add_owner(struct net_filter_needs *needs, enum net_filter_owner_key key)
{
    needs->owners = true;
    add_field(needs, NET_F_OWNERS);
    switch (key) {
    case NET_OWNER_CMDLINE:
        needs->cmdline = true;
        break;
    case NET_OWNER_UNIT:
    case NET_OWNER_CONTAINER:
        needs->process = true;
        break;
    case NET_OWNER_USER:
        add_field(needs, NET_F_UID);
        break;
    default:
        break;
    }
}

static void add_details(const struct net_filter_node *n, struct net_filter_needs *needs)
{
    if (n->left)
        add_details(n->left, needs);
    if (n->right)
        add_details(n->right, needs);
    switch (n->op) {
    case NET_FILTER_PATH:
        add_field(needs, NET_F_PATH);
        break;
    case NET_FILTER_DEVICE:
        add_field(needs, NET_F_DEVICE);
        break;
    case NET_FILTER_MARK:
        add_field(needs, NET_F_MARK);
        break;
    case NET_FILTER_CGROUP:
        add_field(needs, NET_F_CGROUP_ID);
        break;
    case NET_FILTER_FIELD:
        add_field(needs, n->field);
        break;
    case NET_FILTER_OWNER:
        add_owner(needs, n->owner_key);
        break;
    default:
        break;
    }
}

void net_filter_needs(const struct net_filter *f, struct net_filter_needs *ret)
{
    struct range r = range_of(f->root);
    struct net_filter_needs needs = {
        .kinds = r.yes.kinds,
        .states = r.yes.states,
        .families = r.yes.families,
        .kinds_named = r.named,
        .kinds_meant = meant(&r) & r.yes.kinds,
    };
    add_details(f->root, &needs);
    *ret = needs;
}
