#include "cmd/explain_try.h"

#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"

static int set(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof value);
}

/* 0, or -1 and errno. */
static int set_options(int fd, const struct predict_candidate *c)
{
    int level = c->family == AF_INET6 ? IPPROTO_IPV6 : IPPROTO_IP;
    if (c->unknown_device) {
        errno = ENODEV; /* SO_BINDTODEVICE would say */
        return -1;
    }
    if (set(fd, SOL_SOCKET, SO_REUSEADDR, c->reuseaddr) < 0 ||
        set(fd, SOL_SOCKET, SO_REUSEPORT, c->reuseport) < 0)
        return -1;
    if (c->family == AF_INET6 && set(fd, IPPROTO_IPV6, IPV6_V6ONLY, c->v6only) < 0)
        return -1;
    if (c->ifindex && set(fd, SOL_SOCKET, SO_BINDTOIFINDEX, (int)c->ifindex) < 0)
        return -1;
    if (c->freebind && set(fd, level, level == IPPROTO_IP ? IP_FREEBIND : IPV6_FREEBIND, 1) < 0)
        return -1;
    if (c->transparent &&
        set(fd, level, level == IPPROTO_IP ? IP_TRANSPARENT : IPV6_TRANSPARENT, 1) < 0)
        return -1;
    return 0;
}

static void fail(struct explain_trial *ret, enum predict_call call)
{
    ret->call = call;
    ret->error = errno;
}

static void try_bind(const struct predict_candidate *c, const struct target *t,
                     struct explain_trial *ret)
{
    *ret = (struct explain_trial){.done = true};
    _cleanup_fd_ int fd = socket(t->family, t->type | SOCK_CLOEXEC, t->protocol);
    if (fd < 0)
        fail(ret, PREDICT_SOCKET);
    else if (set_options(fd, c) < 0)
        fail(ret, PREDICT_SETSOCKOPT);
    else if (bind(fd, (const struct sockaddr *)&t->address, t->address_n) < 0)
        fail(ret, PREDICT_BIND);
    else if (c->listens && listen(fd, 0) < 0)
        fail(ret, PREDICT_LISTEN);
}

/* The effective uid alone: with root's the kernel takes the capabilities too, and gives both back
 * (capabilities(7)). */
static int become(uint32_t uid, struct err *e)
{
    char text[16];
    snprintf(text, sizeof text, "%u", uid);
    return seteuid(uid) < 0 ? err_set(e, errno, "become the user", text, NULL) : 0;
}

int explain_try_bind(const struct predict_candidate *c, const struct target *t,
                     struct explain_trial *ret, struct err *e)
{
    const uint32_t self = (uint32_t)geteuid();
    int result = c->uid == self ? 0 : become(c->uid, e);
    if (result < 0)
        return result;
    try_bind(c, t, ret);
    return c->uid == self ? 0 : become(self, e);
}

bool explain_trial_agrees(const struct explain_trial *t, const struct predict_bind *b)
{
    if (t->error == 0)
        return b->verdict != PREDICT_FAILS;
    return b->verdict != PREDICT_SUCCEEDS && t->error == b->error && t->call == b->call;
}

/* Connections */

enum { PATIENCE_MS = 1000 };

static int bind_source(int fd, const struct predict_connection *c)
{
    struct target from = {0};
    struct net_addr any = {.family = c->to.family};
    if (!c->from.family && !c->from_port)
        return 0;
    target_set_ip(&from, c->from.family ? &c->from : &any, c->from_port);
    return bind(fd, (const struct sockaddr *)&from.address, from.address_n);
}

/* Without waiting for longer than it takes to be sure that nobody answers. */
static void finish(int fd, struct explain_connect_trial *ret)
{
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    socklen_t n = sizeof ret->error;
    int ready;
    do
        ready = poll(&p, 1, PATIENCE_MS);
    while (ready < 0 && errno == EINTR);
    if (ready == 0)
        ret->timed_out = true;
    else if (ready < 0 || getsockopt(fd, SOL_SOCKET, SO_ERROR, &ret->error, &n) < 0)
        ret->error = errno;
}

void explain_try_connect(const struct predict_connection *c, const struct target *t,
                         struct explain_connect_trial *ret)
{
    *ret = (struct explain_connect_trial){.done = true};
    _cleanup_fd_ int fd = socket(t->family, t->type | SOCK_CLOEXEC | SOCK_NONBLOCK, t->protocol);
    if (fd < 0 || (c->ifindex && set(fd, SOL_SOCKET, SO_BINDTOIFINDEX, (int)c->ifindex) < 0) ||
        bind_source(fd, c) < 0)
        ret->error = errno;
    else if (c->unknown_device)
        ret->error = ENODEV; /* SO_BINDTODEVICE would say */
    else if (connect(fd, (const struct sockaddr *)&t->address, t->address_n) < 0) {
        if (errno == EINPROGRESS)
            finish(fd, ret);
        else
            ret->error = errno;
    }
}

enum tri explain_connect_trial_agrees(const struct explain_connect_trial *t,
                                      const struct predict_connect *c, enum net_kind kind)
{
    bool connected = !t->error && !t->timed_out;
    switch (c->outcome) {
    case CONNECT_ACCEPTED:
        return tri_of(connected);
    case CONNECT_REFUSED: /* UDP's connect asks nobody */
        return tri_of(kind == NET_UDP ? connected : t->error == ECONNREFUSED);
    case CONNECT_DROPPED:
        return tri_of(kind == NET_UDP ? connected : t->timed_out || t->error == ETIMEDOUT);
    case CONNECT_UNREACHABLE:
    case CONNECT_BLOCKED:
        return tri_of(t->error == c->error);
    case CONNECT_REMOTE:
    case CONNECT_DEPENDS:
        break;
    }
    return TRI_MAYBE;
}
