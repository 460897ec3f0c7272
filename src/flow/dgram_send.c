#include "flow/dgram_send.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>

enum {
    CUT = 103,          /* UDP_SEGMENT, of linux/udp.h */
    CUT_DATAGRAMS = 64, /* UDP_MAX_SEGMENTS before Linux 6.10 */
    CUT_BYTES = 65000,  /* one IP packet with all of its headers: 65,535 */
    BATCH = 64,
};

/* Where the control messages of a send are written. */
union control {
    char bytes[CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(uint16_t))];
    struct cmsghdr aligned;
};

static void add_control(struct msghdr *m, size_t room, int level, int type, const void *value,
                        size_t n)
{
    struct cmsghdr *c = (struct cmsghdr *)(void *)((char *)m->msg_control + m->msg_controllen);
    if (m->msg_controllen + CMSG_SPACE(n) > room)
        return;
    c->cmsg_level = level;
    c->cmsg_type = type;
    c->cmsg_len = CMSG_LEN(n);
    memcpy(CMSG_DATA(c), value, n);
    m->msg_controllen += CMSG_SPACE(n);
}

static void add_source(struct msghdr *m, size_t room, const struct dgram_way *w)
{
    if (w->local->ss_family == AF_INET) {
        struct sockaddr_in a;
        memcpy(&a, w->local, sizeof a);
        struct in_pktinfo info = {.ipi_spec_dst = a.sin_addr, .ipi_ifindex = (int)w->device};
        add_control(m, room, IPPROTO_IP, IP_PKTINFO, &info, sizeof info);
    } else if (w->local->ss_family == AF_INET6) {
        struct sockaddr_in6 a;
        memcpy(&a, w->local, sizeof a);
        struct in6_pktinfo info = {.ipi6_addr = a.sin6_addr, .ipi6_ifindex = w->device};
        add_control(m, room, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof info);
    }
}

/* The message but for its bytes. */
static struct msghdr make_header(const struct dgram_way *w, union control *control)
{
    struct msghdr m = {.msg_name = (void *)w->peer, .msg_namelen = w->peer ? w->peer_n : 0};
    memset(control, 0, sizeof *control);
    m.msg_control = control->bytes;
    if (w->local)
        add_source(&m, sizeof *control, w);
    return m;
}

static void close_header(struct msghdr *m)
{
    if (m->msg_controllen == 0)
        m->msg_control = NULL;
}

/* A datagram that the kernel didn't take is lost as on the way, unless there may be room soon or
 * nothing can ever be sent. */
static bool is_loss(const struct dgram_way *w, int error)
{
    switch (error) {
    case EMSGSIZE:
    case ENOBUFS:
    case EPERM: /* a firewall's rule: udp(7), netfilter */
    case ENETUNREACH:
    case EHOSTUNREACH:
    case ENETDOWN:
        return true;
    case ECONNREFUSED:
        return !w->refuses;
    default:
        return false;
    }
}

static ssize_t send_one(struct dgram_way *w, const char *bytes, size_t n, struct dgram_count *count)
{
    union control control;
    struct iovec v = {.iov_base = (void *)bytes, .iov_len = n};
    struct msghdr m = make_header(w, &control);
    m.msg_iov = &v;
    m.msg_iovlen = 1;
    close_header(&m);
    ssize_t put;
    do
        put = sendmsg(w->fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (put < 0 && errno == EINTR);
    if (put < 0 && !is_loss(w, errno))
        return -errno;
    if (put < 0)
        count->lost++;
    else
        count->datagrams++;
    return (ssize_t)n;
}

/* As many as one call takes, cut by the kernel; -EOPNOTSUPP where it can't, and never will. */
static ssize_t send_cut(struct dgram_way *w, const char *bytes, size_t n, size_t segment,
                        struct dgram_count *count)
{
    size_t most = CUT_BYTES / segment;
    most = (most < CUT_DATAGRAMS ? most : CUT_DATAGRAMS) * segment;
    if (most <= segment)
        return -EOPNOTSUPP;
    uint16_t cut = (uint16_t)segment;
    union control control;
    struct iovec v = {.iov_base = (void *)bytes, .iov_len = n < most ? n : most};
    struct msghdr m = make_header(w, &control);
    m.msg_iov = &v;
    m.msg_iovlen = 1;
    add_control(&m, sizeof control, IPPROTO_UDP, CUT, &cut, sizeof cut);
    ssize_t put;
    do
        put = sendmsg(w->fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (put < 0 && errno == EINTR);
    if (put >= 0) {
        count->datagrams += ((size_t)put + segment - 1) / segment;
        return put;
    }
    if (errno == EAGAIN || errno == ECONNREFUSED || errno == ENOBUFS)
        return errno == ENOBUFS ? -EAGAIN : -errno;
    return -EOPNOTSUPP;
}

static ssize_t send_batch(struct dgram_way *w, const char *bytes, size_t n, size_t segment,
                          struct dgram_count *count)
{
    union control control;
    struct mmsghdr messages[BATCH];
    struct iovec vectors[BATCH];
    struct msghdr header = make_header(w, &control);
    unsigned many = 0;
    close_header(&header);
    for (size_t at = 0; at < n && many < BATCH; at += segment, many++) {
        size_t left = n - at;
        vectors[many] = (struct iovec){(void *)(bytes + at), left < segment ? left : segment};
        messages[many] = (struct mmsghdr){.msg_hdr = header};
        messages[many].msg_hdr.msg_iov = &vectors[many];
        messages[many].msg_hdr.msg_iovlen = 1;
    }
    int sent;
    do
        sent = sendmmsg(w->fd, messages, many, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    if (sent < 0 && !is_loss(w, errno))
        return -errno;
    if (sent <= 0) { /* the first is lost */
        count->lost++;
        return (ssize_t)vectors[0].iov_len;
    }
    size_t bytes_sent = 0;
    for (int i = 0; i < sent; i++)
        bytes_sent += vectors[i].iov_len;
    count->datagrams += (uint64_t)sent;
    return (ssize_t)bytes_sent;
}

static ssize_t send_some(struct dgram_way *w, const char *bytes, size_t n, size_t segment,
                         struct dgram_count *count)
{
    if (n <= segment)
        return send_one(w, bytes, n, count);
    if (w->udp && !w->uncut && segment <= UINT16_MAX) {
        ssize_t put = send_cut(w, bytes, n, segment, count);
        if (put != -EOPNOTSUPP)
            return put;
        w->uncut = true;
    }
    return send_batch(w, bytes, n, segment, count);
}

ssize_t dgram_send(struct dgram_way *w, const char *bytes, size_t n, size_t segment,
                   struct dgram_count *count)
{
    if (n == 0)
        return send_one(w, bytes, 0, count);
    size_t done = 0;
    while (done < n) {
        ssize_t put = send_some(w, bytes + done, n - done, segment, count);
        if (put < 0)
            return done ? (ssize_t)done : put;
        done += (size_t)put;
    }
    return (ssize_t)done;
}
