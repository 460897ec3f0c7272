#include "predict/remedy.h"

#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

/* The facts as they would be: every socket that stands in the way, changed. */
struct other_world {
    struct predict_host host;
    struct net_socket *sockets;         /* the changed ones */
    const struct net_socket **pointers; /* all of them */
};

static void clear_world(struct other_world *w)
{
    free(w->sockets);
    free(w->pointers);
}

static bool is_blocker(const struct predict_bind *b, const struct net_socket *s)
{
    const struct predict_blocker *all = b->blockers.items;
    for (size_t i = 0; i < b->blockers.len; i++)
        if (all[i].socket == s)
            return true;
    return false;
}

/* Like h, but that each blocker is what `change` makes of it; NULL: that there is none of them. */
static int make_world(const struct predict_host *h, const struct predict_bind *b,
                      void (*change)(struct net_socket *s), struct other_world *ret)
{
    size_t n = 0, changed = 0;
    *ret = (struct other_world){.host = *h};
    ret->pointers = calloc(h->n_sockets + 1, sizeof *ret->pointers);
    ret->sockets = calloc(b->blockers.len + 1, sizeof *ret->sockets);
    if (!ret->pointers || !ret->sockets)
        return -ENOMEM;
    for (size_t i = 0; i < h->n_sockets; i++) {
        const struct net_socket *s = h->sockets[i];
        if (is_blocker(b, s)) {
            if (!change)
                continue;
            ret->sockets[changed] = *s;
            change(&ret->sockets[changed]);
            s = &ret->sockets[changed++];
        }
        ret->pointers[n++] = s;
    }
    ret->host.sockets = ret->pointers;
    ret->host.n_sockets = n;
    /* What the kernel remembers of the port would be another thing too: the owners decide. */
    ret->host.buckets = NULL;
    ret->host.n_buckets = 0;
    ret->host.buckets_known = true;
    return 0;
}

static int succeeds(const struct predict_candidate *c, const struct predict_host *h, bool *ret)
{
    struct predict_bind b;
    int result = predict_bind(c, h, &b);
    *ret = result == 0 && b.verdict == PREDICT_SUCCEEDS;
    predict_bind_clear(&b);
    return result;
}

static int add(struct vec *ret, enum predict_remedy_kind kind)
{
    return vec_add(ret, &(struct predict_remedy){.kind = kind});
}

/* Of the candidate alone. */
static int try_candidate(const struct predict_candidate *c, const struct predict_host *h,
                         enum predict_remedy_kind kind, struct vec *ret)
{
    bool yes;
    int result = succeeds(c, h, &yes);
    return result == 0 && yes ? add(ret, kind) : result;
}

/* Of both sides. */
static int try_world(const struct predict_candidate *c, const struct predict_host *h,
                     const struct predict_bind *b, void (*change)(struct net_socket *s),
                     enum predict_remedy_kind kind, struct vec *ret)
{
    struct other_world w;
    int result = make_world(h, b, change, &w);
    if (result == 0)
        result = try_candidate(c, &w.host, kind, ret);
    clear_world(&w);
    return result;
}

static void set_reuseaddr(struct net_socket *s)
{
    net_socket_set(s, NET_F_REUSEADDR);
    s->reuseaddr = true;
}

static void set_reuseport(struct net_socket *s)
{
    net_socket_set(s, NET_F_REUSEPORT);
    s->reuseport = true;
}

static void set_v6only(struct net_socket *s)
{
    net_socket_set(s, NET_F_V6ONLY);
    s->v6only = true;
}

static bool is_remains(const struct net_socket *s)
{
    return s->state == NET_TIME_WAIT || s->detached == NET_TIME_WAITING ||
           s->detached == NET_ORPHAN;
}

static bool all_remains(const struct predict_bind *b)
{
    const struct predict_blocker *all = b->blockers.items;
    for (size_t i = 0; i < b->blockers.len; i++)
        if (!is_remains(all[i].socket))
            return false;
    return b->blockers.len > 0;
}

static bool any_of_ipv6(const struct predict_bind *b)
{
    const struct predict_blocker *all = b->blockers.items;
    for (size_t i = 0; i < b->blockers.len; i++)
        if (all[i].socket->family == AF_INET6)
            return true;
    return false;
}

/* The port is taken. */

static int try_options(const struct predict_candidate *c, const struct predict_host *h,
                       struct vec *ret)
{
    struct predict_candidate other = *c;
    int result = 0;
    if (!c->reuseaddr) {
        other.reuseaddr = true;
        result = try_candidate(&other, h, REMEDY_REUSEADDR, ret);
        other.reuseaddr = false;
    }
    if (result == 0 && !c->reuseport) {
        other.reuseport = true;
        result = try_candidate(&other, h, REMEDY_REUSEPORT, ret);
        other.reuseport = false;
    }
    if (result == 0 && c->family == AF_INET6 && !c->v6only) {
        other.v6only = true;
        result = try_candidate(&other, h, REMEDY_V6ONLY, ret);
    }
    return result;
}

static int try_user(const struct predict_candidate *c, const struct predict_host *h,
                    const struct predict_bind *b, struct vec *ret)
{
    const struct predict_blocker *first = b->blockers.items;
    struct predict_candidate other = *c;
    bool yes;
    if (b->rule != RULE_OTHER_USER || !net_socket_knows(first->socket, NET_F_UID))
        return 0;
    other.uid = (uint32_t)first->socket->uid;
    int result = succeeds(&other, h, &yes);
    if (result < 0 || !yes)
        return result;
    return vec_add(ret, &(struct predict_remedy){.kind = REMEDY_SAME_USER, .uid = other.uid});
}

static bool is_named(const struct vec *remedies, enum predict_remedy_kind kind)
{
    for (size_t i = 0; i < remedies->len; i++)
        if (((const struct predict_remedy *)vec_at(remedies, i))->kind == kind)
            return true;
    return false;
}

/* What nobody holds any more can't be given an option: those who come after it can. */
static int remedies_of_remains(const struct predict_candidate *c, const struct predict_host *h,
                               const struct predict_bind *b, struct vec *ret)
{
    struct predict_candidate reusing = *c;
    reusing.reuseaddr = true;
    int result = add(ret, REMEDY_WAIT);
    if (result == 0 && !is_named(ret, REMEDY_REUSEADDR))
        result = try_world(&reusing, h, b, set_reuseaddr, REMEDY_REUSEADDR_NEXT, ret);
    return result;
}

static int remedies_of_owners(const struct predict_candidate *c, const struct predict_host *h,
                              const struct predict_bind *b, struct vec *ret)
{
    struct predict_candidate sharing = *c, reusing = *c;
    sharing.reuseport = reusing.reuseaddr = true;
    int result = try_options(c, h, ret);
    if (result == 0 && all_remains(b))
        return remedies_of_remains(c, h, b, ret);
    if (result == 0)
        result = try_user(c, h, b, ret);
    if (result == 0 && any_of_ipv6(b))
        result = try_world(c, h, b, set_v6only, REMEDY_OWNERS_V6ONLY, ret);
    if (result == 0 && ret->len == 0)
        result = try_world(&reusing, h, b, set_reuseaddr, REMEDY_BOTH_REUSEADDR, ret);
    if (result == 0 && b->rule != RULE_OTHER_USER && !is_named(ret, REMEDY_REUSEPORT))
        result = try_world(&sharing, h, b, set_reuseport, REMEDY_BOTH_REUSEPORT, ret);
    if (result == 0)
        result = try_world(c, h, b, NULL, REMEDY_STOP_OWNERS, ret);
    return result;
}

/* The address won't do. */

static uint32_t device_with(const struct predict_candidate *c, const struct predict_host *h)
{
    for (uint32_t i = 0; i < h->n_interfaces; i++)
        for (uint32_t k = 0; k < h->interfaces[i].n_addrs; k++)
            if (memcmp(h->interfaces[i].addrs[k].addr.bytes, c->addr.bytes, 16) == 0)
                return h->interfaces[i].index;
    return 0;
}

/* The loopback interface, if it is down: it has no address before it is up for the first time. */
static uint32_t loopback_down(const struct predict_host *h)
{
    for (uint32_t i = 0; i < h->n_interfaces; i++)
        if ((h->interfaces[i].flags & (IFF_LOOPBACK | IFF_UP)) == IFF_LOOPBACK)
            return h->interfaces[i].index;
    return 0;
}

static int add_device(struct vec *ret, enum predict_remedy_kind kind, uint32_t ifindex)
{
    return vec_add(ret, &(struct predict_remedy){.kind = kind, .ifindex = ifindex});
}

int predict_remedies(const struct predict_candidate *c, const struct predict_host *h,
                     const struct predict_bind *b, struct vec *ret)
{
    struct predict_candidate other = *c;
    uint32_t down;
    int result;
    switch (b->rule) {
    case RULE_NO_IPV6:
        return add(ret, REMEDY_IPV4);
    case RULE_NOT_HERE:
        if (net_addr_is_loopback(&c->addr) && (down = loopback_down(h)))
            return add_device(ret, REMEDY_UP, down);
        other.freebind = true;
        result = try_candidate(&other, h, REMEDY_FREEBIND, ret);
        return result == 0 ? add(ret, REMEDY_HERE) : result;
    case RULE_DOWN:
        return add_device(ret, REMEDY_UP, device_with(c, h));
    case RULE_TENTATIVE:
        return add_device(ret, REMEDY_CHECKED, device_with(c, h));
    case RULE_RANGE_TAKEN:
        return add(ret, REMEDY_WIDEN);
    case RULE_OTHER_DEVICE:
        return add_device(ret, REMEDY_OTHER_DEVICE, device_with(c, h));
    case RULE_NO_SCOPE:
        return add_device(ret, REMEDY_SCOPE, device_with(c, h));
    case RULE_MAPPED_V6ONLY:
        return add(ret, REMEDY_NO_V6ONLY);
    case RULE_PRIVILEGED:
        return add(ret, REMEDY_PRIVILEGE);
    case RULE_TRANSPARENT:
        return add(ret, REMEDY_TRANSPARENT);
    default:
        return b->blockers.len ? remedies_of_owners(c, h, b, ret) : 0;
    }
}
