/* Connections: the outcome foretold, and what connect(2) then gets. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "kernel/diag.h"
#include "kernel/route.h"
#include "predict/connect.h"
#include "prove.h"

enum { MOST_WAITING = 6, SILENCE_MS = 4, PATIENCE_MS = 1000 };

static void start(int client, const struct sockaddr_storage *to)
{
    (void)connect(client, (const struct sockaddr *)to, scene_length(to));
}

/* Connections that nobody accepts, so that queues are full now and then. */
static void fill_queue(struct prover *p, const struct sockaddr_storage *to)
{
    uint32_t n = scene_chance(&p->scene, 50) ? scene_random(&p->scene, MOST_WAITING) : 0;
    for (uint32_t i = 0; i < n; i++) {
        int client = prove_make_client(p, NET_TCP, to->ss_family);
        start(client, to);
        close(client);
    }
}

static struct net_route route_to(const struct predict_connection *c)
{
    const struct route_query q = {
        .to = c->to, .kind = NET_TCP, .from_port = c->from_port, .to_port = c->to_port};
    struct net_route route;
    struct err e = {0};
    if (route_read(&q, &route, &e) < 0) {
        err_print(&e, stderr);
        exit(2);
    }
    return route;
}

/* Of a group the kernel's own lookup names the member, for the queues of its members differ. */
static void settle(const struct predict_connection *c, const struct net_route *route,
                   const struct facts_at *f, struct predict_connect *ret)
{
    struct net_socket member;
    struct err e;
    if (ret->receiver.group.len == 0 || ret->receiver.certain != TRI_YES ||
        diag_lookup(NET_TCP, &c->to, c->to_port, &route->source, c->from_port, route->ifindex,
                    &member, &e) < 0)
        return;
    for (size_t i = 0; i < f->host.n_sockets; i++)
        if (f->host.sockets[i]->inode == member.inode)
            predict_connect_settle(ret, c, f->host.sockets[i], false);
}

/* What it got: an outcome, and CONNECT_DROPPED for silence. */
static enum predict_outcome await(int client, bool silence)
{
    struct pollfd p = {.fd = client, .events = POLLOUT};
    int error = 0;
    socklen_t n = sizeof error;
    if (poll(&p, 1, silence ? SILENCE_MS : PATIENCE_MS) <= 0)
        return CONNECT_DROPPED;
    getsockopt(client, SOL_SOCKET, SO_ERROR, &error, &n);
    return error == 0              ? CONNECT_ACCEPTED
           : error == ECONNREFUSED ? CONNECT_REFUSED
                                   : CONNECT_UNREACHABLE;
}

/* The inode of the listener that has a connection from this port; 0: none. */
static uint64_t find_receiver(struct prover *p, uint16_t from)
{
    uint64_t inode = 0;
    for (int i = 0; i < p->scene.n; i++) {
        struct scene_socket *s = &p->scene.sockets[i];
        struct sockaddr_storage peer;
        socklen_t n = sizeof peer;
        if (s->kind != NET_TCP || !s->listens)
            continue;
        for (int fd; (fd = accept4(s->fd, (struct sockaddr *)&peer, &n, SOCK_CLOEXEC)) >= 0;) {
            if (ntohs(((struct sockaddr_in *)&peer)->sin_port) == from)
                inode = prove_inode(s->fd);
            close(fd);
            n = sizeof peer;
        }
    }
    return inode;
}

static enum outcome compare(const struct predict_connect *c, enum predict_outcome got,
                            uint64_t inode)
{
    if (c->outcome == CONNECT_DEPENDS)
        return DEPENDED;
    if (c->outcome != got)
        return WRONG;
    return got != CONNECT_ACCEPTED || c->receiver.socket->inode == inode ? AGREED : WRONG;
}

static void show(const struct prover *p, const struct predict_connection *c,
                 const struct predict_connect *r, enum predict_outcome got, uint64_t inode,
                 const struct facts_at *f)
{
    struct buf b = BUF_INIT(256);
    net_addr_format(&b, &c->to);
    printf("case %lu: connect to [%s]:%u from %u: outcome %d by %d, predicted %d by %d, %lu wait "
           "of %lu\n",
           p->case_number, buf_cstr(&b), c->to_port, c->from_port, got, (int)inode, r->outcome,
           r->receiver.socket ? (int)r->receiver.socket->inode : 0, (unsigned long)r->waiting,
           (unsigned long)r->room);
    buf_free(&b);
    prove_show_facts(f);
}

static void ask(struct prover *p, const struct sockaddr_storage *to, struct predict_connection *c)
{
    struct facts_at facts;
    struct predict_connect r;
    int client = prove_make_client(p, NET_TCP, to->ss_family);
    c->from_port = prove_port(client);
    prove_read_facts(p, NET_TCP, c->to_port, &facts);
    struct net_route route = route_to(c);
    if (predict_connect(c, &route, &facts.host, &r) < 0)
        exit(2);
    settle(c, &route, &facts, &r);
    start(client, to);
    enum predict_outcome got = await(client, r.outcome == CONNECT_DROPPED);
    uint64_t inode = find_receiver(p, c->from_port);
    enum outcome o = compare(&r, got, inode);
    if (p->verbose && (o == WRONG || (o == DEPENDED && p->via == SOURCE_BPF)))
        show(p, c, &r, got, inode, &facts);
    prove_count(p, KIND_CONNECT, o, false);
    predict_connect_clear(&r);
    prove_clear_facts(&facts);
    close(client);
}

/* Where one of the scene's listeners is, or any address with its port; false without listeners. */
static bool find_listener(struct scene *s, struct sockaddr_storage *ret)
{
    for (int i = 0, at = (int)scene_random(s, SCENE_SOCKETS); i < s->n; i++) {
        const struct scene_socket *one = &s->sockets[(at + i) % s->n];
        socklen_t n = sizeof *ret;
        if (one->kind != NET_TCP || !one->listens ||
            getsockname(one->fd, (struct sockaddr *)ret, &n) < 0)
            continue;
        struct net_addr a = prove_addr(ret);
        if (net_addr_is_wildcard(&a) || net_addr_is_mapped(&a) || scene_chance(s, 20))
            scene_address(s, scene_chance(s, 50) ? AF_INET : AF_INET6, prove_port(one->fd), ret);
        return true;
    }
    return false;
}

void prove_connect(struct prover *p)
{
    struct scene *s = &p->scene;
    struct sockaddr_storage to;
    if (!scene_chance(s, 80) || !find_listener(s, &to))
        scene_address(s, scene_chance(s, 50) ? AF_INET : AF_INET6,
                      (uint16_t)(SCENE_FIRST_PORT + scene_random(s, SCENE_PORTS)), &to);
    uint16_t port = ntohs(((struct sockaddr_in *)&to)->sin_port);
    struct predict_connection c = {.kind = NET_TCP, .to = prove_addr(&to), .to_port = port};
    if (net_addr_is_wildcard(&c.to) || net_addr_is_multicast(&c.to) || net_addr_is_mapped(&c.to) ||
        (net_addr_is_link_local(&c.to) && !c.to.scope) || !prove_is_here(p, &c.to))
        return;
    prove_empty_queues(p);
    fill_queue(p, &to);
    ask(p, &to, &c);
    prove_empty_queues(p);
}
