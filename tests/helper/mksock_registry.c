/*
 * The sockets made so far, by name, with who holds each. A socket stays known after its last
 * descriptor is closed: the kernel may keep it (TIME_WAIT, FIN_WAIT1), and a child may hold it.
 */
#include "mksock.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct mk_sock *mk_sock_find(struct mk *mk, const char *reference)
{
    const char *name = reference[0] == '@' ? reference + 1 : reference;
    for (size_t i = mk->n_socks; i-- > 0;)
        if (!strcmp(mk->socks[i]->name, name))
            return mk->socks[i];
    return NULL;
}

struct mk_sock *mk_sock_new(struct mk *mk, const struct mk_kind *kind, const char *name, int fd)
{
    if (mk->n_socks == mk->cap_socks) {
        mk->cap_socks = mk->cap_socks ? 2 * mk->cap_socks : 64;
        mk->socks = realloc(mk->socks, mk->cap_socks * sizeof(*mk->socks));
        if (!mk->socks)
            abort();
    }
    struct mk_sock *sock = mk_alloc(sizeof(*sock));
    sock->kind = kind;
    sock->domain = kind->domain;
    sock->fd = fd;
    sock->netns = mk->netns;
    sock->dirty = true;
    if (name)
        sock->name = strdup(name);
    else if (asprintf(&sock->name, "%s.%u", kind->name, ++mk->serial) < 0)
        sock->name = NULL;
    if (!sock->name)
        abort();
    if (fd >= 0)
        mk_owner_add(sock, getpid(), fd);
    mk->socks[mk->n_socks++] = sock;
    return sock;
}

void mk_owner_add(struct mk_sock *sock, pid_t pid, int fd)
{
    struct mk_owner **end = &sock->owners;
    while (*end)
        end = &(*end)->next;
    *end = mk_alloc(sizeof(**end));
    **end = (struct mk_owner){.pid = pid, .fd = fd};
}

void mk_owner_remove(struct mk_sock *sock, pid_t pid, int fd)
{
    struct mk_owner **at = &sock->owners;
    while (*at) {
        struct mk_owner *owner = *at;
        if (owner->pid == pid && (fd < 0 || owner->fd == fd)) {
            *at = owner->next;
            free(owner);
            sock->dirty = true;
        } else {
            at = &owner->next;
        }
    }
}

/* Closes every descriptor that this process has of the socket; children keep theirs. */
void mk_sock_close(struct mk_sock *sock)
{
    for (const struct mk_owner *owner = sock->owners; owner; owner = owner->next)
        if (owner->pid == getpid())
            close(owner->fd);
    mk_owner_remove(sock, getpid(), -1);
    sock->fd = -1;
    sock->dirty = true;
}

/* Closes and frees all sockets from number FIRST on; nothing may point at them. */
void mk_socks_forget(struct mk *mk, size_t first)
{
    while (mk->n_socks > first) {
        struct mk_sock *sock = mk->socks[--mk->n_socks];
        mk_sock_close(sock);
        free(sock->name);
        free(sock);
    }
}

static bool fd_listens(int fd)
{
    int on = 0;
    socklen_t len = sizeof(on);
    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &len) == 0 && on;
}

static const char *fd_state(const struct mk_sock *sock)
{
    struct tcp_info info;
    socklen_t len = sizeof(info);
    struct mk_addr peer;

    switch (sock->domain) {
    case AF_NETLINK:
    case AF_PACKET:
    case AF_XDP:
        return NULL;
    case AF_INET:
    case AF_INET6:
        if (sock->kind->protocol == IPPROTO_TCP)
            return getsockopt(sock->fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0
                       ? mk_tcp_state_name(info.tcpi_state)
                       : NULL;
    }
    if (fd_listens(sock->fd))
        return "LISTEN";
    peer.len = sizeof(peer.ss);
    return getpeername(sock->fd, &peer.sa, &peer.len) == 0 ? "ESTABLISHED" : "CLOSE";
}

/* Ask the namespace that the socket is in, which may be another than this process is in now. */
static int find_in_netns(const struct mk *mk, const struct mk_sock *sock, struct mk_found *ret)
{
    const struct mk_netns *there = NULL, *here = NULL;

    for (const struct mk_netns *ns = mk->namespaces; ns; ns = ns->next) {
        there = ns->inode == sock->netns ? ns : there;
        here = ns->inode == mk->netns ? ns : here;
    }
    bool move = sock->netns != mk->netns && there && here;
    if (move)
        setns(there->fd, CLONE_NEWNET);
    int r = mk_diag_find(&sock->local, &sock->peer, ret);
    if (move)
        setns(here->fd, CLONE_NEWNET);
    return r;
}

static void refresh_ownerless(const struct mk *mk, struct mk_sock *sock)
{
    struct mk_found found;

    if (sock->kind->protocol != IPPROTO_TCP || !sock->local.len)
        return;
    if (find_in_netns(mk, sock, &found) < 0) {
        sock->state = NULL;
        return;
    }
    sock->state = found.state;
    sock->inode = found.inode;
    sock->cookie = found.cookie;
    sock->uid = found.uid;
}

void mk_sock_refresh(struct mk *mk, struct mk_sock *sock)
{
    struct mk_addr addr = {.len = sizeof(addr.ss)};
    struct stat st;

    if (sock->fd < 0) {
        refresh_ownerless(mk, sock);
        return;
    }
    if (fstat(sock->fd, &st) == 0) {
        sock->inode = st.st_ino;
        sock->uid = st.st_uid;
    }
    socklen_t len = sizeof(sock->cookie);
    getsockopt(sock->fd, SOL_SOCKET, SO_COOKIE, &sock->cookie, &len);
    if (getsockname(sock->fd, &addr.sa, &addr.len) == 0)
        sock->local = addr;
    addr.len = sizeof(addr.ss);
    /* A socket that has lost its peer still had one: keep what was known (CLOSE after RST). */
    if (getpeername(sock->fd, &addr.sa, &addr.len) == 0)
        sock->peer = addr;
    sock->state = fd_state(sock);
}
