/* Requests for one socket: the kernel's lookup of it, and its end. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include <linux/inet_diag.h>
#include <linux/sock_diag.h>

#include "base/buf.h"
#include "base/err.h"
#include "kernel/diag.h"
#include "kernel/diag_ask.h"
#include "kernel/diag_decode.h"
#include "kernel/netlink.h"

struct request {
    struct nlmsghdr head;
    struct inet_diag_req_v2 body;
};

static uint8_t protocol_of(enum net_kind kind)
{
    switch (kind) {
    case NET_TCP:
        return IPPROTO_TCP;
    case NET_UDP:
        return IPPROTO_UDP;
    case NET_UDPLITE:
        return IPPROTO_UDPLITE;
    default:
        return 0;
    }
}

static void set_end(__be32 *to, __be16 *to_port, const struct net_addr *a, uint32_t port)
{
    memcpy(to, a->bytes, net_addr_length(a));
    *to_port = htons((uint16_t)port);
}

static struct request request_for(uint16_t type, enum net_kind kind, uint8_t family)
{
    return (struct request){
        .head = {.nlmsg_type = type, .nlmsg_len = sizeof(struct request)},
        .body = {.sdiag_family = family,
                 .sdiag_protocol = protocol_of(kind),
                 .idiag_states = NET_STATES_ALL,
                 .id.idiag_cookie = {INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE}},
    };
}

static int ignore(void *ctx, const struct nlmsghdr *m)
{
    (void)ctx, (void)m;
    return 0;
}

static int ask_once(struct request *request, int (*message)(void *, const struct nlmsghdr *),
                    void *ctx, struct err *e)
{
    _cleanup_netlink_ struct netlink n = NETLINK_CLOSED;
    const struct netlink_reader reader = {.message = message, .ctx = ctx};
    int result = netlink_open(&n, NETLINK_SOCK_DIAG, e);
    return result < 0 ? result : netlink_ask(&n, &request->head, 0, &reader, e);
}

static int explain_destroy(const struct net_socket *s, int result, struct err *e)
{
    static const struct {
        int code;
        const char *hint;
    } hints[] = {
        {EPERM, "closing another program's connection needs CAP_NET_ADMIN"},
        {EOPNOTSUPP, "this kernel can't: it was built without CONFIG_INET_DIAG_DESTROY"},
        {ENOENT, "it is gone already"},
        {EINVAL, "only connections of TCP and UDP that can be told from all others"},
    };
    _cleanup_buf_ struct buf subject = BUF_INIT(512);
    const char *hint = NULL;
    for (size_t i = 0; i < sizeof hints / sizeof *hints; i++)
        if (result == -hints[i].code)
            hint = hints[i].hint;
    net_socket_format_end(&subject, s, NET_END_LOCAL);
    buf_str(&subject, " - ");
    net_socket_format_end(&subject, s, NET_END_PEER);
    return err_set(e, -result, "close the connection", buf_cstr(&subject), hint ? "%s" : NULL,
                   hint);
}

/* The kernel's lookup for a socket without peer takes wildcards too: then the cookie must say which
 * is meant. */
static bool is_definite(const struct net_socket *s)
{
    return protocol_of(s->kind) && net_addr_length(&s->local) && s->local_port <= UINT16_MAX &&
           s->peer_port <= UINT16_MAX && (s->cookie || s->peer_port);
}

int diag_destroy(const struct net_socket *s, struct err *e)
{
    struct request request = request_for(SOCK_DESTROY, s->kind, s->local.family);
    struct inet_diag_sockid *id = &request.body.id;
    if (!is_definite(s))
        return explain_destroy(s, -EINVAL, e);
    set_end(id->idiag_src, &id->idiag_sport, &s->local, s->local_port);
    set_end(id->idiag_dst, &id->idiag_dport, &s->peer, s->peer_port);
    id->idiag_if = s->ifindex;
    if (s->cookie) {
        id->idiag_cookie[0] = (uint32_t)s->cookie;
        id->idiag_cookie[1] = (uint32_t)(s->cookie >> 32);
    }
    int result = ask_once(&request, ignore, NULL, NULL);
    return result < 0 ? explain_destroy(s, result, e) : 0;
}

struct found {
    struct diag_decoder decoder;
    struct net_socket *row;
    bool any;
};

static int on_found(void *ctx, const struct nlmsghdr *m)
{
    struct found *f = ctx;
    f->any = diag_inet_decode(&f->decoder, m, f->row) == 0;
    return f->any ? 0 : -EBADMSG;
}

struct question {
    enum net_kind kind;
    struct net_addr local, remote;
    uint16_t local_port, remote_port;
    uint32_t ifindex, detail;
};

static int look_up(const struct question *q, struct net_socket *ret, struct err *e)
{
    struct net_socket row;
    struct found found = {.decoder = {.kind = q->kind, .detail = q->detail}, .row = &row};
    struct request request = request_for(SOCK_DIAG_BY_FAMILY, q->kind, q->local.family);
    struct inet_diag_sockid *id = &request.body.id;
    if (!protocol_of(q->kind) || !net_addr_length(&q->local) || q->local.family != q->remote.family)
        return err_set(e, EINVAL, "look up a socket", net_kind_name(q->kind), NULL);
    request.body.idiag_ext = diag_inet_extensions(q->detail);
    if (q->kind == NET_TCP) {
        set_end(id->idiag_src, &id->idiag_sport, &q->local, q->local_port);
        set_end(id->idiag_dst, &id->idiag_dport, &q->remote, q->remote_port);
    } else { /* udp_dump_one takes them the other way round: as the packet has them */
        set_end(id->idiag_src, &id->idiag_sport, &q->remote, q->remote_port);
        set_end(id->idiag_dst, &id->idiag_dport, &q->local, q->local_port);
    }
    id->idiag_if = q->ifindex;
    int result = ask_once(&request, on_found, &found, e);
    if (result < 0)
        return result;
    if (!found.any)
        return err_set(e, ENOENT, "look up a socket", net_kind_name(q->kind), NULL);
    *ret = row;
    return 0;
}

int diag_lookup(enum net_kind kind, const struct net_addr *local, uint16_t local_port,
                const struct net_addr *remote, uint16_t remote_port, uint32_t ifindex,
                struct net_socket *ret, struct err *e)
{
    const struct question q = {.kind = kind,
                               .local = *local,
                               .remote = *remote,
                               .local_port = local_port,
                               .remote_port = remote_port,
                               .ifindex = ifindex};
    return look_up(&q, ret, e);
}

static bool same_end(const struct net_addr *a, uint32_t a_port, const struct net_addr *b,
                     uint32_t b_port)
{
    struct net_addr x = net_addr_unmap(a), y = net_addr_unmap(b);
    return a_port == b_port && x.family == y.family &&
           memcmp(x.bytes, y.bytes, sizeof x.bytes) == 0;
}

/* The kernel keeps a mapped connection of an IPv6 socket where it keeps those of IPv4. */
int diag_find(const struct net_socket *ends, uint32_t ifindex, uint32_t detail,
              struct net_socket *ret, struct err *e)
{
    const struct question q = {.kind = ends->kind,
                               .local = net_addr_unmap(&ends->local),
                               .remote = net_addr_unmap(&ends->peer),
                               .local_port = (uint16_t)ends->local_port,
                               .remote_port = (uint16_t)ends->peer_port,
                               .ifindex = ifindex,
                               .detail = detail};
    struct net_socket row;
    int result = look_up(&q, &row, e);
    if (result < 0)
        return result;
    if (!same_end(&row.local, row.local_port, &ends->local, ends->local_port) ||
        !same_end(&row.peer, row.peer_port, &ends->peer, ends->peer_port))
        return err_set(e, ENOENT, "look up a socket", net_kind_name(q.kind), NULL);
    *ret = row;
    return 0;
}
