/* A raw answer of the kernel that was written to a file. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "kernel/diag.h"
#include "kernel/diag_decode.h"
#include "kernel/netlink.h"

/* More than the kernel puts into one message, by far. */
enum { CHUNK = 256 << 10 };

struct reading {
    const struct source_query *q;
    source_sink *sink;
    void *ctx;
    struct diag_decoder decoder;
    struct net_socket row;
    bool stopped;
};

static bool is_wanted(const struct reading *r)
{
    const struct source_query *q = r->q;
    const struct net_socket *s = &r->row;
    bool inet = s->family == AF_INET || s->family == AF_INET6;
    return q->kinds >> s->kind & 1 && q->states >> s->state & 1 &&
           (!inet || q->families >> s->family & 1);
}

static int on_message(void *ctx, const struct nlmsghdr *m)
{
    struct reading *r = ctx;
    int result = diag_any_decode(&r->decoder, m, &r->row);
    if (result < 0 || !is_wanted(r))
        return result;
    result = r->sink(r->ctx, &r->row);
    r->stopped = result != 0;
    return result;
}

/* The length of the whole messages at the front: at most n. 0: not even one is complete. */
static size_t whole_messages(const char *at, size_t n)
{
    size_t whole = 0;
    while (n - whole >= NLMSG_HDRLEN) {
        struct nlmsghdr head;
        memcpy(&head, at + whole, sizeof head);
        size_t step = NLMSG_ALIGN((size_t)head.nlmsg_len);
        if (head.nlmsg_len < NLMSG_HDRLEN) /* netlink_walk tells what is wrong with it */
            return n;
        if (step > n - whole)
            break;
        whole += step;
    }
    return whole;
}

static int walk(struct reading *r, const char *chunk, size_t n)
{
    const struct netlink_reader reader = {.message = on_message, .ctx = r};
    struct netlink_walk w = {.whatever = true};
    int result = netlink_walk(&w, chunk, n, &reader);
    return w.ended && result == NETLINK_DONE ? NETLINK_DONE : result;
}

static int read_fd(struct reading *r, int fd, char *chunk)
{
    size_t len = 0;
    for (;;) {
        ssize_t n = read(fd, chunk + len, CHUNK - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        len += (size_t)n;
        /* At the end, a last message may lack its padding. */
        size_t whole = n == 0 ? len : whole_messages(chunk, len);
        int result = walk(r, chunk, whole);
        if (result)
            return result == NETLINK_DONE ? 0 : result;
        if (n == 0)
            return 0;
        if (whole == 0 && len == CHUNK)
            return -EBADMSG;
        len -= whole;
        memmove(chunk, chunk + whole, len);
    }
}

int diag_read_file(const char *path, const struct source_query *q, source_sink *sink, void *ctx,
                   struct source_report *report, struct err *e)
{
    struct reading r = {.q = q, .sink = sink, .ctx = ctx};
    (void)report;
    r.decoder = (struct diag_decoder){.detail = q->detail, .kind = NET_TCP, .elsewhere = true};
    _cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_set(e, errno, "open", path, NULL);
    char *chunk = malloc(CHUNK);
    int result = chunk ? read_fd(&r, fd, chunk) : -ENOMEM;
    free(chunk);
    if (result >= 0 || r.stopped)
        return result;
    return err_set(e, -result, "read", path,
                   result == -EBADMSG ? "it isn't a dump of sock_diag, or is cut off" : NULL);
}
