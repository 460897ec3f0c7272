#include "kernel/netlink.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <libmnl/libmnl.h>

#include "base/err.h"
#include "kernel/attrs.h"

enum {
    FIRST_RCVBUF = 1 << 20, /* after ENOBUFS; doubled each time */
    STRAY_MAX = 1 << 10,    /* datagrams of others that are passed over in one answer */
};

static const char *bus_name(int bus)
{
    switch (bus) {
    case NETLINK_SOCK_DIAG:
        return "sock_diag";
    case NETLINK_ROUTE:
        return "rtnetlink";
    default:
        return "netlink";
    }
}

/* One datagram from the kernel; those of other senders are dropped, since any process with
 * CAP_NET_ADMIN may send one here. */
static ssize_t receive_from_kernel(struct netlink *n, void *bytes, size_t size)
{
    for (int i = 0; i < STRAY_MAX; i++) {
        struct sockaddr_nl from = {0};
        struct iovec part = {bytes, size};
        struct msghdr m = {
            .msg_name = &from, .msg_namelen = sizeof from, .msg_iov = &part, .msg_iovlen = 1};
        ssize_t got = recvmsg(n->fd, &m, MSG_TRUNC);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 || from.nl_pid == 0)
            return got;
    }
    errno = EBADMSG;
    return -1;
}

static int open_socket(struct netlink *n)
{
    int on = 1;
    n->socket = mnl_socket_open2(n->bus, SOCK_CLOEXEC);
    if (!n->socket)
        return -errno;
    if (mnl_socket_bind(n->socket, 0, MNL_SOCKET_AUTOPID) < 0)
        return -errno;
    n->fd = mnl_socket_get_fd(n->socket);
    /* For the kernel's own words on errors; older kernels do without. */
    mnl_socket_setsockopt(n->socket, NETLINK_EXT_ACK, &on, sizeof on);
    mnl_socket_setsockopt(n->socket, NETLINK_CAP_ACK, &on, sizeof on);
    return 0;
}

static void close_socket(struct netlink *n)
{
    int saved = errno;
    if (n->socket)
        mnl_socket_close(n->socket);
    n->socket = NULL;
    n->fd = -1;
    n->pending = false;
    errno = saved;
}

int netlink_open(struct netlink *n, int bus, struct err *e)
{
    *n = (struct netlink){.fd = -1, .bus = bus, .receive = receive_from_kernel};
    n->buffer = malloc(NETLINK_BUFFER_SIZE);
    int r = n->buffer ? open_socket(n) : -ENOMEM;
    if (r < 0) {
        netlink_close(n);
        return err_set(e, -r, "open", bus_name(bus), NULL);
    }
    return 0;
}

void netlink_close(struct netlink *n)
{
    close_socket(n);
    free(n->buffer);
    n->buffer = NULL;
}

/* struct nlmsgerr: the error, then (NETLINK_CAP_ACK) only the header of the request, then
 * attributes that explain. Returns 0 for an acknowledgement. */
static int read_error(struct netlink_walk *w, const struct nlmsghdr *m)
{
    struct nlmsgerr error;
    struct attr attrs[NLMSGERR_ATTR_MSG + 1];
    w->ended = true;
    if (m->nlmsg_len < NLMSG_LENGTH(sizeof error))
        return -EBADMSG;
    memcpy(&error, NLMSG_DATA(m), sizeof error);
    if (error.error > 0)
        return -EBADMSG;
    if (m->nlmsg_flags & NLM_F_ACK_TLVS && m->nlmsg_flags & NLM_F_CAPPED) {
        attrs_parse_message(m, sizeof error, attrs, NLMSGERR_ATTR_MSG + 1);
        attr_text(&attrs[NLMSGERR_ATTR_MSG], w->text, sizeof w->text);
    }
    return error.error ? error.error : NETLINK_DONE;
}

/* A dump that fails half-way says so in NLMSG_DONE's payload (netlink_dump_done). */
static int read_done(struct netlink_walk *w, const struct nlmsghdr *m)
{
    int error = 0;
    w->ended = true;
    if (m->nlmsg_len >= NLMSG_LENGTH(sizeof error))
        memcpy(&error, NLMSG_DATA(m), sizeof error);
    return error < 0 ? error : NETLINK_DONE;
}

static int hand_over(struct netlink_walk *w, const struct nlmsghdr *m,
                     const struct netlink_reader *reader)
{
    if (w->interrupted && !w->whatever)
        return 0;
    int r = reader->message(reader->ctx, m);
    w->stopped = r != 0;
    return r;
}

static int walk_message(struct netlink_walk *w, const struct nlmsghdr *m,
                        const struct netlink_reader *reader)
{
    if (w->sequence && m->nlmsg_seq != w->sequence)
        return 0;
    if (m->nlmsg_flags & NLM_F_DUMP_INTR)
        w->interrupted = true;
    switch (m->nlmsg_type) {
    case NLMSG_NOOP:
        return 0;
    case NLMSG_ERROR:
        return read_error(w, m);
    case NLMSG_DONE:
        return read_done(w, m);
    case NLMSG_OVERRUN:
        return -ENOBUFS;
    default:
        return hand_over(w, m, reader);
    }
}

int netlink_walk(struct netlink_walk *w, const void *bytes, size_t n,
                 const struct netlink_reader *reader)
{
    const char *at = bytes;
    while (n >= NLMSG_HDRLEN) {
        const struct nlmsghdr *m = (const struct nlmsghdr *)at;
        if (m->nlmsg_len < NLMSG_HDRLEN || m->nlmsg_len > n)
            return -EBADMSG;
        int r = walk_message(w, m, reader);
        if (r)
            return r;
        size_t step = NLMSG_ALIGN(m->nlmsg_len);
        if (step >= n)
            return 0;
        at += step;
        n -= step;
    }
    return n ? -EBADMSG : 0;
}

static int send_request(struct netlink *n, struct nlmsghdr *request)
{
    if (n->pending)
        close_socket(n);
    if (n->fd < 0) {
        int r = open_socket(n);
        if (r < 0)
            return r;
    }
    if (++n->sequence == 0)
        n->sequence = 1;
    request->nlmsg_seq = n->sequence;
    n->pending = true;
    ssize_t sent;
    do
        sent = send(n->fd, request, request->nlmsg_len, 0);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : 0;
}

/* Reads datagrams until the answer ends. */
static int receive_answer(struct netlink *n, struct netlink_walk *w,
                          const struct netlink_reader *reader)
{
    for (;;) {
        ssize_t got = n->receive(n, n->buffer, NETLINK_BUFFER_SIZE);
        if (got < 0)
            return -errno;
        if (got == 0 || got > NETLINK_BUFFER_SIZE)
            return -EBADMSG;
        int r = netlink_walk(w, n->buffer, (size_t)got, reader);
        if (r)
            return r;
    }
}

/* Best effort: beyond net.core.rmem_max only CAP_NET_ADMIN may go. */
static void enlarge(struct netlink *n, int attempt)
{
    int size = FIRST_RCVBUF << attempt;
    if (setsockopt(n->fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) < 0)
        setsockopt(n->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
}

static int explain(struct err *e, int bus, int error, const char *text)
{
    return err_set(e, error, "ask", bus_name(bus), text[0] ? "%s" : NULL, text);
}

static int exchange(struct netlink *n, struct nlmsghdr *request,
                    const struct netlink_reader *reader, struct err *e)
{
    for (int attempt = 0;; attempt++) {
        bool last = attempt + 1 == NETLINK_TRIES;
        int r = send_request(n, request);
        if (r < 0)
            return explain(e, n->bus, -r, "");

        struct netlink_walk w = {.sequence = n->sequence, .whatever = last};
        r = receive_answer(n, &w, reader);
        n->pending = !w.ended;
        if (w.stopped)
            return r;
        if (r == NETLINK_DONE && !w.interrupted)
            return 0;
        if (r == NETLINK_DONE && last)
            return explain(e, n->bus, EINTR, "what was read kept changing");
        if (r != NETLINK_DONE && r != -ENOBUFS)
            return explain(e, n->bus, -r, w.text);
        if (last)
            return explain(e, n->bus, ENOBUFS, "");
        if (reader->restart)
            reader->restart(reader->ctx);
        if (r == -ENOBUFS) {
            close_socket(n);
            r = open_socket(n);
            if (r < 0)
                return explain(e, n->bus, -r, "");
            enlarge(n, attempt);
        }
    }
}

int netlink_dump(struct netlink *n, struct nlmsghdr *request, const struct netlink_reader *reader,
                 struct err *e)
{
    request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    return exchange(n, request, reader, e);
}

int netlink_ask(struct netlink *n, struct nlmsghdr *request, uint16_t flags,
                const struct netlink_reader *reader, struct err *e)
{
    request->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags);
    return exchange(n, request, reader, e);
}
