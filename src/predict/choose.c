/* Which port the kernel takes where a program leaves it the choice: inet_csk_find_open_port of
 * net/ipv4/inet_connection_sock.c, udp_lib_get_port of net/ipv4/udp.c.
 * test: tests/prove */
#include <string.h>

#include "predict/connect.h"
#include "predict/rules.h"

static void note(struct predict_taken *t, uint32_t port, enum tri clash)
{
    if (clash == TRI_YES)
        port_set_add(&t->certainly, port);
    if (clash != TRI_NO)
        port_set_add(&t->perhaps, port);
}

static void find_taken(const struct predict_candidate *c, const struct predict_host *h,
                       enum rules_way way, struct predict_taken *ret)
{
    memset(ret, 0, sizeof *ret);
    for (size_t i = 0; i < h->n_sockets; i++) {
        const struct net_socket *s = h->sockets[i];
        enum tri accepts;
        if (!rules_owns(s, c->kind, 0))
            continue;
        struct rules_clash clash =
            c->kind == NET_TCP ? rules_clash_tcp(c, s, way) : rules_clash_udp(c, s, &accepts);
        note(ret, s->local_port, clash.clash);
    }
}

static void add(struct predict_choice *ret, const struct predict_taken *t, uint32_t port,
                bool tried)
{
    if (!port_set_has(&t->perhaps, port) && tried && !port_set_has(&ret->certain, port)) {
        port_set_add(&ret->certain, port);
        ret->n_certain++;
    }
    if (!port_set_has(&t->certainly, port) && !port_set_has(&ret->possible, port)) {
        port_set_add(&ret->possible, port);
        ret->n_possible++;
    }
}

/* TCP tries every second port from a random one on, then the others between them. Where the window
 * holds an odd number of ports it takes one too few: of three it never tries the last, of more it
 * misses the first or the last, as chance has it. */
static void scan(struct predict_choice *ret, const struct predict_taken *t,
                 const struct port_set *reserved, uint32_t low, uint32_t high)
{
    uint32_t n = high - low;
    bool odd = n > 1 && n % 2;
    for (uint32_t port = low; port < high; port++) {
        bool last = port == high - 1, first = port == low;
        if (port_set_has(reserved, port) || (odd && n == 3 && last))
            continue;
        add(ret, t, port, !(odd && n > 3 && (first || last)));
    }
}

/* With SO_REUSEADDR the lower half of the range comes first. */
static void scan_tcp(struct predict_choice *ret, const struct predict_taken *t,
                     const struct predict_settings *s, bool halves)
{
    uint32_t low = s->range_first, high = s->range_last + 1;
    if (!halves || high - low < 4) {
        scan(ret, t, &s->reserved, low, high);
        return;
    }
    uint32_t middle = low + ((high - low) >> 2 << 1);
    scan(ret, t, &s->reserved, low, middle);
    scan(ret, t, &s->reserved, middle, high);
}

static void scan_udp(struct predict_choice *ret, const struct predict_taken *t,
                     const struct predict_settings *s)
{
    for (uint32_t port = s->range_first; port <= s->range_last; port++)
        if (!port_set_has(&s->reserved, port))
            add(ret, t, port, true);
}

void predict_choose_port(const struct predict_candidate *c, const struct predict_host *h,
                         struct predict_choice *ret)
{
    struct predict_taken taken;
    memset(ret, 0, sizeof *ret);
    find_taken(c, h, RULES_CHOOSE, &taken);
    if (c->kind != NET_TCP) {
        scan_udp(ret, &taken, &h->settings);
        return;
    }
    scan_tcp(ret, &taken, &h->settings, c->reuseaddr);
    if (ret->n_certain || !h->settings.autobind_reuse)
        return;
    find_taken(c, h, RULES_CHOOSE_RELAXED, &taken);
    scan_tcp(ret, &taken, &h->settings, c->reuseaddr);
}

/* connect(2) of TCP: __inet_hash_connect of net/ipv4/inet_hashtables.c. Ports that others took by
 * connecting are shared, but for the same two ends; those that were bound are not.
 * test: tests/prove */

static bool is_same_addr(const struct net_addr *a, const struct net_addr *b)
{
    struct net_addr x = net_addr_unmap(a), y = net_addr_unmap(b);
    return x.family == y.family && memcmp(x.bytes, y.bytes, sizeof x.bytes) == 0;
}

static enum tri keeps_from(const struct predict_connection *c, const struct net_addr *source,
                           const struct net_socket *owner, bool buckets_known)
{
    bool same = owner->peer_port == c->to_port && is_same_addr(&owner->peer, &c->to) &&
                is_same_addr(&owner->local, source);
    if (same) /* that of TIME_WAIT may be used again: net.ipv4.tcp_tw_reuse */
        return owner->state == NET_TIME_WAIT ? TRI_MAYBE : TRI_YES;
    if (buckets_known)
        return TRI_NO;
    /* Whether a connection's port was bound before isn't told by the socket. */
    return owner->peer_port ? TRI_MAYBE : TRI_YES;
}

void predict_sources_init(struct predict_sources *s, const struct predict_connection *c,
                          const struct net_addr *source)
{
    *s = (struct predict_sources){.connection = c, .source = source};
}

void predict_sources_see(struct predict_sources *s, const struct net_socket *owner,
                         bool buckets_known)
{
    const struct predict_connection *c = s->connection;
    const struct predict_candidate any = {
        .kind = c->kind, .family = c->to.family, .addr = {.family = c->to.family}};
    enum tri accepts;
    if (!rules_owns(owner, c->kind, 0))
        return;
    note(&s->taken, owner->local_port,
         c->kind == NET_TCP ? keeps_from(c, s->source, owner, buckets_known)
                            : rules_clash_udp(&any, owner, &accepts).clash);
}

void predict_sources_see_bucket(struct predict_sources *s, const struct net_bucket *b)
{
    note(&s->taken, b->port, tri_of(b->fastreuse >= 0 || b->fastreuseport >= 0));
}

void predict_sources_choose(const struct predict_sources *s,
                            const struct predict_settings *settings, struct predict_choice *ret)
{
    memset(ret, 0, sizeof *ret);
    if (s->connection->kind == NET_TCP)
        scan(ret, &s->taken, &settings->reserved, settings->range_first, settings->range_last + 1);
    else
        scan_udp(ret, &s->taken, settings);
}
