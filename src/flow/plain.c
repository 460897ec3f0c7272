/* See plain.h. One turn of plain_talk: poll; those that broke or hung up are left; input is read,
 * the socket written, the socket read, output written; and what has nothing left to do is let go
 * of. A descriptor that is let go of is −1 in the table, which poll(2) passes over.
 */
#include "flow/plain.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { END_IN, END_NET_OUT, END_NET_IN, END_OUT, ENDS };

struct way {
    size_t n;
    char bytes[PLAIN_BUFFER];
};

struct talk {
    const struct plain *p;
    struct pollfd ends[ENDS];
    struct way in, out;
    uint64_t reads;
};

static bool again(void)
{
    return errno == EAGAIN || errno == EINTR;
}

static void way_drop(struct way *w, size_t n)
{
    w->n -= n;
    memmove(w->bytes, w->bytes + n, w->n);
}

static void fill(struct way *w, struct pollfd *from)
{
    ssize_t n = read(from->fd, w->bytes + w->n, sizeof(w->bytes) - w->n);

    if (n > 0)
        w->n += (size_t)n;
    else if (n == 0 || !again())
        from->fd = -1;
}

/* Writes the first n bytes; false when that is all for now. */
static bool drain_some(struct way *w, struct pollfd *to, size_t n)
{
    ssize_t done = write(to->fd, w->bytes, n);

    if (done < 0) {
        if (!again())
            to->fd = -1;
        return false;
    }
    way_drop(w, (size_t)done);
    return (size_t)done == n;
}

static void drain(struct way *w, struct pollfd *to)
{
    drain_some(w, to, w->n);
}

/* A line feed whose carriage return is missing goes out with one; the line before it went already.
 */
static void drain_bare_end(struct way *w, struct pollfd *to)
{
    ssize_t n = write(to->fd, "\r\n", 2);

    if (n > 0)
        way_drop(w, 1);
    else if (!again())
        to->fd = -1;
}

/* Out to the socket a line at a time. */
static void drain_line(const struct plain *p, struct way *w, struct pollfd *to)
{
    const char *end = memchr(w->bytes, '\n', w->n);
    size_t before = end ? (size_t)(end - w->bytes) : w->n;

    if (!end)
        drain(w, to);
    else if (!p->crlf || (before && end[-1] == '\r'))
        drain_some(w, to, before + 1);
    else if (!before || drain_some(w, to, before))
        drain_bare_end(w, to);
    if (end && p->interval_s)
        clock_nanosleep(CLOCK_REALTIME, 0, &(struct timespec){.tv_sec = p->interval_s}, NULL);
}

static void send_input(struct talk *t)
{
    if (t->p->crlf || t->p->interval_s)
        drain_line(t->p, &t->in, &t->ends[END_NET_OUT]);
    else
        drain(&t->in, &t->ends[END_NET_OUT]);
}

static void decline(const struct talk *t, size_t from)
{
    unsigned char answers[PLAIN_BUFFER];
    size_t n = plain_telnet((const unsigned char *)t->out.bytes + from, t->out.n - from, answers);

    /* Each answer is a call of its own, whatever becomes of it: whether the peer takes it will show
     * at the next read. */
    for (size_t i = 0; i + 3 <= n; i += 3)
        if (write(t->p->net, answers + i, 3) < 0 && !again())
            return;
}

/* The other ends are left alone as well once the last read that was asked for is done. */
static void count_read(struct talk *t)
{
    if (!t->p->reads || ++t->reads < t->p->reads)
        return;
    if (t->ends[END_NET_IN].fd >= 0)
        shutdown(t->ends[END_NET_IN].fd, SHUT_RD);
    t->ends[END_NET_IN].fd = t->ends[END_NET_OUT].fd = t->ends[END_IN].fd = -1;
}

static void take_net(struct talk *t)
{
    struct pollfd *net = &t->ends[END_NET_IN];
    size_t before = t->out.n;
    int fd = net->fd;

    errno = 0;
    fill(&t->out, net);
    if (net->fd < 0) {
        if (errno == 0)
            shutdown(fd, SHUT_RD);
        return;
    }
    if (t->out.n == before)
        return;
    if (t->p->telnet)
        decline(t, before);
    count_read(t);
}

/* What broke is left; then what hung up with nothing more to read or write. */
static void leave_broken(struct talk *t)
{
    struct pollfd *in = &t->ends[END_IN], *to = &t->ends[END_NET_OUT];

    for (int i = 0; i < ENDS; i++)
        if (t->ends[i].revents & (POLLERR | POLLNVAL))
            t->ends[i].fd = -1;
    if ((in->revents & (POLLHUP | POLLIN)) == POLLHUP)
        in->fd = -1;
    if (to->revents & POLLHUP) {
        if (to->fd >= 0 && t->p->half_close)
            shutdown(to->fd, SHUT_WR);
        to->fd = -1;
    }
    if (t->ends[END_OUT].revents & POLLHUP)
        t->ends[END_OUT].fd = -1;
    if (to->fd < 0)
        in->fd = -1;
    if (t->ends[END_OUT].fd < 0 && t->ends[END_NET_IN].fd >= 0) {
        shutdown(t->ends[END_NET_IN].fd, SHUT_RD);
        t->ends[END_NET_IN].fd = -1;
    }
}

static void leave_done(struct talk *t)
{
    struct pollfd *to = &t->ends[END_NET_OUT], *from = &t->ends[END_NET_IN];

    if (t->ends[END_IN].fd < 0 && !t->in.n) {
        if (to->fd >= 0 && t->p->half_close)
            shutdown(to->fd, SHUT_WR);
        to->fd = -1;
        if (from->fd >= 0 && t->p->ends_with_input) {
            shutdown(from->fd, SHUT_RD);
            from->fd = -1;
        }
    }
    if (from->fd < 0 && !t->out.n)
        t->ends[END_OUT].fd = -1;
}

static bool ready(const struct pollfd *end, short event)
{
    return end->fd >= 0 && end->revents & event;
}

static void turn(struct talk *t)
{
    leave_broken(t);
    if (ready(&t->ends[END_IN], POLLIN))
        fill(&t->in, &t->ends[END_IN]);
    if (ready(&t->ends[END_NET_OUT], POLLOUT))
        send_input(t);
    if (ready(&t->ends[END_NET_IN], POLLIN))
        take_net(t);
    if (ready(&t->ends[END_OUT], POLLOUT))
        drain(&t->out, &t->ends[END_OUT]);
    leave_done(t);
}

static bool over(const struct talk *t)
{
    const struct pollfd *e = t->ends;

    if (t->p->ends_with_net && e[END_NET_IN].fd < 0 && !t->out.n)
        return true;
    return e[END_NET_OUT].fd < 0 && e[END_NET_IN].fd < 0 && e[END_OUT].fd < 0;
}

static void ask(struct talk *t)
{
    struct pollfd *e = t->ends;

    e[END_IN].events = t->in.n < sizeof(t->in.bytes) ? POLLIN : 0;
    e[END_NET_OUT].events = t->in.n ? POLLOUT : 0;
    e[END_NET_IN].events = t->out.n < sizeof(t->out.bytes) ? POLLIN : 0;
    e[END_OUT].events = t->out.n ? POLLOUT : 0;
    for (int i = 0; i < ENDS; i++)
        if (e[i].fd < 0)
            e[i].events = e[i].revents = 0;
}

/* Input for which there is no room now isn't looked at: of a pipe that was closed only POLLHUP
 * would come, at once and again and again, while it may still hold the last bytes. */
static int wait_for_any(struct talk *t)
{
    struct pollfd *in = &t->ends[END_IN];
    int fd = in->fd;

    if (!in->events)
        in->fd = -1;
    int n = poll(t->ends, ENDS, t->p->timeout_ms);
    int error = errno;
    in->fd = fd;
    errno = error;
    return n;
}

int plain_talk(const struct plain *p)
{
    struct talk t = {
        .p = p,
        .ends = {{.fd = p->in}, {.fd = p->net}, {.fd = p->net}, {.fd = p->out}},
    };

    while (!over(&t)) {
        ask(&t);
        int n = wait_for_any(&t);
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n == 0)
            return PLAIN_TIMED_OUT;
        if (n > 0)
            turn(&t);
    }
    return t.ends[END_IN].fd < 0 ? PLAIN_INPUT_OVER : PLAIN_OVER;
}
