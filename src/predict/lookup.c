#include "predict/lookup.h"

#include <errno.h>
#include <string.h>

#include "predict/overlap.h"

void predict_receiver_clear(struct predict_receiver *r)
{
    vec_free(&r->group);
    vec_free(&r->others);
}

static bool is_v4(const struct predict_packet *p)
{
    return p->to.family == AF_INET || net_addr_is_mapped(&p->to);
}

static bool same_addr(const struct net_addr *a, const struct net_addr *b)
{
    struct net_addr x = net_addr_unmap(a), y = net_addr_unmap(b);
    return x.family == y.family && memcmp(x.bytes, y.bytes, sizeof x.bytes) == 0;
}

static bool is_candidate(const struct predict_packet *p, const struct net_socket *s)
{
    if (s->kind != p->kind || s->local_port != p->to_port)
        return false;
    return p->kind == NET_TCP ? s->state == NET_LISTEN : true;
}

/* Connections come first, but for one in TIME_WAIT: a SYN reopens it at a listener
 * (tcp_timewait_state_process of net/ipv4/tcp_minisocks.c). test: test_explain_connect.py,
 * test_a_remainder_of_the_other_end */

static bool is_connection(const struct predict_packet *p, const struct net_socket *s)
{
    return p->from_port && s->kind == p->kind && s->state != NET_TIME_WAIT &&
           s->local_port == p->to_port && s->peer_port == p->from_port &&
           same_addr(&s->local, &p->to) && same_addr(&s->peer, &p->from) &&
           (!s->ifindex || s->ifindex == p->ifindex);
}

static const struct net_socket *find_connection(const struct predict_packet *p,
                                                const struct predict_host *h)
{
    if (p->kind != NET_TCP)
        return NULL; /* UDP's connected sockets are scored among the others */
    for (size_t i = 0; i < h->n_sockets; i++)
        if (is_connection(p, h->sockets[i]))
            return h->sockets[i];
    return NULL;
}

/* The score of a candidate: how well it fits, in the kernel's numbers. */

enum { OUT = -1 }; /* it can't be this one */

struct fit {
    int score; /* OUT: loss says why */
    bool wild; /* bound to every address: looked at only when no other fits */
    enum predict_loss loss;
    bool doubtful; /* unless a field that isn't known has it otherwise */
    enum net_field unknown;
};

static struct fit unfit(enum predict_loss loss)
{
    return (struct fit){.score = OUT, .loss = loss};
}

/* Whether an IPv6 socket that is bound to :: takes IPv4: its v6only may be unknown. */
static bool refuses_v4(const struct net_socket *s, struct fit *f)
{
    enum tri v6only = predict_end_of(s).v6only;
    if (v6only == TRI_MAYBE) {
        f->doubtful = true;
        f->unknown = NET_F_V6ONLY;
    }
    return v6only == TRI_YES;
}

static int score_tcp(const struct net_socket *s, bool v4)
{
    return 1 + (s->ifindex != 0) + (v4 && s->family == AF_INET);
}

/* Of IPv4 four for what fits exactly, of IPv6 one. */
static int score_udp(const struct net_socket *s, bool v4)
{
    bool connected = s->peer_port != 0;
    if (v4)
        return (s->family == AF_INET ? 2 : 1) + 8 * connected + 4 * (s->ifindex != 0);
    return 2 * connected + (s->ifindex != 0);
}

static bool has_other_peer(const struct predict_packet *p, const struct net_socket *s)
{
    if (p->kind == NET_TCP || s->peer_port == 0)
        return false;
    return s->peer_port != p->from_port || !same_addr(&s->peer, &p->from);
}

static struct fit fit_of(const struct predict_packet *p, const struct net_socket *s)
{
    struct fit f = {.wild = net_addr_is_wildcard(&s->local)};
    bool v4 = is_v4(p);
    if (!v4 && (s->family == AF_INET || net_addr_is_mapped(&s->local)))
        return unfit(LOSS_FAMILY);
    if (v4 && s->family == AF_INET6 && !net_addr_is_mapped(&s->local) &&
        (!f.wild || refuses_v4(s, &f)))
        return unfit(f.wild ? LOSS_V6ONLY : LOSS_ADDRESS);
    if (!f.wild && !same_addr(&s->local, &p->to))
        return unfit(LOSS_ADDRESS);
    if (s->ifindex && s->ifindex != p->ifindex)
        return unfit(LOSS_DEVICE);
    if (has_other_peer(p, s))
        return unfit(LOSS_PEER);
    f.score = p->kind == NET_TCP ? score_tcp(s, v4) : score_udp(s, v4);
    return f;
}

bool predict_may_get(const struct net_socket *s, const struct predict_packet *p)
{
    return is_candidate(p, s) && fit_of(p, s).score != OUT;
}

/* The search */

struct search {
    const struct predict_packet *packet;
    const struct predict_host *host;
    struct predict_receiver *ret;
    const struct net_socket *best;
    struct fit best_fit;
};

static bool shares(const struct net_socket *s)
{
    return net_socket_knows(s, NET_F_REUSEPORT) && s->reuseport;
}

/* Connected sockets of UDP leave the group's hash to the score. */
static bool ends_search(const struct search *q, const struct net_socket *s)
{
    return shares(s) && (q->packet->kind == NET_TCP || s->peer_port == 0);
}

static bool is_ordered(const struct search *q)
{
    return q->packet->kind == NET_TCP ? q->host->listeners_ordered : q->host->udp_ordered;
}

static void doubt(struct search *q, const struct net_socket *s, enum net_field field)
{
    if (q->ret->certain == TRI_MAYBE)
        return;
    q->ret->certain = TRI_MAYBE;
    q->ret->unknown_socket = s;
    q->ret->unknown = field;
}

/* The best of one of the kernel's two lists: of this address, or of every address. A strictly
 * higher score wins, so the first of equals; and the first of a group that beats the best so far
 * ends the search. test: tests/prove */
static void search_list(struct search *q, bool wild)
{
    for (size_t i = 0; i < q->host->n_sockets; i++) {
        const struct net_socket *s = q->host->sockets[i];
        if (!is_candidate(q->packet, s))
            continue;
        struct fit f = fit_of(q->packet, s);
        if (f.score == OUT || f.wild != wild || (q->best && f.score <= q->best_fit.score))
            continue;
        q->best = s;
        q->best_fit = f;
        if (ends_search(q, s) && is_ordered(q))
            return;
    }
}

/* A group is of one address, family, device, user and v6only. */
static bool same_group(const struct net_socket *a, const struct net_socket *b)
{
    return shares(a) && shares(b) && a->family == b->family && a->ifindex == b->ifindex &&
           same_addr(&a->local, &b->local) && a->uid == b->uid &&
           predict_end_of(a).v6only == predict_end_of(b).v6only &&
           (a->kind == NET_TCP || (a->peer_port == 0) == (b->peer_port == 0));
}

static enum predict_loss loss_to(const struct search *q, const struct net_socket *s,
                                 const struct fit *f)
{
    const struct net_socket *best = q->best;
    if (f->score == OUT)
        return f->loss;
    if (f->wild && !q->best_fit.wild)
        return LOSS_LESS_SPECIFIC;
    if (f->score > q->best_fit.score)
        return LOSS_BEHIND_GROUP;
    if (best->peer_port && !s->peer_port)
        return LOSS_UNCONNECTED;
    if (best->ifindex && !s->ifindex)
        return LOSS_NO_DEVICE;
    return best->family == AF_INET && s->family == AF_INET6 ? LOSS_IPV6 : LOSS_LATER;
}

/* A member of a group ends the search also where a better one stands behind it: so the loser of the
 * lower score might be the winner, if it isn't known to be no member, or not to stand behind. */
static void doubt_loser(struct search *q, const struct net_socket *s, const struct fit *f,
                        bool after_best)
{
    if (f->score == OUT || f->wild != q->best_fit.wild || f->score >= q->best_fit.score ||
        (q->packet->kind != NET_TCP && s->peer_port))
        return;
    if (!net_socket_knows(s, NET_F_REUSEPORT)) {
        if (!is_ordered(q) || !after_best)
            doubt(q, s, NET_F_REUSEPORT);
    } else if (s->reuseport && !is_ordered(q)) {
        doubt(q, NULL, NET_FIELD_COUNT);
    }
}

static int sort_out(struct search *q, const struct net_socket *s, bool after_best)
{
    struct fit f = fit_of(q->packet, s);
    if (q->best && f.score != OUT && same_group(s, q->best))
        return vec_add(&q->ret->group, &s);
    if (s == q->best)
        return 0;
    struct predict_other other = {.socket = s, .loss = f.loss};
    if (q->best)
        other.loss = loss_to(q, s, &f);
    if (f.doubtful && f.score != OUT && q->best &&
        (other.loss == LOSS_BEHIND_GROUP || f.score > q->best_fit.score))
        doubt(q, s, f.unknown);
    if (q->best)
        doubt_loser(q, s, &f, after_best);
    return vec_add(&q->ret->others, &other);
}

/* What isn't known of the winner, or of its equals. */
static void doubt_winner(struct search *q)
{
    if (!q->best)
        return;
    if (q->best_fit.doubtful)
        doubt(q, q->best, q->best_fit.unknown);
    const struct predict_other *others = q->ret->others.items;
    for (size_t i = 0; i < q->ret->others.len; i++) {
        if (others[i].loss != LOSS_LATER)
            continue;
        if (!net_socket_knows(others[i].socket, NET_F_REUSEPORT))
            doubt(q, others[i].socket, NET_F_REUSEPORT);
        else if (!is_ordered(q))
            doubt(q, NULL, NET_FIELD_COUNT);
    }
}

int predict_lookup(const struct predict_packet *p, const struct predict_host *h,
                   struct predict_receiver *ret)
{
    *ret = (struct predict_receiver){.group = VEC_INIT(const struct net_socket *),
                                     .others = VEC_INIT(struct predict_other),
                                     .certain = TRI_YES};
    struct search q = {.packet = p, .host = h, .ret = ret};
    ret->socket = find_connection(p, h);
    if (ret->socket) {
        ret->connection = true;
        return 0;
    }
    search_list(&q, false);
    if (!q.best)
        search_list(&q, true);
    bool after_best = false;
    for (size_t i = 0; i < h->n_sockets; i++) {
        after_best = after_best || h->sockets[i] == q.best;
        if (is_candidate(p, h->sockets[i]) && sort_out(&q, h->sockets[i], after_best) < 0)
            return -ENOMEM;
    }
    if (ret->group.len == 1)
        ret->group.len = 0;
    doubt_winner(&q);
    ret->socket = q.best;
    return 0;
}
