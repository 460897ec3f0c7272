#include "cmd/in_the_way.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/time.h"
#include "cmd/commands.h"
#include "cmd/holding.h"
#include "flow/target.h"

struct wanted {
    const struct target *target;
    struct net_addr addr; /* AF_UNSPEC: a UNIX name or a vsock port */
    uint16_t port;
    char path[128]; /* as in net_socket */
    size_t path_n;
};

/* Whether both could get the same connection. An IPv6 wildcard takes IPv4 too, unless v6only. */
static bool overlaps(const struct net_socket *s, const struct wanted *w)
{
    if (w->addr.family == AF_UNSPEC)
        return s->path_len == w->path_n && memcmp(s->path, w->path, w->path_n) == 0;
    if (s->local_port != w->port)
        return false;
    struct net_addr a = net_addr_unmap(&s->local), b = net_addr_unmap(&w->addr);
    if (a.family == b.family)
        return net_addr_is_wildcard(&a) || net_addr_is_wildcard(&b) ||
               memcmp(a.bytes, b.bytes, sizeof a.bytes) == 0;
    const struct net_addr *v6 = a.family == AF_INET6 ? &a : &b;
    bool v6only =
        v6 == &a ? net_socket_knows(s, NET_F_V6ONLY) && s->v6only : w->target->v6only == 1;
    return net_addr_is_wildcard(v6) && !v6only;
}

static int rank(enum net_hold hold)
{
    return hold == NET_HOLD_LISTENS ? 0 : hold == NET_HOLD_BOUND ? 1 : 2;
}

static const struct net_held *find_held(const struct holding *h, const struct wanted *w,
                                        const struct net_holder **ret_holder)
{
    const struct net_held *best = NULL;
    for (size_t i = 0; i < h->holders.all.len; i++) {
        const struct net_holder *holder = vec_at(&h->holders.all, i);
        for (size_t k = 0; k < holder->sockets.len; k++) {
            const struct net_held *held = vec_at(&holder->sockets, k);
            if (!overlaps(held->socket, w) || (best && rank(best->hold) <= rank(held->hold)))
                continue;
            best = held;
            *ret_holder = holder;
        }
    }
    return best;
}

static void put_socket(struct buf *out, const struct net_held *held)
{
    const struct net_socket *s = held->socket;
    buf_printf(out, "%s ", net_kind_name(s->kind));
    net_socket_format_end(out, s, NET_END_LOCAL);
    if (held->hold == NET_HOLD_BOUND)
        buf_str(out, ", bound only");
    else
        buf_printf(out, ", %s", net_state_name(s->state));
}

/* SO_REUSEADDR doesn't help where the socket that was closed didn't have it: each of the two must
 * (net/ipv4/inet_connection_sock.c, inet_bind_conflict). */
static void put_wait(struct buf *out, const struct net_socket *s)
{
    buf_str(out, "; it goes by itself ");
    if (net_socket_knows(s, NET_F_TIMER_MS)) {
        buf_str(out, "in ");
        time_format_duration(out, s->timer_ms * 1000000);
    } else {
        buf_str(out, "within a minute");
    }
}

static void put_remedy(struct buf *out, const struct wanted *w, const struct net_held *held,
                       const struct net_holder *holder)
{
    if (holder->pid == getpid())
        buf_str(out, "; two of the endpoints given overlap");
    else if (holder->hidden)
        buf_str(out, "; run as root to see whose it is, or take another port");
    else if (held->hold == NET_HOLD_REMAINS)
        put_wait(out, held->socket);
    else if (w->addr.family == AF_UNSPEC)
        buf_str(out, "; end it, or take another name");
    else
        buf_printf(out, "; end it with berth free %u, or take another port", w->port);
}

static void put_holder(struct buf *out, const struct net_holder *holder,
                       const struct net_held *held)
{
    if (holder->pid)
        holder_name(out, holder);
    else if (holder->hidden)
        buf_str(out, "a process that you may not see");
    else
        buf_str(out, held->hold == NET_HOLD_REMAINS ? "what remains of a closed connection"
                                                    : "no process");
    buf_str(out, " has ");
    put_socket(out, held);
}

static void say(struct err *e, const struct holding *h, const struct wanted *w)
{
    _cleanup_buf_ struct buf words = BUF_INIT(1024);
    const struct net_holder *holder = NULL;
    const struct net_held *held = find_held(h, w, &holder);
    if (!held)
        return;
    put_holder(&words, holder, held);
    put_remedy(&words, w, held, holder);
    snprintf(e->hint, sizeof e->hint, "%s", buf_cstr(&words));
}

static void take_path(struct wanted *w)
{
    struct sockaddr_un un;
    size_t head = offsetof(struct sockaddr_un, sun_path);
    memcpy(&un, &w->target->address, sizeof un);
    if (w->target->address_n <= head)
        return;
    w->path_n = w->target->address_n - head;
    memcpy(w->path, un.sun_path, w->path_n);
    if (!un.sun_path[0])
        w->path[0] = '@';
    else
        w->path_n = strnlen(w->path, w->path_n);
}

void in_the_way_explain(struct err *e, const struct target *t)
{
    struct wanted w = {.target = t};
    struct holding h = {0};
    struct sockets_arguments here = {0};
    char filter[64] = "unix";
    if (e->code != EADDRINUSE)
        return;
    if (target_get_ip(&t->address, &w.addr, &w.port))
        snprintf(filter, sizeof filter, "%s and sport = :%u", t->type == SOCK_DGRAM ? "udp" : "tcp",
                 w.port);
    else if (t->family == AF_UNIX)
        take_path(&w);
    else
        return;
    if (holding_read_filter(&h, &command_who, &here, filter) == 0)
        say(e, &h, &w);
    holding_clear(&h);
}
