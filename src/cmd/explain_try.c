#include "cmd/explain_try.h"

#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"

static int set(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof value);
}

static int set_options(int fd, const struct predict_candidate *c)
{
    int level = c->family == AF_INET6 ? IPPROTO_IPV6 : IPPROTO_IP;
    if (set(fd, SOL_SOCKET, SO_REUSEADDR, c->reuseaddr) < 0 ||
        set(fd, SOL_SOCKET, SO_REUSEPORT, c->reuseport) < 0)
        return -errno;
    if (c->family == AF_INET6 && set(fd, IPPROTO_IPV6, IPV6_V6ONLY, c->v6only) < 0)
        return -errno;
    if (c->ifindex && set(fd, SOL_SOCKET, SO_BINDTOIFINDEX, (int)c->ifindex) < 0)
        return -errno;
    if (c->freebind && set(fd, level, level == IPPROTO_IP ? IP_FREEBIND : IPV6_FREEBIND, 1) < 0)
        return -errno;
    if (c->transparent &&
        set(fd, level, level == IPPROTO_IP ? IP_TRANSPARENT : IPV6_TRANSPARENT, 1) < 0)
        return -errno;
    return 0;
}

static void fail(struct explain_trial *ret, enum predict_call call)
{
    ret->call = call;
    ret->error = errno;
}

void explain_try_bind(const struct predict_candidate *c, const struct target *t,
                      struct explain_trial *ret)
{
    *ret = (struct explain_trial){.done = true};
    _cleanup_fd_ int fd = socket(t->family, t->type | SOCK_CLOEXEC, t->protocol);
    if (fd < 0 || set_options(fd, c) < 0)
        fail(ret, PREDICT_SOCKET);
    else if (bind(fd, (const struct sockaddr *)&t->address, t->address_n) < 0)
        fail(ret, PREDICT_BIND);
    else if (c->listens && listen(fd, 0) < 0)
        fail(ret, PREDICT_LISTEN);
}

bool explain_trial_agrees(const struct explain_trial *t, const struct predict_bind *b)
{
    if (t->error == 0)
        return b->verdict != PREDICT_FAILS;
    return b->verdict != PREDICT_SUCCEEDS && t->error == b->error && t->call == b->call;
}
