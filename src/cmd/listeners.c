#include "cmd/listeners.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/fd.h"
#include "cli/command.h"
#include "cmd/flow_events.h"
#include "cmd/in_the_way.h"
#include "cmd/targets.h"

enum { PORT_TRIES = 16 };

static int status_of(const struct flow_events *events, const struct err *e)
{
    flow_events_err(events, EVENT_FAILED, e);
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

static const char *path_of(const struct listener *l)
{
    return ((const struct sockaddr_un *)&l->target.address)->sun_path;
}

/* The path that was made for it. */
static void note_path(struct listener *l)
{
    struct stat st;
    l->unlinks = l->target.family == AF_UNIX && path_of(l)[0] && lstat(path_of(l), &st) == 0;
    if (l->unlinks) {
        l->path_device = st.st_dev;
        l->path_inode = st.st_ino;
    }
}

static void remove_path(const struct listener *l)
{
    struct stat st;
    if (l->unlinks && lstat(path_of(l), &st) == 0 && st.st_dev == l->path_device &&
        st.st_ino == l->path_inode)
        unlink(path_of(l));
}

static int add(struct vec *to, const struct target *t, int fd, bool unlinks)
{
    struct listener l = {.target = *t, .fd = fd};
    int result = read_address(&l.target, fd);
    if (result == 0 && unlinks)
        note_path(&l);
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
    int result = add(to, t, fd, true);
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

/* An address that can't be had. */
struct failure {
    struct err error;
    struct target at;
};

/* All of them, at one port even where the kernel chooses it. 0, or a negative errno with *ret
 * filled.
 */
static int open_all(struct vec *to, const struct vec *targets, const struct listeners_how *how,
                    bool lenient, struct failure *ret)
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
        *ret = (struct failure){.error = own, .at = t};
        if (lenient && is_missing(&own))
            continue;
        drop_from(to, first);
        return result;
    }
    if (to->len == first)
        return -ret->error.code;
    if (ret->error.code)
        flow_events_err(how->events, EVENT_TROUBLE, &ret->error); /* a family that isn't there */
    return 0;
}

/* 0, or the negative errno of the last one with all of them in *failures. */
static int open_first(struct vec *to, const struct vec *targets, const struct listeners_how *how,
                      struct vec *failures)
{
    for (size_t i = 0; i < targets->len; i++) {
        struct failure f = {.at = *(const struct target *)vec_at(targets, i)};
        if (open_one(to, &f.at, how, &f.error) == 0)
            return 0;
        if (vec_add(failures, &f) < 0)
            return -ENOMEM;
    }
    return -((struct failure *)vec_at(failures, failures->len - 1))->error.code;
}

/* Why none of its addresses could be had, each with who stands in the way there. */
static int tell_failures(const struct endpoint *ep, const struct vec *failures,
                         const struct listeners_how *how)
{
    _cleanup_buf_ struct buf word = BUF_INIT(512);
    struct err e = {0};
    int status = EXIT_NO;
    for (size_t i = 0; i < failures->len; i++) {
        struct failure *f = vec_at(failures, i);
        in_the_way_explain(&f->error, &f->at, &how->open);
        status = status_of(how->events, &f->error);
        if (f->error.code == EADDRINUSE || !e.code)
            e.code = f->error.code;
    }
    if (failures->len < 2)
        return status;
    endpoint_format(&word, ep);
    err_word(&e, e.code, "listen on", buf_cstr(&word), "none of its %zu addresses is free: %s",
             failures->len, strerror(e.code));
    return status_of(how->events, &e);
}

static int open_targets(struct vec *to, const struct endpoint *ep, const struct vec *targets,
                        const struct listeners_how *how)
{
    _cleanup_vec_ struct vec failures = VEC_INIT(struct failure);
    bool lenient = ep->host == ENDPOINT_THIS_MACHINE || ep->host == ENDPOINT_EVERY_INTERFACE;
    bool chosen = targets->len > 1 && port_of(vec_at(targets, 0)) == 0;
    int result = -EADDRINUSE;
    for (int i = 0; i < PORT_TRIES && result == -EADDRINUSE; i++) {
        struct failure one = {0};
        failures.len = 0;
        result = how->first ? open_first(to, targets, how, &failures)
                            : open_all(to, targets, how, lenient, &one);
        if (result < 0 && !how->first && vec_add(&failures, &one) < 0)
            result = -ENOMEM;
        if (!chosen)
            break;
    }
    return result == 0 ? 0 : tell_failures(ep, &failures, how);
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

int listeners_take(struct vec *to, int fd, const struct flow_events *events)
{
    struct target t = {.v6only = -1};
    struct err e = {0};
    char name[16];
    snprintf(name, sizeof name, "fd:%d", fd);
    t.type = option_of(fd, SO_TYPE);
    if (option_of(fd, SO_ACCEPTCONN) != 1 && !(t.type == SOCK_DGRAM && !is_connected(fd))) {
        err_word(&e, EINVAL, "listen on", name, "it is no listening socket");
        return status_of(events, &e);
    }
    t.protocol = option_of(fd, SO_PROTOCOL);
    if (t.protocol == IPPROTO_TCP || t.protocol == IPPROTO_UDP)
        t.protocol = 0;
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 || add(to, &t, fd, false) < 0) {
        err_set(&e, errno, "listen on", name, NULL);
        return status_of(events, &e);
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
        return status_of(how->events, &e);
    size_t before = to->len;
    int status = open_targets(to, ep, &targets, how);
    for (size_t i = before; i < to->len; i++)
        ((struct listener *)vec_at(to, i))->tls = ep->scheme == ENDPOINT_TLS;
    return status;
}

const char *listener_proto(const struct listener *l)
{
    const struct target *t = &l->target;
    return l->tls ? "tls" : target_proto(t->family, t->type, t->protocol);
}

socklen_t listener_local(const struct listener *l, int fd, struct sockaddr_storage *ret)
{
    socklen_t n = sizeof *ret;
    if (l->wildcard && getsockname(fd, (struct sockaddr *)ret, &n) == 0)
        return n;
    *ret = l->target.address;
    return l->target.address_n;
}

void listeners_close(struct vec *listeners)
{
    for (size_t i = 0; i < listeners->len; i++) {
        struct listener *l = vec_at(listeners, i);
        fd_close(&l->fd);
        remove_path(l);
    }
    vec_free(listeners);
}
