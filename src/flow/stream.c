#include "flow/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/fd.h"

enum { NULL_MAJOR = 1, NULL_MINOR = 3 }; /* Documentation/admin-guide/devices.txt */

/* What a descriptor is */

static enum stream_kind kind_of_socket(int fd)
{
    int type = 0, protocol = 0;
    socklen_t n = sizeof type;
    getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &n);
    n = sizeof protocol;
    getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &n);
    return type == SOCK_STREAM && protocol == IPPROTO_TCP ? STREAM_TCP : STREAM_SOCKET;
}

static enum stream_kind kind_of_device(int fd, const struct stat *st)
{
    if (st->st_rdev == makedev(NULL_MAJOR, NULL_MINOR))
        return STREAM_NULL;
    return isatty(fd) ? STREAM_TERMINAL : STREAM_OTHER;
}

enum stream_kind stream_kind_of(int fd)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return STREAM_NONE;
    if (S_ISSOCK(st.st_mode))
        return kind_of_socket(fd);
    if (S_ISFIFO(st.st_mode))
        return STREAM_PIPE;
    if (S_ISCHR(st.st_mode))
        return kind_of_device(fd, &st);
    return S_ISREG(st.st_mode) || S_ISBLK(st.st_mode) ? STREAM_FILE : STREAM_OTHER;
}

/* /dev/null that may only be read stands in for a descriptor that was closed (cli/main.c): what is
 * written there has to fail. */
static enum stream_kind kind_of_output(int fd)
{
    enum stream_kind kind = stream_kind_of(fd);
    bool closed = kind == STREAM_NULL && (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY;
    return closed ? STREAM_OTHER : kind;
}

/* Plain descriptors */

static bool is_socket(uint8_t kind)
{
    return kind == STREAM_TCP || kind == STREAM_SOCKET;
}

static bool polls_ready(int fd, short events)
{
    struct pollfd p = {.fd = fd, .events = events};
    return poll(&p, 1, 0) != 0;
}

static ssize_t plain_read(struct stream *s, void *to, size_t n)
{
    if (s->in_polls && !polls_ready(s->in, POLLIN))
        return -EAGAIN;
    ssize_t got = is_socket(s->in_kind) ? recv(s->in, to, n, MSG_DONTWAIT) : read(s->in, to, n);
    if (got < 0 && errno == EIO && s->in_kind == STREAM_TERMINAL)
        return 0; /* the other end of a pseudo terminal was closed: its end of file */
    return got < 0 ? -errno : got;
}

static ssize_t plain_write(struct stream *s, const void *from, size_t n, bool more)
{
    ssize_t put;
    if (s->out_polls && !polls_ready(s->out, POLLOUT))
        return -EAGAIN;
    if (s->out_polls && n > PIPE_BUF)
        n = PIPE_BUF; /* pipe(7): POLLOUT promises no more */
    if (is_socket(s->out_kind))
        put = send(s->out, from, n, MSG_DONTWAIT | MSG_NOSIGNAL | (more ? MSG_MORE : 0));
    else
        put = write(s->out, from, n);
    return put < 0 ? -errno : put;
}

static int plain_finish(struct stream *s)
{
    if (is_socket(s->out_kind))
        return shutdown(s->out, SHUT_WR) < 0 && errno != ENOTCONN ? -errno : 0;
    return 0;
}

const struct stream_ops stream_plain = {
    .read = plain_read, .write = plain_write, .finish = plain_finish};

/* Opening */

static void init(struct stream *s, int in, int out)
{
    *s = (struct stream){.ops = &stream_plain,
                         .in = in,
                         .out = out,
                         .in_kind = (uint8_t)stream_kind_of(in),
                         .can_read = true,
                         .can_write = true,
                         .ended = in < 0,
                         .read_waits = EPOLLIN,
                         .write_waits = EPOLLOUT};
    s->out_kind = in == out ? s->in_kind : (uint8_t)kind_of_output(out);
}

void stream_init_socket(struct stream *s, int fd)
{
    init(s, fd, fd);
}

static void set_nonblocking(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    if (flags >= 0 && !(flags & O_NONBLOCK))
        fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

void stream_init_own(struct stream *s, int in, int out)
{
    init(s, in, out);
    set_nonblocking(in);
    set_nonblocking(out);
}

static bool is_blocking(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    return flags >= 0 && !(flags & O_NONBLOCK);
}

static bool may_block(uint8_t kind)
{
    return kind == STREAM_PIPE || kind == STREAM_TERMINAL || kind == STREAM_OTHER;
}

/* The same pipe or terminal with flags of its own, or -1. The number of a socket can't be opened
 * (ENXIO), and needs no flag: MSG_DONTWAIT does. That of a pseudo terminal's master gives a new
 * terminal (pts(4)), as other devices may give something new. */
static int reopen(int fd, uint8_t kind, int mode)
{
    unsigned number;
    if (kind == STREAM_OTHER || (kind == STREAM_TERMINAL && ioctl(fd, TIOCGPTN, &number) == 0))
        return -1;
    char path[sizeof "/proc/self/fd/" + 3 * sizeof fd];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return open(path, mode | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
}

static void close_shared(int fd)
{
    if (fd > STDERR_FILENO) {
        close(fd);
        return;
    }
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null >= 0)
        dup2(null, fd);
    if (null > STDERR_FILENO)
        close(null);
}

/* *fd becomes a descriptor that doesn't block, if there can be one. */
static bool unshare(int *fd, uint8_t kind, int mode)
{
    if (!may_block(kind))
        return false;
    int own = reopen(*fd, kind, mode);
    if (own < 0)
        return true;
    close_shared(*fd);
    *fd = own;
    return false;
}

void stream_init_shared(struct stream *s, int in, int out)
{
    init(s, in, out);
    bool same = in == out;
    s->in_polls = unshare(&s->in, s->in_kind, same ? O_RDWR : O_RDONLY);
    if (same) {
        s->out = s->in;
        s->out_polls = s->in_polls;
    } else {
        s->out_polls = unshare(&s->out, s->out_kind, O_WRONLY);
    }
    s->blocks = (is_socket(s->in_kind) && is_blocking(s->in)) ||
                (is_socket(s->out_kind) && is_blocking(s->out));
}

/* Watching */

enum { BROKEN = EPOLLERR | EPOLLHUP };

static void note_ready(struct loop *l, struct stream *s, uint32_t events)
{
    bool was = s->can_read && s->can_write;
    if (events & (BROKEN | EPOLLRDHUP | EPOLLPRI))
        s->hung_up = true;
    if (events & (s->read_waits | BROKEN | EPOLLRDHUP | EPOLLPRI))
        s->can_read = true;
    if (events & (s->write_waits | BROKEN))
        s->can_write = true;
    if (!was)
        s->ready(l, s);
}

static void in_ready(struct loop *l, struct loop_watch *w, uint32_t events)
{
    struct stream *s = (struct stream *)((char *)w - offsetof(struct stream, in_watch));
    note_ready(l, s, events);
}

static void out_ready(struct loop *l, struct loop_watch *w, uint32_t events)
{
    struct stream *s = (struct stream *)((char *)w - offsetof(struct stream, out_watch));
    note_ready(l, s, events);
}

static int watch(struct loop *l, struct loop_watch *w, int fd, uint32_t events)
{
    int result = fd < 0 ? 0 : loop_watch_start(l, w, fd, events | EPOLLET);
    return result == -EPERM ? 0 : result; /* it never blocks */
}

int stream_start(struct loop *l, struct stream *s)
{
    bool one = s->in == s->out;
    s->in_watch.ready = in_ready;
    s->out_watch.ready = out_ready;
    int result =
        watch(l, &s->in_watch, s->in, EPOLLIN | EPOLLRDHUP | EPOLLPRI | (one ? EPOLLOUT : 0));
    if (result == 0 && !one)
        result = watch(l, &s->out_watch, s->out, EPOLLOUT);
    return result;
}

static void close_one(struct loop *l, struct loop_watch *w, int *fd)
{
    if (*fd < 0)
        return;
    if (l)
        loop_watch_stop(l, w);
    close_shared(*fd);
    *fd = -1;
}

static void close_out(struct loop *l, struct stream *s)
{
    if (s->out == s->in)
        s->out = -1;
    else
        close_one(l, &s->out_watch, &s->out);
    s->can_write = false;
}

void stream_close(struct loop *l, struct stream *s)
{
    if (!s->ops)
        return; /* never opened */
    if (s->ops->release)
        s->ops->release(s);
    s->ops = &stream_plain;
    s->above = NULL;
    if (s->out >= 0)
        close_out(l, s);
    close_one(l, &s->in_watch, &s->in);
    s->can_read = false;
}

/* Reading and writing */

ssize_t stream_read(struct stream *s, void *to, size_t n)
{
    if (s->ended)
        return 0;
    ssize_t got;
    do
        got = s->ops->read(s, to, n);
    while (got == -EINTR);
    if (got == -EAGAIN)
        s->can_read = false;
    if (got == 0 && n > 0)
        s->ended = true;
    return got;
}

ssize_t stream_write(struct stream *s, const void *from, size_t n, bool more)
{
    if (s->finished || (s->out < 0 && s->ops == &stream_plain))
        return -EPIPE;
    ssize_t put;
    do
        put = s->ops->write(s, from, n, more);
    while (put == -EINTR);
    if (put == -EAGAIN)
        s->can_write = false;
    return put;
}

int stream_finish(struct loop *l, struct stream *s)
{
    if (s->finished || (s->out < 0 && s->ops == &stream_plain))
        return 0;
    int result = s->ops->finish(s);
    if (result == -EAGAIN) {
        s->can_write = false;
        return result;
    }
    s->finished = true;
    if (s->out != s->in)
        close_out(l, s); /* a pipe's end is its last writer's close */
    return result;
}

bool stream_is_plain(const struct stream *s)
{
    return s->ops == &stream_plain && !s->blocks;
}

void stream_ask_ready(struct stream *from, struct stream *to)
{
    struct pollfd p[] = {{.fd = from->in, .events = POLLIN}, {.fd = to->out, .events = POLLOUT}};
    if (poll(p, 2, 0) < 0)
        return;
    from->can_read = p[0].revents != 0;
    to->can_write = p[1].revents != 0;
}
