#include "cmd/scan_local.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "cmd/commands.h"
#include "cmd/receivers.h"
#include "cmd/sockets.h"
#include "flow/target.h"
#include "kernel/links.h"
#include "kernel/privilege.h"

enum { PORT_BYTES = (1 << 16) / 8 };

/* A wildcard, as an address to connect to, is this machine. */
static uint32_t device_of(const struct vec *links, const struct target *t)
{
    struct net_addr a;
    uint16_t port;
    if (!target_get_ip(&t->address, &a, &port))
        return 0;
    const struct net_iface *own = net_iface_by_addr(links->items, (uint32_t)links->len, &a, NULL);
    bool loops = net_addr_is_loopback(&a) || net_addr_is_wildcard(&a);
    for (size_t i = 0; !own && loops && i < links->len; i++) {
        const struct net_iface *link = vec_at(links, i);
        own = link->flags & IFF_LOOPBACK ? link : NULL;
    }
    return own ? own->index : 0;
}

int scan_local_init(struct scan_local *s, const struct vec *hosts)
{
    struct vec links = VEC_INIT(struct net_iface);
    facts_init(&s->facts);
    s->devices = calloc(hosts->len ? hosts->len : 1, sizeof *s->devices);
    s->taken = calloc(PORT_BYTES, 1);
    if (!s->devices || !s->taken)
        return -ENOMEM;
    if (links_read(&links, NULL) < 0)
        return 0;
    for (size_t i = 0; i < links.len; i++) {
        const struct net_iface *link = vec_at(&links, i);
        s->loopback_down |= link->flags & IFF_LOOPBACK && !(link->flags & IFF_UP);
    }
    for (size_t i = 0; i < hosts->len; i++) {
        s->devices[i] = device_of(&links, vec_at(hosts, i));
        s->any |= s->devices[i] != 0;
    }
    links_free(&links);
    return 0;
}

void scan_local_clear(struct scan_local *s)
{
    free(s->devices);
    free(s->taken);
    if (s->devices)
        facts_clear(&s->facts);
    *s = (struct scan_local){0};
}

static int keep(void *ctx, const struct socket_row *row)
{
    struct scan_local *s = ctx;
    uint32_t port = row->socket->local_port;
    s->taken[port / 8 % PORT_BYTES] |= (uint8_t)(1u << port % 8);
    return facts_add_socket(&s->facts, row->socket);
}

void scan_local_look(struct scan_local *s, bool udp)
{
    static const struct sockets_arguments here = {0};
    _cleanup_sockets_ struct sockets sockets = {0};
    struct err e = {0};
    if (sockets_init(&sockets, &command_scan, &here))
        return;
    sockets.query.kinds = udp ? 1u << NET_UDP : 1u << NET_TCP;
    sockets.query.states = udp ? 1u << NET_CLOSE : 1u << NET_LISTEN;
    sockets.query.detail = SOURCE_OWNERS;
    if (sockets_read(&sockets, keep, s, &e) < 0)
        err_print(&e, stderr);
    else
        s->looked = true;
}

int scan_local_find(struct scan_local *s, size_t host, const struct target *t, struct vec *ret)
{
    struct receivers_question q = {.kind = t->type == SOCK_DGRAM ? NET_UDP : NET_TCP,
                                   .ifindex = s->devices[host]};
    if (!s->looked || !s->devices[host] || !target_get_ip(&t->address, &q.to, &q.port))
        return 0;
    if (!(s->taken[q.port / 8] & 1u << q.port % 8))
        return 0;
    q.from = q.to; /* what this host sends to itself comes from there */
    int error = receivers_find(&q, &s->facts, ret);
    s->hidden |= receivers_hide(ret->items, ret->len);
    return error;
}

void scan_local_tell(const struct scan_local *s)
{
    if (s->hidden)
        err_tell("some owners may not be seen (%s)", privilege_to_see());
}
