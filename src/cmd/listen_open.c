/* The listeners of `berth listen`: from endpoints, or as a service manager opened them. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/fd.h"
#include "cmd/commands.h"
#include "cmd/in_the_way.h"
#include "cmd/listen.h"
#include "cmd/targets.h"
#include "flow/activation.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262 /* linux/in.h since 5.6 */
#endif

enum { PORT_TRIES = 16 };

static int status_of(const struct err *e)
{
    err_print(e, stderr);
    return e->code == EACCES || e->code == EPERM ? EXIT_PERMISSION : EXIT_NO;
}

/* One address */

static struct open_listen how_to(const struct server *s)
{
    return (struct open_listen){
        .options = &s->options, .backlog = s->a->backlog ? (int)s->a->backlog : -1, .unlink = true};
}

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

static int add(struct server *s, const struct target *t, int fd, bool unlinks)
{
    struct listener l = {.target = *t, .fd = fd, .unlinks = unlinks};
    int result = read_address(&l.target, fd);
    l.wildcard = is_wildcard(&l.target);
    if (result == 0)
        result = vec_add(&s->listeners, &l);
    if (result < 0)
        close(fd);
    return result;
}

static int open_one(struct server *s, const struct target *t, struct err *e)
{
    struct open_listen how = how_to(s);
    int fd = open_listener(t, &how, e);
    if (fd < 0)
        return fd;
    const struct sockaddr_un *un = (const struct sockaddr_un *)&t->address;
    int result = add(s, t, fd, t->family == AF_UNIX && un->sun_path[0]);
    return result < 0 ? err_set(e, -result, "listen", NULL, NULL) : 0;
}

int listen_open_again(struct server *s, const struct listener *l, struct err *e)
{
    struct open_listen how = how_to(s);
    return open_listener(&l->target, &how, e);
}

/* The addresses of an endpoint */

static void drop_from(struct server *s, size_t first)
{
    for (size_t i = first; i < s->listeners.len; i++)
        fd_close(&((struct listener *)vec_at(&s->listeners, i))->fd);
    s->listeners.len = first;
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
static int open_all(struct server *s, const struct vec *targets, bool lenient, struct err *e,
                    struct target *ret_failed)
{
    size_t first = s->listeners.len;
    uint16_t port = 0;
    for (size_t i = 0; i < targets->len; i++) {
        struct target t = *(const struct target *)vec_at(targets, i);
        struct err own = {0};
        if (port)
            set_port(&t, port);
        bool chosen = port_of(&t) == 0;
        int result = open_one(s, &t, &own);
        if (result == 0 && chosen)
            port =
                port_of(&((struct listener *)vec_at(&s->listeners, s->listeners.len - 1))->target);
        if (result == 0)
            continue;
        *e = own;
        *ret_failed = t;
        if (lenient && is_missing(&own))
            continue;
        drop_from(s, first);
        return result;
    }
    if (s->listeners.len == first)
        return -e->code;
    if (e->code)
        err_print(e, stderr); /* a family that isn't there */
    return 0;
}

static int open_first(struct server *s, const struct vec *targets, struct err *e,
                      struct target *ret_failed)
{
    for (size_t i = 0; i < targets->len; i++) {
        const struct target *t = vec_at(targets, i);
        if (open_one(s, t, e) == 0)
            return 0;
        *ret_failed = *t;
    }
    return -e->code;
}

static int open_targets(struct server *s, const struct endpoint *ep, const struct vec *targets)
{
    struct err e = {0};
    struct target failed = {0};
    bool lenient = ep->host == ENDPOINT_THIS_MACHINE || ep->host == ENDPOINT_EVERY_INTERFACE;
    bool chosen = targets->len > 1 && port_of(vec_at(targets, 0)) == 0;
    int result = -EADDRINUSE;
    for (int i = 0; i < PORT_TRIES && result == -EADDRINUSE; i++) {
        e = (struct err){0};
        result = s->a->first ? open_first(s, targets, &e, &failed)
                             : open_all(s, targets, lenient, &e, &failed);
        if (!chosen)
            break;
    }
    if (result == 0)
        return 0;
    in_the_way_explain(&e, &failed);
    return status_of(&e);
}

/* Descriptors that came open */

static int option_of(int fd, int option)
{
    int value = 0;
    socklen_t n = sizeof value;
    return getsockopt(fd, SOL_SOCKET, option, &value, &n) < 0 ? -1 : value;
}

static int take_fd(struct server *s, int fd)
{
    struct target t = {.v6only = -1};
    struct err e = {0};
    char name[16];
    snprintf(name, sizeof name, "fd:%d", fd);
    if (option_of(fd, SO_ACCEPTCONN) != 1) {
        err_word(&e, EINVAL, "listen on", name, "it is no listening socket");
        return status_of(&e);
    }
    t.type = option_of(fd, SO_TYPE);
    t.protocol = option_of(fd, SO_PROTOCOL);
    if (t.protocol == IPPROTO_TCP)
        t.protocol = 0;
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 || add(s, &t, fd, false) < 0) {
        err_set(&e, errno, "listen on", name, NULL);
        return status_of(&e);
    }
    return 0;
}

static int take_activated(struct server *s)
{
    int n = activation_take();
    if (n < 0) {
        err_tell("LISTEN_FDS and LISTEN_PID make no sense");
        return EXIT_NO;
    }
    if (n == 0)
        return command_usage_error(&command_listen,
                                   "an ENDPOINT is missing, for example 4444 or '*:8080'");
    int status = 0;
    for (int fd = ACTIVATION_FIRST_FD; fd < ACTIVATION_FIRST_FD + n && status == 0; fd++)
        status = take_fd(s, fd);
    return status;
}

/* Endpoints */

static int open_endpoint(struct server *s, const char *word)
{
    struct endpoint ep;
    struct err e = {0};
    _cleanup_vec_ struct vec targets = {0};
    if (endpoint_parse(word, 0, &ep, &e) < 0)
        return command_usage_error(&command_listen, "'%s': %s", word, e.hint);
    if (ep.scheme == ENDPOINT_FD)
        return take_fd(s, ep.fd);
    if (ep.scheme == ENDPOINT_UDP || ep.scheme == ENDPOINT_UNIX_DGRAM || ep.scheme == ENDPOINT_TLS)
        return command_usage_error(&command_listen, "'%s': listen doesn't do %s yet", word,
                                   endpoint_scheme_name(ep.scheme));
    if (!endpoint_has_port(ep.scheme) && !endpoint_is_unix(ep.scheme) &&
        ep.scheme != ENDPOINT_VSOCK)
        return command_usage_error(&command_listen,
                                   "'%s': nobody can connect to that; berth relay joins it to "
                                   "a listener",
                                   word);
    struct targets_question q = {.endpoint = &ep,
                                 .family = s->a->ipv4   ? AF_INET
                                           : s->a->ipv6 ? AF_INET6
                                                        : AF_UNSPEC,
                                 .protocol = s->a->options.mptcp ? IPPROTO_MPTCP : 0,
                                 .listens = true};
    return targets_find(&q, &targets, &e) < 0 ? status_of(&e) : open_targets(s, &ep, &targets);
}

int listen_open(struct server *s, const struct command_words *words)
{
    int status = 0;
    if (words->n == 0)
        return take_activated(s);
    for (int i = 0; i < words->n && status == 0; i++)
        status = open_endpoint(s, words->words[i]);
    return status;
}

void listen_close(struct server *s)
{
    for (size_t i = 0; i < s->listeners.len; i++) {
        struct listener *l = vec_at(&s->listeners, i);
        fd_close(&l->fd);
        if (l->unlinks)
            unlink(((const struct sockaddr_un *)&l->target.address)->sun_path);
    }
    vec_free(&s->listeners);
}
