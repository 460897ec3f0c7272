#include "flow/dgram.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "flow/pair.h"

enum { RUNS = 104 }; /* UDP_GRO, of linux/udp.h */

bool dgram_ask_runs(int fd)
{
    int on = 1;
    return setsockopt(fd, IPPROTO_UDP, RUNS, &on, sizeof on) == 0;
}

/* The buffer that every socket has; 0 where that can't be read. */
static int usual_room(void)
{
    char text[16] = "";
    _cleanup_fd_ int fd = open("/proc/sys/net/core/rmem_default", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    return n > 0 ? (int)strtol(text, NULL, 10) : 0;
}

void dgram_ask_room(int fd)
{
    int now = 0, wanted = DGRAM_BURST;
    socklen_t n = sizeof now;
    if (getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &now, &n) < 0 || now != usual_room())
        return;
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &wanted, sizeof wanted) < 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &wanted, sizeof wanted);
}

uint32_t dgram_segment_of(struct msghdr *m, size_t n)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c))
        if (c->cmsg_level == IPPROTO_UDP && c->cmsg_type == RUNS) {
            int segment = 0;
            memcpy(&segment, CMSG_DATA(c), sizeof segment);
            return segment > 0 && (size_t)segment < n ? (uint32_t)segment : 0;
        }
    return 0;
}

static uint64_t count_of(size_t n, uint32_t segment)
{
    return segment ? (n + segment - 1) / segment : 1;
}

/* Trouble */

const char *dgram_trouble_words(enum dgram_trouble what)
{
    return what == DGRAM_CUT ? "a datagram was too long for any buffer here: its end is missing"
                             : "datagrams are lost: they come faster than they are taken";
}

void dgram_count_trouble(struct dgram *d, enum dgram_trouble what, uint64_t n)
{
    uint64_t *count = what == DGRAM_CUT ? &d->truncated : &d->lost;
    bool first = *count == 0;
    *count += n;
    if (first && d->trouble)
        d->trouble(d, what);
}

/* Reading */

/* One datagram, or a run of them: as recvmsg, with -errno. */
static ssize_t receive(struct stream *s, struct dgram *d, void *to, size_t n)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr aligned;
    } control;
    struct iovec v = {.iov_base = to, .iov_len = n};
    struct msghdr m = {
        .msg_iov = &v, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    ssize_t got = recvmsg(s->in, &m, MSG_DONTWAIT);
    if (got < 0)
        return -errno;
    d->segment = dgram_segment_of(&m, (size_t)got);
    d->datagrams_in += count_of((size_t)got, d->segment);
    if (m.msg_flags & MSG_TRUNC)
        dgram_count_trouble(d, DGRAM_CUT, 1);
    return got;
}

static size_t unspill(struct dgram *d, void *to, size_t n)
{
    size_t left = d->spill_n - d->spill_at;
    if (n > left)
        n = left;
    memcpy(to, d->spill + d->spill_at, n);
    d->spill_at += (uint32_t)n;
    return n;
}

/* With less room than a datagram may take: through a buffer, so that nothing is cut off. */
static ssize_t read_spilling(struct stream *s, struct dgram *d, void *to, size_t n)
{
    if (!d->spill && !(d->spill = malloc(DGRAM_ROOM)))
        return -ENOMEM;
    ssize_t got = receive(s, d, d->spill, DGRAM_ROOM);
    if (got <= 0)
        return got;
    d->spill_at = 0;
    d->spill_n = (uint32_t)got;
    return (ssize_t)unspill(d, to, n);
}

static ssize_t read_any(struct stream *s, struct dgram *d, char *to, size_t n)
{
    return n < DGRAM_ROOM ? read_spilling(s, d, to, n) : receive(s, d, to, n);
}

/* As much as there is room for; what has no bytes is no end. */
static ssize_t read_bytes(struct stream *s, struct dgram *d, char *to, size_t n)
{
    size_t done = 0;
    if (d->spill_at < d->spill_n)
        return (ssize_t)unspill(d, to, n);
    while (done == 0 || n - done >= DGRAM_ROOM) {
        ssize_t got = read_any(s, d, to + done, n - done);
        if (got == 0 && d->packets)
            return (ssize_t)done;
        if (got < 0)
            return done ? (ssize_t)done : got;
        done += (size_t)got;
    }
    return (ssize_t)done;
}

/* At once, since a pump has no notion of it. */
void dgram_pass_empty(struct dgram *d)
{
    if (d->empty)
        d->empty(d);
    else if (d->to)
        dgram_send(&d->to->way, "", 0, 0, &d->to->out);
}

/* One at a time. */
static ssize_t read_datagram(struct stream *s, struct dgram *d, char *to, size_t n)
{
    for (;;) {
        ssize_t got = receive(s, d, to, n);
        if (got != 0 || d->packets)
            return got;
        dgram_pass_empty(d);
    }
}

static ssize_t stream_dgram_read(struct stream *s, void *to, size_t n)
{
    struct dgram *d = s->above;
    return d->to || d->whole ? read_datagram(s, d, to, n) : read_bytes(s, d, to, n);
}

/* Writing */

ssize_t dgram_write(struct dgram *d, const void *from, size_t n)
{
    size_t segment = n;
    if (d->from && d->from->segment)
        segment = d->from->segment;
    else if (!d->from && d->size && n > d->size)
        segment = d->size;
    return dgram_send(&d->way, from, n, segment, &d->out);
}

static ssize_t stream_dgram_write(struct stream *s, const void *from, size_t n, bool more)
{
    (void)more;
    return dgram_write(s->above, from, n);
}

static int stream_dgram_finish(struct stream *s)
{
    struct dgram *d = s->above;
    if (!d->packets)
        return 0;
    return shutdown(s->out, SHUT_WR) < 0 && errno != ENOTCONN ? -errno : 0;
}

static void stream_dgram_release(struct stream *s)
{
    struct dgram *d = s->above;
    free(d->spill);
    d->spill = NULL;
}

static const struct stream_ops ops = {.read = stream_dgram_read,
                                      .write = stream_dgram_write,
                                      .finish = stream_dgram_finish,
                                      .release = stream_dgram_release};

void dgram_init_stream(struct dgram *d, struct stream *s, int fd)
{
    int domain = 0, type = 0;
    socklen_t n = sizeof domain;
    getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &n);
    n = sizeof type;
    getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &n);
    *d = (struct dgram){.size = domain == AF_UNIX ? DGRAM_ROOM / 2 : DGRAM_SIZE,
                        .packets = type == SOCK_SEQPACKET};
    d->way = (struct dgram_way){
        .fd = fd, .udp = type == SOCK_DGRAM && domain != AF_UNIX, .refuses = true};
    if (d->way.udp) {
        dgram_ask_runs(fd);
        dgram_ask_room(fd);
    }
    stream_init_socket(s, fd);
    s->ops = &ops;
    s->above = d;
}

void dgram_join_pump(struct pump *p, struct dgram *from, struct dgram *to)
{
    if (from)
        from->to = to;
    if (to)
        to->from = from;
    if (from || to)
        p->copies = true;
    if (from)
        p->chunk = PUMP_SCRATCH;
    if (!from && to && to->size)
        p->chunk = PUMP_SCRATCH / to->size * to->size; /* no short one in between */
}

void dgram_join(struct pair *p, struct dgram *a, struct dgram *b)
{
    dgram_join_pump(&p->ab, a, b);
    dgram_join_pump(&p->ba, b, a);
}
