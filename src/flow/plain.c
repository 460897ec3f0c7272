/* See plain.h. One turn of plain_talk: poll; those that broke or hung up are left; input is read,
 * the socket written, the socket read, output written; and what has nothing left to do is let go
 * of. A descriptor that is let go of is −1 in the table, which poll(2) passes over.
 *
 * With TLS above the socket what its calls wait for is the stream's word, and they are tried before
 * poll(2) is asked: bytes that were decrypted already don't show there.
 */
#include "flow/plain.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "flow/stream.h"

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

/* read(2) and write(2), or the stream's own in their manner. */

static ssize_t read_net(const struct plain *p, void *to, size_t n)
{
    if (!p->above)
        return read(p->net, to, n);
    p->above->can_read = true;
    ssize_t got = stream_read(p->above, to, n);
    errno = got < 0 ? (int)-got : 0;
    return got < 0 ? -1 : got;
}

static ssize_t write_net(const struct plain *p, const void *from, size_t n)
{
    if (!p->above)
        return write(p->net, from, n);
    p->above->can_write = true;
    ssize_t put = stream_write(p->above, from, n, false);
    errno = put < 0 ? (int)-put : 0;
    return put < 0 ? -1 : put;
}

/* How many bytes came; the end is let go of when it is over. */
static void filled(struct way *w, struct pollfd *from, ssize_t n)
{
    if (n > 0)
        w->n += (size_t)n;
    else if (n == 0 || !again())
        from->fd = -1;
}

static void fill(struct way *w, struct pollfd *from)
{
    filled(w, from, read(from->fd, w->bytes + w->n, sizeof(w->bytes) - w->n));
}

/* Of n bytes so many were written; false when that is all for now. */
static bool drained(struct way *w, struct pollfd *to, size_t n, ssize_t done)
{
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
    drained(w, to, w->n, write(to->fd, w->bytes, w->n));
}

static bool send_some(struct talk *t, size_t n)
{
    return drained(&t->in, &t->ends[END_NET_OUT], n, write_net(t->p, t->in.bytes, n));
}

/* A line feed whose carriage return is missing goes out with one; the line before it went already.
 */
static void send_bare_end(struct talk *t)
{
    ssize_t n = write_net(t->p, "\r\n", 2);

    if (n > 0)
        way_drop(&t->in, 1);
    else if (!again())
        t->ends[END_NET_OUT].fd = -1;
}

/* Out to the socket a line at a time. */
static void send_line(struct talk *t)
{
    const struct plain *p = t->p;
    const char *end = memchr(t->in.bytes, '\n', t->in.n);
    size_t before = end ? (size_t)(end - t->in.bytes) : t->in.n;

    if (!end)
        send_some(t, t->in.n);
    else if (!p->crlf || (before && end[-1] == '\r'))
        send_some(t, before + 1);
    else if (!before || send_some(t, before))
        send_bare_end(t);
    if (end && p->interval_s)
        clock_nanosleep(CLOCK_REALTIME, 0, &(struct timespec){.tv_sec = p->interval_s}, NULL);
}

static void send_input(struct talk *t)
{
    if (t->p->crlf || t->p->interval_s)
        send_line(t);
    else
        send_some(t, t->in.n);
}

/* A record of TLS that is begun has to be ended, so answers wait behind what is on its way; also
 * when the input is over, as long as that wasn't told. */
static void answer_above(struct talk *t, const unsigned char *answers, size_t n)
{
    if (t->p->above->finished || n > sizeof(t->in.bytes) - t->in.n)
        return;
    memcpy(t->in.bytes + t->in.n, answers, n);
    t->in.n += n;
    t->ends[END_NET_OUT].fd = t->p->net;
}

static void decline(struct talk *t, size_t from)
{
    unsigned char answers[PLAIN_BUFFER];
    size_t n = plain_telnet((const unsigned char *)t->out.bytes + from, t->out.n - from, answers);

    if (t->p->above) {
        answer_above(t, answers, n);
        return;
    }
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
    filled(&t->out, net, read_net(t->p, t->out.bytes + t->out.n, sizeof(t->out.bytes) - t->out.n));
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

/* Nothing more goes out: TLS says so as well, for which there must be room. */
static void end_writing(struct talk *t)
{
    struct stream *above = t->p->above;
    struct pollfd p = {.fd = t->p->net};

    while (above && stream_finish(NULL, above) == -EAGAIN) {
        p.events = (short)above->write_waits;
        if (poll(&p, 1, t->p->timeout_ms) <= 0)
            break;
    }
    shutdown(t->p->net, SHUT_WR);
}

/* Behind a reset there may still lie the alert of TLS that tells why: the read ends with the error.
 */
static bool may_tell_why(struct talk *t, int end)
{
    if (end != END_NET_IN || !t->p->above || t->ends[end].revents & POLLNVAL)
        return false;
    t->p->above->can_read = true;
    return true;
}

/* What broke is left; then what hung up with nothing more to read or write. */
static void leave_broken(struct talk *t)
{
    struct pollfd *in = &t->ends[END_IN], *to = &t->ends[END_NET_OUT];

    for (int i = 0; i < ENDS; i++)
        if (t->ends[i].revents & (POLLERR | POLLNVAL) && !may_tell_why(t, i))
            t->ends[i].fd = -1;
    if ((in->revents & (POLLHUP | POLLIN)) == POLLHUP)
        in->fd = -1;
    if (to->revents & POLLHUP) {
        if (to->fd >= 0 && t->p->half_close)
            end_writing(t);
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
            end_writing(t);
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

/* What is to be tried without waiting for it. */
static bool can_send(const struct talk *t)
{
    return t->p->above && t->p->above->can_write && t->in.n && t->ends[END_NET_OUT].fd >= 0;
}

static bool can_take(const struct talk *t)
{
    return t->p->above && t->p->above->can_read && t->out.n < sizeof(t->out.bytes) &&
           t->ends[END_NET_IN].fd >= 0;
}

static void turn(struct talk *t)
{
    struct pollfd *e = t->ends;

    leave_broken(t);
    if (ready(&e[END_IN], POLLIN))
        fill(&t->in, &e[END_IN]);
    if (ready(&e[END_NET_OUT], e[END_NET_OUT].events) || can_send(t))
        send_input(t);
    if (ready(&e[END_NET_IN], e[END_NET_IN].events) || can_take(t))
        take_net(t);
    if (ready(&e[END_OUT], POLLOUT))
        drain(&t->out, &e[END_OUT]);
    leave_done(t);
}

static bool over(const struct talk *t)
{
    const struct pollfd *e = t->ends;

    if (t->p->ends_with_net && e[END_NET_IN].fd < 0 && !t->out.n)
        return true;
    return e[END_NET_OUT].fd < 0 && e[END_OUT].fd < 0; /* whatever comes, nobody would have it */
}

static void ask(struct talk *t)
{
    const struct stream *above = t->p->above;
    struct pollfd *e = t->ends;
    short read_waits = above ? (short)above->read_waits : POLLIN;
    short write_waits = above ? (short)above->write_waits : POLLOUT;

    e[END_IN].events = t->in.n < sizeof(t->in.bytes) ? POLLIN : 0;
    e[END_NET_OUT].events = t->in.n ? write_waits : 0;
    e[END_NET_IN].events = t->out.n < sizeof(t->out.bytes) ? read_waits : 0;
    e[END_OUT].events = t->out.n ? POLLOUT : 0;
    for (int i = 0; i < ENDS; i++)
        if (e[i].fd < 0)
            e[i].events = e[i].revents = 0;
}

/* Input for which there is no room now isn't looked at: of a pipe that was closed only POLLHUP
 * would come, at once and again and again, while it may still hold the last bytes. */
static int wait_for_any(struct talk *t, int timeout_ms)
{
    struct pollfd *in = &t->ends[END_IN];
    int fd = in->fd;

    if (!in->events)
        in->fd = -1;
    int n = poll(t->ends, ENDS, timeout_ms);
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
        bool tries = can_send(&t) || can_take(&t);
        int n = wait_for_any(&t, tries ? 0 : p->timeout_ms);
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n == 0 && !tries)
            return PLAIN_TIMED_OUT;
        if (n >= 0)
            turn(&t);
    }
    return t.ends[END_IN].fd < 0 ? PLAIN_INPUT_OVER : PLAIN_OVER;
}
