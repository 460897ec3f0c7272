#include "cmd/explain_host.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "kernel/choice.h"
#include "kernel/gather.h"
#include "kernel/links.h"
#include "kernel/sysctl.h"

struct explain_port {
    enum net_kind kind;
    uint16_t port;
    struct ports ports;
    struct vec sockets; /* const struct net_socket * */
    struct predict_host host;
    bool has_owners; /* they were looked for */
    bool stale;      /* to be read again when asked for again */
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

static void take_capabilities(struct explain_host *h, uint64_t all)
{
    h->may_bind_low_ports = all >> CAP_NET_BIND_SERVICE & 1;
    h->may_transparent = (all >> CAP_NET_ADMIN | all >> CAP_NET_RAW) & 1;
}

static void open_saved(struct explain_host *h)
{
    _cleanup_buf_ struct buf value = BUF_INIT(SYSCTL_MAX);
    const struct facts *f = &h->sockets.facts;
    h->has_ipv6 = sockets_sysctl(&h->sockets, "net.ipv6.bindv6only", &value) == 0;
    h->uid = f->uid;
    take_capabilities(h, f->capabilities);
}

static int open_live(struct explain_host *h, enum source_via via, struct err *e)
{
    h->uid = (uint32_t)geteuid();
    take_capabilities(h, gather_capabilities());
    int result = sockets_visit(&h->sockets, read_links, h, e);
    if (result < 0)
        return result;
    h->shallow = via == SOURCE_BEST && !choice_many_sockets() && choice_few_files();
    return ports_open(h->shallow ? SOURCE_DIAG : via, &h->reader, e);
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
                               .asked = VEC_INIT(struct explain_port *)};
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

void explain_host_refresh(struct explain_host *h)
{
    for (size_t i = 0; i < h->asked.len; i++)
        (*(struct explain_port **)vec_at(&h->asked, i))->stale = true;
}

bool explain_host_deepen(struct explain_host *h)
{
    struct ports_reader *deep;
    struct err e;
    if (!h->shallow)
        return false;
    h->shallow = false;
    if (ports_open(SOURCE_BPF, &deep, &e) < 0)
        return false;
    ports_close(h->reader);
    h->reader = deep;
    explain_host_refresh(h);
    return true;
}

void explain_host_close(struct explain_host *h)
{
    for (size_t i = 0; i < h->asked.len; i++)
        free_port(*(struct explain_port **)vec_at(&h->asked, i));
    vec_free(&h->asked);
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

static bool is_here(const struct explain_host *h, enum net_kind kind, const struct net_socket *s)
{
    return s->kind == kind && !sockets_is_elsewhere(&h->sockets, s);
}

/* A saved host has all its sockets, unless a filter chose some, in no order that the kernel's lists
 * would have. */
static int fill_saved(const struct explain_host *h, struct explain_port *p)
{
    const struct facts *f = &h->sockets.facts;
    for (size_t i = 0; i < f->sockets.len; i++) {
        const struct net_socket *s = vec_at(&f->sockets, i);
        if (!is_here(h, p->kind, s) || (p->port && s->local_port != p->port))
            continue;
        int result = add_socket(p, s);
        if (result < 0)
            return result;
    }
    p->host.interfaces = f->interfaces.items;
    p->host.n_interfaces = (uint32_t)f->interfaces.len;
    p->host.complete = !f->filtered;
    return 0;
}

int explain_host_at(struct explain_host *h, enum net_kind kind, uint16_t port,
                    const struct predict_host **ret, struct err *e)
{
    for (size_t i = 0; i < h->asked.len; i++) {
        struct explain_port *p = *(struct explain_port **)vec_at(&h->asked, i);
        if (p->kind == kind && p->port == port && !p->stale) {
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

struct stream_question {
    struct explain_host *host;
    const struct ports_way *way;
    const struct ports_sink *sink;
    bool *ret_buckets_known;
};

static int read_stream(void *ctx, struct err *e)
{
    struct stream_question *q = ctx;
    return ports_stream(q->host->reader, q->way, q->sink, q->ret_buckets_known,
                        &q->host->sockets.report, e);
}

int explain_host_stream(struct explain_host *h, const struct ports_way *way,
                        const struct ports_sink *sink, bool *ret_buckets_known, struct err *e)
{
    const struct facts *f = &h->sockets.facts;
    struct stream_question q = {h, way, sink, ret_buckets_known};
    int result = 0;
    if (h->reader)
        return sockets_visit(&h->sockets, read_stream, &q, e);
    *ret_buckets_known = false;
    for (size_t i = 0; i < f->sockets.len && result == 0; i++) {
        const struct net_socket *s = vec_at(&f->sockets, i);
        if (is_here(h, way->kind, s))
            result = sink->socket(sink->ctx, s);
    }
    return result;
}

/* Owners */

struct owners_question {
    struct explain_host *host;
    struct explain_port *port;
};

static int read_owners(void *ctx, struct err *e)
{
    struct owners_question *q = ctx;
    struct source_query how = q->host->sockets.query;
    how.detail = SOURCE_CMDLINE;
    return ports_read_owners(q->host->reader, &q->port->ports, &how, e);
}

static bool has_socket(const struct explain_port *p, const struct net_socket *s)
{
    const struct net_socket *first = p->ports.sockets.items;
    return p->ports.sockets.len && s >= first && s < first + p->ports.sockets.len;
}

void explain_host_find_owner(struct explain_host *h, const struct net_socket *s)
{
    for (size_t i = 0; h->reader && i < h->asked.len; i++) {
        struct explain_port *p = *(struct explain_port **)vec_at(&h->asked, i);
        struct owners_question q = {h, p};
        struct err e = {0};
        if (p->has_owners || !has_socket(p, s))
            continue;
        p->has_owners = true;
        if (sockets_visit(&h->sockets, read_owners, &q, &e) < 0)
            err_print(&e, stderr);
    }
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
