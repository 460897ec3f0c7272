#include "cmd/serve_listen.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/fd.h"
#include "cmd/commands.h"
#include "cmd/listeners.h"
#include "flow/open.h"
#include "kernel/links.h"
#include "net/endpoint.h"
#include "net/iface.h"
#include "net/reach.h"
#include "net/socket.h"
#include "net/sockopt.h"

/* -- opening -- */

static int add_place(struct serve_places *p, int fd, unsigned thread)
{
    struct serve_place place = {.fd = fd, .thread = thread};
    if (vec_add(&p->places, &place) == 0)
        return 0;
    fd_close(&fd);
    return -ENOMEM;
}

/* One more listener of the same address, for another thread. */
static int add_sibling(struct serve_places *p, const struct target *t, unsigned thread,
                       struct err *e)
{
    struct sockopt_set shared = {0};
    const struct open_listen how = {.backlog = -1, .options = &shared};
    sockopt_choose(&shared, SOCKOPT_REUSEPORT, 1);
    int fd = open_listener(t, &how, e);
    if (fd < 0)
        return fd;
    int r = add_place(p, fd, thread);
    return r < 0 ? err_set(e, -r, "listen", NULL, NULL) : 0;
}

/* The threads share an address by SO_REUSEPORT, which would let another program of the same user in
 * as well, unseen, or us into his: so it was opened for one alone first, which shows that it's
 * free. */
static int share(struct serve_places *p, struct listener *l, unsigned n_threads, struct err *e)
{
    bool ip = l->target.family == AF_INET || l->target.family == AF_INET6;
    if (n_threads == 1 || !ip)
        return add_place(p, fd_take(&l->fd), 0);
    fd_close(&l->fd);
    for (unsigned i = 0; i < n_threads; i++) {
        int r = add_sibling(p, &l->target, i, e);
        if (r < 0)
            return r;
    }
    return 0;
}

int serve_open(struct serve_where *w, struct serve_places *ret)
{
    struct endpoint ep;
    struct err e = {0};
    const struct listeners_how how = {.open = {.backlog = -1, .unlink = true}};
    *ret = (struct serve_places){.listeners = VEC_INIT(struct listener),
                                 .places = VEC_INIT(struct serve_place)};
    if (endpoint_parse(w->endpoint, ENDPOINT_SOCKETS_ONLY, &ep, &e) < 0)
        return command_usage_error(&command_serve, "'%s': %s", w->endpoint, e.hint);
    w->secure |= ep.scheme == ENDPOINT_TLS;
    if (ep.scheme != ENDPOINT_TCP && ep.scheme != ENDPOINT_TLS && ep.scheme != ENDPOINT_UNIX &&
        ep.scheme != ENDPOINT_VSOCK)
        return command_usage_error(&command_serve, "'%s': HTTP needs tcp, tls, unix or vsock",
                                   w->endpoint);
    int status = listeners_open(&ret->listeners, &ep, &how);
    for (size_t i = 0; !status && i < ret->listeners.len; i++)
        if (share(ret, vec_at(&ret->listeners, i), w->n_threads, &e) < 0) {
            err_print(&e, stderr);
            status = EXIT_NO;
        }
    return status;
}

void serve_close(struct serve_places *p)
{
    for (size_t i = 0; i < p->places.len; i++)
        fd_close(&((struct serve_place *)vec_at(&p->places, i))->fd);
    vec_free(&p->places);
    listeners_close(&p->listeners);
}

int serve_addresses(const struct serve_places *p, struct vec *ret, struct buf *texts)
{
    enum { ADDRESS_MAX = 64 };
    /* What is pointed to mustn't move. */
    if (p->listeners.len > 0 && !buf_reserve(texts, p->listeners.len * ADDRESS_MAX))
        return -ENOMEM;
    for (size_t i = 0; i < p->listeners.len; i++) {
        const struct listener *l = vec_at(&p->listeners, i);
        struct net_addr a;
        uint16_t port;
        if (l->wildcard || !target_get_ip(&l->target.address, &a, &port))
            continue;
        size_t at = texts->len;
        net_addr_format(texts, &a);
        buf_char(texts, '\0');
        const char *text = texts->data + at;
        if (texts->failed || vec_add(ret, &text) < 0)
            return -ENOMEM;
    }
    return 0;
}

/* -- telling -- */

static void put_url(struct buf *out, const struct serve_where *w, const struct net_addr *a,
                    uint16_t port)
{
    buf_str(out, w->secure ? "https://" : "http://");
    buf_str(out, a->family == AF_INET6 ? "[" : "");
    net_addr_format(out, a);
    buf_str(out, a->family == AF_INET6 ? "]" : "");
    if (port != (w->secure ? 443 : 80))
        buf_printf(out, ":%u", port);
    buf_char(out, '/');
}

/* The addresses that a wildcard stands for; a link-local one can't be written in a URL. */
static void put_urls(struct buf *out, const struct serve_where *w, const struct net_addr *wildcard,
                     uint16_t port, const struct vec *links)
{
    for (size_t i = 0; i < links->len; i++) {
        const struct net_iface *link = vec_at(links, i);
        for (uint32_t k = 0; k < link->n_addrs; k++) {
            const struct net_addr *a = &link->addrs[k].addr;
            if (a->family != wildcard->family || net_addr_is_link_local(a))
                continue;
            buf_str(out, out->len ? " " : "");
            put_url(out, w, a, port);
        }
    }
}

static bool tell_ip(const struct serve_where *w, const struct net_addr *a, uint16_t port,
                    int v6only, const struct vec *links, bool quiet)
{
    _cleanup_buf_ struct buf urls = BUF_INIT(8192);
    _cleanup_buf_ struct buf reach = BUF_INIT(1024);
    struct net_socket s = {.kind = NET_TCP,
                           .state = NET_LISTEN,
                           .family = a->family,
                           .local = *a,
                           .local_port = port,
                           .v6only = v6only > 0};
    if (v6only >= 0)
        net_socket_set(&s, NET_F_V6ONLY);
    net_reach_describe(&reach, &s, links->items, (uint32_t)links->len);
    if (net_addr_is_wildcard(a))
        put_urls(&urls, w, a, port, links);
    else
        put_url(&urls, w, a, port);
    if (!quiet)
        err_tell("%s (%s)", buf_cstr(&urls), buf_cstr(&reach));
    return net_reach_of(&s, links->items, (uint32_t)links->len) != NET_REACH_LOCAL;
}

static bool tell_listener(const struct serve_where *w, const struct target *t,
                          const struct vec *links, bool quiet)
{
    struct net_addr a;
    uint16_t port;
    _cleanup_buf_ struct buf text = BUF_INIT(512);
    if (target_get_ip(&t->address, &a, &port))
        return tell_ip(w, &a, port, t->v6only, links, quiet);
    target_format(&text, &t->address, t->address_n);
    if (!quiet)
        err_tell("%s on %s", w->secure ? "HTTPS" : "HTTP", buf_cstr(&text));
    return t->family != AF_UNIX;
}

bool serve_tell(const struct serve_where *w, const struct serve_places *p, bool quiet)
{
    struct vec links = VEC_INIT(struct net_iface);
    bool reached = false;
    links_read(&links, NULL);
    for (size_t i = 0; i < p->listeners.len; i++) {
        const struct listener *l = vec_at(&p->listeners, i);
        reached |= tell_listener(w, &l->target, &links, quiet);
    }
    links_free(&links);
    return reached;
}
