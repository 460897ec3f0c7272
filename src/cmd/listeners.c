#include "cmd/listeners.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "cli/command.h"
#include "cmd/in_the_way.h"
#include "cmd/targets.h"

enum { PORT_TRIES = 16 };

static int status_of(const struct err *e)
{
    err_print(e, stderr);
    return e->code == EACCES || e->code == EPERM ? EXIT_PERMISSION : EXIT_NO;
}

/* One address */

static int read_address(struct target *t, int fd)
{
    socklen_t n = sizeof t->address;
    if (getsockname(fd, (struct sockaddr *)&t->address, &n) < 0)
        return -errno;
    t->address_n = n;
    t->family = t->address.ss_family;
    return 0;
}

static uint16_t port_of(const struct target *t)
{
    struct net_addr a;
    uint16_t port = 0;
    target_get_ip(&t->address, &a, &port);
    return port;
}

static bool is_wildcard(const struct target *t)
{
    struct net_addr a;
    uint16_t port;
    return target_get_ip(&t->address, &a, &port) && net_addr_is_wildcard(&a);
}

static int add(struct vec *to, const struct target *t, int fd, bool unlinks)
{
    struct listener l = {.target = *t, .fd = fd, .unlinks = unlinks};
    int result = read_address(&l.target, fd);
    l.wildcard = is_wildcard(&l.target);
    if (result == 0)
        result = vec_add(to, &l);
    if (result < 0)
        close(fd);
    return result;
}

static int open_one(struct vec *to, const struct target *t, const struct listeners_how *how,
                    struct err *e)
{
    int fd = open_listener(t, &how->open, e);
    if (fd < 0)
        return fd;
    const struct sockaddr_un *un = (const struct sockaddr_un *)&t->address;
    int result = add(to, t, fd, t->family == AF_UNIX && un->sun_path[0]);
    return result < 0 ? err_set(e, -result, "listen", NULL, NULL) : 0;
}

/* The addresses of an endpoint */

static void drop_from(struct vec *to, size_t first)
{
    for (size_t i = first; i < to->len; i++)
        fd_close(&((struct listener *)vec_at(to, i))->fd);
    to->len = first;
}

/* This machine and every interface mean the families that there are: that one is missing is worth
 * a word, no more. */
static bool is_missing(const struct err *e)
{
    return e->code == EAFNOSUPPORT || e->code == EADDRNOTAVAIL;
}

static void set_port(struct target *t, uint16_t port)
{
    struct net_addr a;
    uint16_t old;
    if (target_get_ip(&t->address, &a, &old))
        target_set_ip(t, &a, port);
}

/* All of them, at one port even where the kernel chooses it. 0, or a negative errno with the words
 * in *e and the address in *ret_failed. */
static int open_all(struct vec *to, const struct vec *targets, const struct listeners_how *how,
                    bool lenient, struct err *e, struct target *ret_failed)
{
    size_t first = to->len;
    uint16_t port = 0;
    for (size_t i = 0; i < targets->len; i++) {
        struct target t = *(const struct target *)vec_at(targets, i);
        struct err own = {0};
        if (port)
            set_port(&t, port);
        bool chosen = port_of(&t) == 0;
        int result = open_one(to, &t, how, &own);
        if (result == 0 && chosen)
            port = port_of(&((struct listener *)vec_at(to, to->len - 1))->target);
        if (result == 0)
            continue;
        *e = own;
        *ret_failed = t;
        if (lenient && is_missing(&own))
            continue;
        drop_from(to, first);
        return result;
    }
    if (to->len == first)
        return -e->code;
    if (e->code)
        err_print(e, stderr); /* a family that isn't there */
    return 0;
}

static int open_first(struct vec *to, const struct vec *targets, const struct listeners_how *how,
                      struct err *e, struct target *ret_failed)
{
    for (size_t i = 0; i < targets->len; i++) {
        const struct target *t = vec_at(targets, i);
        if (open_one(to, t, how, e) == 0)
            return 0;
        *ret_failed = *t;
    }
    return -e->code;
}

static int open_targets(struct vec *to, const struct endpoint *ep, const struct vec *targets,
                        const struct listeners_how *how)
{
    struct err e = {0};
    struct target failed = {0};
    bool lenient = ep->host == ENDPOINT_THIS_MACHINE || ep->host == ENDPOINT_EVERY_INTERFACE;
    bool chosen = targets->len > 1 && port_of(vec_at(targets, 0)) == 0;
    int result = -EADDRINUSE;
    for (int i = 0; i < PORT_TRIES && result == -EADDRINUSE; i++) {
        e = (struct err){0};
        result = how->first ? open_first(to, targets, how, &e, &failed)
                            : open_all(to, targets, how, lenient, &e, &failed);
        if (!chosen)
            break;
    }
    if (result == 0)
        return 0;
    in_the_way_explain(&e, &failed, &how->open);
    return status_of(&e);
}

/* Descriptors that came open */

static int option_of(int fd, int option)
{
    int value = 0;
    socklen_t n = sizeof value;
    return getsockopt(fd, SOL_SOCKET, option, &value, &n) < 0 ? -1 : value;
}

static bool is_connected(int fd)
{
    struct sockaddr_storage peer;
    socklen_t n = sizeof peer;
    return getpeername(fd, (struct sockaddr *)&peer, &n) == 0;
}

int listeners_take(struct vec *to, int fd)
{
    struct target t = {.v6only = -1};
    struct err e = {0};
    char name[16];
    snprintf(name, sizeof name, "fd:%d", fd);
    t.type = option_of(fd, SO_TYPE);
    if (option_of(fd, SO_ACCEPTCONN) != 1 && !(t.type == SOCK_DGRAM && !is_connected(fd))) {
        err_word(&e, EINVAL, "listen on", name, "it is no listening socket");
        return status_of(&e);
    }
    t.protocol = option_of(fd, SO_PROTOCOL);
    if (t.protocol == IPPROTO_TCP || t.protocol == IPPROTO_UDP)
        t.protocol = 0;
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 || add(to, &t, fd, false) < 0) {
        err_set(&e, errno, "listen on", name, NULL);
        return status_of(&e);
    }
    return 0;
}

int listeners_open(struct vec *to, const struct endpoint *ep, const struct listeners_how *how)
{
    struct err e = {0};
    _cleanup_vec_ struct vec targets = {0};
    const struct targets_question q = {
        .endpoint = ep, .family = how->family, .protocol = how->protocol, .listens = true};
    if (targets_find(&q, &targets, &e) < 0)
        return status_of(&e);
    size_t before = to->len;
    int status = open_targets(to, ep, &targets, how);
    for (size_t i = before; i < to->len; i++)
        ((struct listener *)vec_at(to, i))->tls = ep->scheme == ENDPOINT_TLS;
    return status;
}

void listeners_close(struct vec *listeners)
{
    for (size_t i = 0; i < listeners->len; i++) {
        struct listener *l = vec_at(listeners, i);
        fd_close(&l->fd);
        if (l->unlinks)
            unlink(((const struct sockaddr_un *)&l->target.address)->sun_path);
    }
    vec_free(listeners);
}
