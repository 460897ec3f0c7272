/* Findings about ports: those that connections come from, and those that a server wants back. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "predict/findings_impl.h"

enum { NS_PER_MS = 1000000, LOW_PERCENT = 80, OUT_PERCENT = 98, BLOCKED_PERCENT = 50 };

static bool range_is_known(const struct findings *f)
{
    return !(f->host.settings.unknown >> PREDICT_PORT_RANGE & 1);
}

static bool in_range(const struct findings *f, uint32_t port)
{
    const struct predict_settings *s = &f->host.settings;
    return port >= s->range_first && port <= s->range_last && port <= UINT16_MAX &&
           !port_set_has(&s->reserved, port);
}

static uint32_t range_size(const struct findings *f)
{
    uint32_t n = 0;
    for (uint32_t port = 1; port <= UINT16_MAX; port++)
        n += in_range(f, port);
    return n;
}

/* A port that some socket was bound to is of no use to connect(2), whatever its destination: only
 * ports that connections alone have are shared (__inet_hash_connect of
 * net/ipv4/inet_hashtables.c; test_doctor.py, test_ports_blocked). */
static bool blocks(const struct findings *f, const struct net_socket *s)
{
    return s->kind == NET_TCP && !s->peer_port && s->local_port && in_range(f, s->local_port);
}

static int blocked_ports(const struct findings *f, struct port_set *ret, struct vec *sockets,
                         uint32_t *ret_n)
{
    *ret_n = 0;
    for (size_t i = 0; i < f->host.n_sockets; i++) {
        const struct net_socket *s = findings_socket(f, i);
        if (!blocks(f, s))
            continue;
        *ret_n += !port_set_has(ret, s->local_port);
        port_set_add(ret, s->local_port);
        if (sockets && vec_add(sockets, &s) < 0)
            return -ENOMEM;
    }
    return 0;
}

static void put_range(struct buf *out, const struct findings *f)
{
    const struct predict_settings *s = &f->host.settings;
    buf_printf(out, "net.ipv4.ip_local_port_range is %u to %u", s->range_first, s->range_last);
}

static void put_wider(struct buf *out, const struct findings *f)
{
    if (f->host.settings.range_first > 10000)
        buf_printf(out, "widen the range: sysctl net.ipv4.ip_local_port_range=\"%u %u\"\n",
                   f->host.settings.range_first > 20000 ? 10000 : 1024,
                   f->host.settings.range_last < 60999 ? 60999 : f->host.settings.range_last);
}

/* To one destination */

static uint64_t mix(uint64_t h, const struct net_addr *a)
{
    struct net_addr plain = net_addr_unmap(a);
    for (size_t i = 0; i < sizeof plain.bytes; i++)
        h = (h ^ plain.bytes[i]) * 0x100000001b3u;
    return h;
}

static bool same_address(const struct net_addr *a, const struct net_addr *b)
{
    struct net_addr x = net_addr_unmap(a), y = net_addr_unmap(b);
    return x.family == y.family && memcmp(x.bytes, y.bytes, sizeof x.bytes) == 0;
}

static bool same_way(const struct net_socket *a, const struct net_socket *b)
{
    return a->peer_port == b->peer_port && same_address(&a->local, &b->local) &&
           same_address(&a->peer, &b->peer);
}

/* TIME_WAIT doesn't keep a port from another connection where net.ipv4.tcp_tw_reuse lets it: 1
 * always, 2 on loopback (tcp_twsk_unique). */
static bool is_reusable(const struct findings *f, const struct net_socket *s)
{
    uint64_t reuse = 2;
    if (s->state != NET_TIME_WAIT)
        return false;
    (void)findings_setting(f, "net.ipv4.tcp_tw_reuse", 0, &reuse);
    return reuse == 1 || (reuse == 2 && net_addr_is_loopback(&s->peer));
}

static bool goes_out(const struct findings *f, const struct net_socket *s)
{
    return s->kind == NET_TCP && s->peer_port && in_range(f, s->local_port) &&
           s->state != NET_NEW_SYN_RECV && !port_set_has(f->listens, s->local_port);
}

static int tell_way(struct findings *f, const struct group *g, uint32_t used, uint32_t usable)
{
    const struct net_socket *first = group_socket(g, 0);
    bool out = (uint64_t)used * 100 >= (uint64_t)usable * OUT_PERCENT;
    struct draft d = draft_start(f, out ? FINDING_BAD : FINDING_WARNING);
    buf_printf(&d.title, "%s left for connections to ", out ? "no port is" : "hardly a port is");
    put_end(&d.title, first, NET_END_PEER);
    buf_printf(&d.evidence, "%u of the %u ports that ", used, usable);
    put_address(&d.evidence, &first->local);
    buf_str(&d.evidence, " may use for it are taken: ");
    put_states(&d.evidence, &g->sockets);
    buf_char(&d.evidence, '\n');
    int r = put_holders(&d.evidence, &g->sockets);
    put_range(&d.evidence, f);
    buf_str(&d.evidence, "; without a port, connect() fails with EADDRNOTAVAIL\n");

    buf_str(&d.remedy, "keep connections and use them again (keep-alive, a pool) instead of one "
                       "for each request\n");
    put_wider(&d.remedy, f);
    buf_str(&d.remedy, "spread them over several addresses, here or there: each pair has ports of "
                       "its own");
    for (size_t i = 0; i < g->sockets.len && r == 0; i++)
        r = draft_add(&d, group_socket(g, i));
    if (r == 0)
        return draft_end(&d);
    draft_drop(&d);
    return r;
}

static uint32_t count_used(const struct findings *f, const struct group *g)
{
    uint32_t n = 0;
    for (size_t i = 0; i < g->sockets.len; i++)
        n += !is_reusable(f, group_socket(g, i));
    return n;
}

int find_ports_running_out(struct findings *f)
{
    _cleanup_groups_ struct groups ways = GROUPS_INIT;
    struct port_set blocked = {0};
    uint32_t n_blocked;
    if (!range_is_known(f))
        return 0;
    int r = blocked_ports(f, &blocked, NULL, &n_blocked);
    for (size_t i = 0; i < f->host.n_sockets && r == 0; i++) {
        const struct net_socket *s = findings_socket(f, i);
        if (goes_out(f, s))
            r = groups_add(&ways, mix(mix(s->peer_port, &s->peer), &s->local), s, same_way);
    }
    uint32_t usable = range_size(f) - n_blocked;
    for (size_t i = 0; i < ways.all.len && r == 0; i++) {
        const struct group *g = vec_at(&ways.all, i);
        uint32_t used = count_used(f, g);
        if ((uint64_t)used * 100 >= (uint64_t)usable * LOW_PERCENT && used)
            r = tell_way(f, g, used, usable);
    }
    return r;
}

/* Bound sockets */

int find_ports_blocked(struct findings *f)
{
    struct port_set blocked = {0};
    uint32_t n, size;
    if (!range_is_known(f))
        return 0;
    struct draft d = draft_start(f, FINDING_WARNING);
    int r = blocked_ports(f, &blocked, &d.sockets, &n);
    size = range_size(f);
    if (r < 0 || n == 0 || (uint64_t)n * 100 < (uint64_t)size * BLOCKED_PERCENT) {
        draft_drop(&d);
        return r;
    }
    if ((uint64_t)n * 100 >= (uint64_t)size * OUT_PERCENT)
        d.severity = FINDING_BAD;
    buf_printf(&d.title, "bound sockets take %u of the %u ports that connections come from", n,
               size);
    r = put_holders(&d.evidence, &d.sockets);
    put_range(&d.evidence, f);
    buf_str(&d.evidence,
            "; a port that is bound, even to one address, is of no use to connect()\n");
    buf_str(&d.remedy, "a client that binds its address sets IP_BIND_ADDRESS_NO_PORT, so that "
                       "connect() chooses the port\n"
                       "close sockets that are bound and not used\n");
    put_wider(&d.remedy, f);
    if (r == 0)
        return draft_end(&d);
    draft_drop(&d);
    return r;
}

/* Remains at a server's port */

/* What a server has left when it has ended; what a process still holds is no remains. */
static bool is_remains(const struct net_socket *s)
{
    return s->kind == NET_TCP && s->local_port <= UINT16_MAX && s->peer_port &&
           (s->state == NET_TIME_WAIT || s->detached == NET_TIME_WAITING ||
            s->detached == NET_ORPHAN);
}

/* A port outside the range with a peer's port inside was a server's; inside it, one with several
 * peers was. Others may be what remains of connections that went out. */
static bool was_servers(const struct findings *f, const struct group *g)
{
    const struct net_socket *first = group_socket(g, 0);
    if (!in_range(f, first->local_port) && in_range(f, first->peer_port))
        return true;
    for (size_t i = 1; i < g->sockets.len; i++) {
        const struct net_socket *s = group_socket(g, i);
        if (s->peer_port != first->peer_port && same_address(&s->peer, &first->peer))
            return true;
    }
    return false;
}

/* What SO_REUSEADDR says of all of them: they have it from the listener. */
static enum tri reuse_of(const struct group *g)
{
    bool any = false, all = true;
    for (size_t i = 0; i < g->sockets.len; i++) {
        const struct net_socket *s = group_socket(g, i);
        if (!net_socket_knows(s, NET_F_REUSEADDR))
            return TRI_MAYBE;
        any |= s->reuseaddr;
        all &= s->reuseaddr;
    }
    return all ? TRI_YES : any ? TRI_MAYBE : TRI_NO;
}

static const struct net_socket *listener_at(const struct findings *f, uint32_t port)
{
    for (size_t i = 0; i < f->host.n_sockets; i++) {
        const struct net_socket *s = findings_socket(f, i);
        if (s->kind == NET_TCP && s->state == NET_LISTEN && s->local_port == port)
            return s;
    }
    return NULL;
}

/* Both must have SO_REUSEADDR: the remains and who binds. *ret_listener: who has the port now and
 * couldn't have it again; NULL: nobody. test: test_doctor.py, test_who_sets_reuseaddr_is_not_held
 */
static bool would_hold(const struct findings *f, const struct group *g,
                       const struct net_socket **ret_listener)
{
    uint32_t port = group_socket(g, 0)->local_port;
    *ret_listener = port_set_has(f->listens, port) ? listener_at(f, port) : NULL;
    if (*ret_listener)
        return net_socket_knows(*ret_listener, NET_F_REUSEADDR) && !(*ret_listener)->reuseaddr;
    return was_servers(f, g) && reuse_of(g) != TRI_YES;
}

/* When the last is gone; 0 where no timer says. */
static uint64_t longest_ms(const struct group *g)
{
    uint64_t longest = 0;
    for (size_t i = 0; i < g->sockets.len; i++) {
        const struct net_socket *s = group_socket(g, i);
        if (!(s->state == NET_TIME_WAIT || s->state == NET_FIN_WAIT2) ||
            !net_socket_knows(s, NET_F_TIMER_MS))
            return 0;
        longest = s->timer_ms > longest ? s->timer_ms : longest;
    }
    return longest;
}

static void put_remains(struct buf *out, const struct group *g, const struct net_socket *listener)
{
    uint32_t port = group_socket(g, 0)->local_port;
    if (listener) {
        put_socket(out, listener);
        buf_str(out, " without SO_REUSEADDR");
    } else {
        buf_printf(out, "nobody listens at %u", port);
    }
    buf_printf(out, ", and %zu closed connection%s ha%s %s (", g->sockets.len,
               plural(g->sockets.len), g->sockets.len == 1 ? "s" : "ve",
               listener ? "its port" : "it");
    put_states(out, &g->sockets);
    buf_char(out, ')');
    uint64_t left = longest_ms(g);
    if (left) {
        buf_str(out, ", for another ");
        time_format_duration(out, left * NS_PER_MS);
    }
    buf_char(out, '\n');
}

static int tell_remains(struct findings *f, const struct group *g,
                        const struct net_socket *listener)
{
    uint32_t port = group_socket(g, 0)->local_port;
    struct draft d = draft_start(f, FINDING_NOTE);
    buf_printf(&d.title, "closed connections %s a restart of the server of port %u",
               listener ? "would hold up" : "hold up", port);
    put_remains(&d.evidence, g, listener);
    if (listener)
        buf_str(&d.evidence, "started anew, it would get EADDRINUSE until then\n");
    else if (reuse_of(g) == TRI_NO)
        buf_str(&d.evidence, "a server gets EADDRINUSE until then, since the last one didn't set "
                             "SO_REUSEADDR\n");
    else
        buf_str(&d.evidence, "a server that doesn't set SO_REUSEADDR gets EADDRINUSE until then\n");
    buf_str(&d.remedy, "let the server set SO_REUSEADDR before bind (most do)\n");
    buf_printf(&d.remedy, "or wait; berth explain bind %u says who is in the way", port);
    int r = 0;
    for (size_t i = 0; i < g->sockets.len && r == 0; i++)
        r = draft_add(&d, group_socket(g, i));
    if (r == 0)
        return draft_end(&d);
    draft_drop(&d);
    return r;
}

int find_time_wait(struct findings *f)
{
    _cleanup_groups_ struct groups ports = GROUPS_INIT;
    int r = 0;
    for (size_t i = 0; i < f->host.n_sockets && r == 0; i++) {
        const struct net_socket *s = findings_socket(f, i);
        if (is_remains(s))
            r = groups_add(&ports, s->local_port, s, NULL);
    }
    for (size_t i = 0; i < ports.all.len && r == 0; i++) {
        const struct group *g = vec_at(&ports.all, i);
        const struct net_socket *listener;
        if (would_hold(f, g, &listener))
            r = tell_remains(f, g, listener);
    }
    return r;
}
