#include "cmd/explain_host.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "kernel/gather.h"
#include "kernel/links.h"
#include "kernel/sysctl.h"

struct explain_port {
    enum net_kind kind;
    uint16_t port;
    struct ports ports;
    struct vec sockets; /* const struct net_socket * */
    struct predict_host host;
};

struct explain_holding {
    enum net_kind kind;
    uint32_t port;
    struct holding holding;
};

/* Opening */

static int read_links(void *ctx, struct err *e)
{
    struct explain_host *h = ctx;
    h->has_ipv6 = access("/proc/net/if_inet6", F_OK) == 0;
    return links_read(&h->links, e);
}

static void read_settings(struct explain_host *h)
{
    _cleanup_buf_ struct buf value = BUF_INIT(SYSCTL_MAX);
    predict_settings_init(&h->settings);
    for (int i = 0; i < PREDICT_SETTINGS; i++) {
        const char *name = predict_setting_name((enum predict_setting)i);
        if (sockets_sysctl(&h->sockets, name, &value) == 0)
            predict_settings_read(&h->settings, name, buf_cstr(&value));
    }
}

static void open_saved(struct explain_host *h)
{
    _cleanup_buf_ struct buf value = BUF_INIT(SYSCTL_MAX);
    const struct facts *f = &h->sockets.facts;
    h->has_ipv6 = sockets_sysctl(&h->sockets, "net.ipv6.bindv6only", &value) == 0;
    h->uid = f->uid;
    h->may_bind_low_ports = f->capabilities >> CAP_NET_BIND_SERVICE & 1;
}

static int open_live(struct explain_host *h, enum source_via via, struct err *e)
{
    h->uid = (uint32_t)geteuid();
    h->may_bind_low_ports = gather_capabilities() >> CAP_NET_BIND_SERVICE & 1;
    int result = sockets_visit(&h->sockets, read_links, h, e);
    return result < 0 ? result : ports_open(via, &h->reader, e);
}

static int fail(const struct err *e)
{
    err_print(e, stderr);
    return e->code == EPERM || e->code == EACCES ? EXIT_PERMISSION : EXIT_NO;
}

int explain_host_open(struct explain_host *h, const struct command *c,
                      const struct sockets_arguments *a)
{
    struct err e = {0};
    *h = (struct explain_host){.command = c,
                               .links = VEC_INIT(struct net_iface),
                               .asked = VEC_INIT(struct explain_port *),
                               .holdings = VEC_INIT(struct explain_holding *)};
    int status = sockets_init(&h->sockets, c, a);
    if (status)
        return status;
    read_settings(h);
    if (a->facts) {
        open_saved(h);
        return 0;
    }
    return open_live(h, (enum source_via)a->via, &e) < 0 ? fail(&e) : 0;
}

static void free_port(struct explain_port *p)
{
    vec_free(&p->sockets);
    ports_clear(&p->ports);
    free(p);
}

static void free_holding(struct explain_holding *h)
{
    holding_clear(&h->holding);
    free(h);
}

void explain_host_refresh(struct explain_host *h)
{
    for (size_t i = 0; i < h->asked.len; i++)
        free_port(*(struct explain_port **)vec_at(&h->asked, i));
    for (size_t i = 0; i < h->holdings.len; i++)
        free_holding(*(struct explain_holding **)vec_at(&h->holdings, i));
    vec_free(&h->asked);
    vec_free(&h->holdings);
}

void explain_host_close(struct explain_host *h)
{
    explain_host_refresh(h);
    ports_close(h->reader);
    links_free(&h->links);
    sockets_clear(&h->sockets);
}

/* Ports */

struct port_question {
    struct explain_host *host;
    struct explain_port *port;
};

static int read_port(void *ctx, struct err *e)
{
    struct port_question *q = ctx;
    const struct ports_query query = {.kinds = 1u << q->port->kind, .port = q->port->port};
    return ports_read(q->host->reader, &query, &q->port->ports, &q->host->sockets.report, e);
}

static int add_socket(struct explain_port *p, const struct net_socket *s)
{
    return vec_add(&p->sockets, &s);
}

static int fill_live(struct explain_host *h, struct explain_port *p, struct err *e)
{
    struct port_question q = {h, p};
    int result = sockets_visit(&h->sockets, read_port, &q, e);
    /* Listeners first, as people expect; among themselves they keep the kernel's order. */
    for (int listeners = 1; listeners >= 0; listeners--)
        for (size_t i = 0; result == 0 && i < p->ports.sockets.len; i++) {
            const struct net_socket *s = vec_at(&p->ports.sockets, i);
            if ((s->state == NET_LISTEN) == listeners)
                result = add_socket(p, s);
        }
    p->host.interfaces = h->links.items;
    p->host.n_interfaces = (uint32_t)h->links.len;
    p->host.complete = p->ports.complete;
    p->host.udp_ordered = p->ports.udp_ordered;
    p->host.listeners_ordered = p->ports.listeners_ordered;
    p->host.buckets = p->ports.buckets.items;
    p->host.n_buckets = p->ports.buckets.len;
    p->host.buckets_known = p->ports.buckets_known;
    return result;
}

/* A saved host has all its sockets, in no order that the kernel's lists would have. */
static int fill_saved(const struct explain_host *h, struct explain_port *p)
{
    const struct facts *f = &h->sockets.facts;
    for (size_t i = 0; i < f->sockets.len; i++) {
        const struct net_socket *s = vec_at(&f->sockets, i);
        if (s->kind != p->kind || (p->port && s->local_port != p->port) ||
            sockets_is_elsewhere(&h->sockets, s))
            continue;
        int result = add_socket(p, s);
        if (result < 0)
            return result;
    }
    p->host.interfaces = f->interfaces.items;
    p->host.n_interfaces = (uint32_t)f->interfaces.len;
    p->host.complete = true;
    return 0;
}

int explain_host_at(struct explain_host *h, enum net_kind kind, uint16_t port,
                    const struct predict_host **ret, struct err *e)
{
    for (size_t i = 0; i < h->asked.len; i++) {
        struct explain_port *p = *(struct explain_port **)vec_at(&h->asked, i);
        if (p->kind == kind && p->port == port) {
            *ret = &p->host;
            return 0;
        }
    }
    struct explain_port *p = calloc(1, sizeof *p);
    if (!p)
        return err_set(e, ENOMEM, "look at the port", "", NULL);
    p->kind = kind;
    p->port = port;
    p->sockets = VEC_INIT(const struct net_socket *);
    p->host = (struct predict_host){.has_ipv6 = h->has_ipv6, .settings = h->settings};
    int result = h->reader ? fill_live(h, p, e) : fill_saved(h, p);
    if (result == 0)
        result = vec_add(&h->asked, &p);
    if (result < 0) {
        free_port(p);
        return result;
    }
    p->host.sockets = p->sockets.items;
    p->host.n_sockets = p->sockets.len;
    *ret = &p->host;
    return 0;
}

/* Owners */

static bool same_end(const struct net_addr *a, uint32_t a_port, const struct net_addr *b,
                     uint32_t b_port)
{
    struct net_addr x = net_addr_unmap(a), y = net_addr_unmap(b);
    return a_port == b_port && x.family == y.family && memcmp(x.bytes, y.bytes, 16) == 0;
}

static bool is_same(const struct net_socket *a, const struct net_socket *b)
{
    if (net_socket_knows(a, NET_F_INODE) && net_socket_knows(b, NET_F_INODE))
        return a->inode == b->inode;
    return a->state == b->state && a->family == b->family &&
           same_end(&a->local, a->local_port, &b->local, b->local_port) &&
           same_end(&a->peer, a->peer_port, &b->peer, b->peer_port);
}

/* Who has this port, read once. NULL where that can't be had. */
static struct holding *holding_of(struct explain_host *h, enum net_kind kind, uint32_t port)
{
    char filter[64];
    for (size_t i = 0; i < h->holdings.len; i++) {
        struct explain_holding *one = *(struct explain_holding **)vec_at(&h->holdings, i);
        if (one->kind == kind && one->port == port)
            return &one->holding;
    }
    struct explain_holding *one = calloc(1, sizeof *one);
    if (!one)
        return NULL;
    one->kind = kind;
    one->port = port;
    snprintf(filter, sizeof filter, "%s and sport = :%u", net_kind_name(kind), port);
    if (holding_read_filter(&one->holding, h->command, h->sockets.arguments, filter) != 0 ||
        vec_add(&h->holdings, &one) < 0) {
        free_holding(one);
        return NULL;
    }
    return &one->holding;
}

const struct net_socket *explain_host_owned(struct explain_host *h, const struct net_socket *s)
{
    const struct holding *all = holding_of(h, s->kind, s->local_port);
    for (size_t i = 0; all && i < all->found.len; i++) {
        const struct net_socket *other = *(const struct net_socket **)vec_at(&all->found, i);
        if (is_same(other, s))
            return other;
    }
    return s;
}

/* Devices */

static const struct net_iface *interfaces_of(const struct explain_host *h, uint32_t *ret_n)
{
    const struct vec *all = h->reader ? &h->links : &h->sockets.facts.interfaces;
    *ret_n = (uint32_t)all->len;
    return all->items;
}

uint32_t explain_host_device(const struct explain_host *h, const char *name)
{
    uint32_t n;
    const struct net_iface *all = interfaces_of(h, &n);
    const struct net_iface *found = net_iface_by_name(all, n, name);
    return found ? found->index : 0;
}

const char *explain_host_device_name(const struct explain_host *h, uint32_t ifindex)
{
    uint32_t n;
    const struct net_iface *all = interfaces_of(h, &n);
    const struct net_iface *found = net_iface_by_index(all, n, ifindex);
    return found ? found->name : "";
}
