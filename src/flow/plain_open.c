/* See plain.h: sockets of the plain mode. */
#include "flow/plain.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include "base/fd.h"

static int fail(struct plain_failure *f, int step)
{
    f->step = step;
    return -errno;
}

static int set_options(int fd, const struct plain_socket *s, struct plain_failure *f)
{
    for (f->option = 0; f->option < s->n_options; f->option++) {
        const struct plain_option *o = &s->options[f->option];
        if (setsockopt(fd, o->level, o->name, o->value, o->size) < 0)
            return fail(f, PLAIN_OPTION);
    }
    return 0;
}

int plain_listen(const struct plain_socket *s, int backlog, struct plain_failure *f)
{
    _cleanup_fd_ int fd = socket(s->family, s->type | SOCK_CLOEXEC, s->protocol);

    if (fd < 0)
        return fail(f, PLAIN_SOCKET);
    int r = set_options(fd, s, f);
    if (r < 0)
        return r;
    if (bind(fd, s->address, s->address_n) < 0)
        return fail(f, PLAIN_BIND);
    if (backlog > 0 && listen(fd, backlog) < 0)
        return fail(f, PLAIN_LISTEN);
    return fd_take(&fd);
}

static int wait_connected(int fd, int timeout_ms)
{
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    int error = 0;
    int n;

    do
        n = poll(&p, 1, timeout_ms);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return -errno;
    if (n == 0)
        return -EINPROGRESS;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &(socklen_t){sizeof(error)}) < 0)
        return -errno;
    return -error;
}

int plain_connect(const struct plain_socket *s, const struct plain_source *source, int timeout_ms,
                  struct plain_failure *f)
{
    _cleanup_fd_ int fd = socket(s->family, s->type | SOCK_NONBLOCK | SOCK_CLOEXEC, s->protocol);

    if (fd < 0)
        return fail(f, PLAIN_SOCKET);
    if (source && bind(fd, source->address, source->address_n) < 0)
        return fail(f, PLAIN_BIND);
    int r = set_options(fd, s, f);
    if (r < 0)
        return r;
    f->step = PLAIN_CONNECT;
    if (connect(fd, s->address, s->address_n) < 0) {
        r = errno == EINPROGRESS ? wait_connected(fd, timeout_ms) : -errno;
        if (r < 0)
            return r;
    }
    return fd_take(&fd);
}
