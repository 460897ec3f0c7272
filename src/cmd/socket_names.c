#include "cmd/socket_names.h"

#include "base/time.h"
#include "names/reverse.h"

static const struct net_addr *address_of(const struct net_socket *s, enum net_end end)
{
    return end == NET_END_LOCAL ? &s->local : &s->peer;
}

/* The protocol whose services a kind's ports are; NULL: they are no such ports. UDP-Lite shares
 * UDP's (RFC 3828, section 7). */
static const char *protocol_of(enum net_kind kind)
{
    switch (kind) {
    case NET_TCP:
    case NET_MPTCP:
        return "tcp";
    case NET_UDP:
    case NET_UDPLITE:
        return "udp";
    case NET_SCTP:
        return "sctp";
    case NET_DCCP:
        return "dccp";
    default:
        return NULL;
    }
}

int socket_names_ask(struct reverse *r, const struct net_socket *s)
{
    int result = reverse_ask(r, &s->local);
    return result < 0 ? result : reverse_ask(r, &s->peer);
}

void socket_names_wait(struct reverse *r, uint64_t timeout_ns)
{
    static const uint64_t endless = UINT64_MAX / 4;
    reverse_wait(r, time_monotonic_ns() + (timeout_ns < endless ? timeout_ns : endless));
}

static const char *host_of(const struct socket_row *row, enum net_end end)
{
    struct reverse *r = row->view->reverse;
    return r ? reverse_host(r, address_of(row->socket, end)) : NULL;
}

static const char *service_of(const struct socket_row *row, enum net_end end)
{
    const struct net_socket *s = row->socket;
    struct reverse *r = row->view->reverse;
    const char *protocol = protocol_of(s->kind);
    uint32_t port = end == NET_END_LOCAL ? s->local_port : s->peer_port;
    return r && protocol && port ? reverse_service(r, (uint16_t)port, protocol) : NULL;
}

void name_get_host(const struct render_column *c, const void *row, struct cell *ret)
{
    cell_set_text(ret, host_of(row, (enum net_end)c->id));
}

void name_get_service(const struct render_column *c, const void *row, struct cell *ret)
{
    (void)c;
    const char *service = service_of(row, NET_END_LOCAL);
    cell_set_text(ret, service ? service : service_of(row, NET_END_PEER));
}

bool socket_column_is_name(const struct render_column *c)
{
    return c->get == name_get_host || c->get == name_get_service;
}

void socket_names_format_end(struct buf *out, const struct socket_row *row, enum net_end end)
{
    struct net_end_names names = {0};
    if (row->view->names)
        names = (struct net_end_names){.host = host_of(row, end), .service = service_of(row, end)};
    net_socket_format_end_named(out, row->socket, end, &names);
}

void name_text_end(const struct render_column *c, const void *row, struct buf *out)
{
    socket_names_format_end(out, row, (enum net_end)c->id);
}
