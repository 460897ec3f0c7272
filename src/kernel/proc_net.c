#include "kernel/proc_net.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/fd.h"
#include "kernel/diag_decode.h"
#include "kernel/proc_net_parse.h"
#include "kernel/unlisted.h"

#define FOLDER "/proc/thread-self/net/" /* of this thread's namespace, which "self" isn't */

enum { CHUNK = 32 << 10 };

static const struct file {
    const char *path;
    enum net_kind kind;
    uint32_t kinds;
    uint16_t family; /* of IP */
    bool listeners_first;
    int (*parse)(const char *line, size_t n, enum net_kind kind, uint32_t detail,
                 struct net_socket *row);
} files[] = {
#define INET(name, kind, family, sorted)                                    \
    {                                                                       \
        FOLDER name, kind, 1 << (kind), family, sorted, proc_net_parse_inet \
    }
    INET("tcp", NET_TCP, AF_INET, true),
    INET("tcp6", NET_TCP, AF_INET6, true),
    INET("udp", NET_UDP, AF_INET, false),
    INET("udp6", NET_UDP, AF_INET6, false),
    INET("udplite", NET_UDPLITE, AF_INET, false),
    INET("udplite6", NET_UDPLITE, AF_INET6, false),
    INET("raw", NET_RAW, AF_INET, false),
    INET("raw6", NET_RAW, AF_INET6, false),
    INET("icmp", NET_PING, AF_INET, false),
    INET("icmp6", NET_PING, AF_INET6, false),
    {FOLDER "unix", NET_UNIX_STREAM, NET_KINDS_UNIX, 0, false, proc_net_parse_unix},
    {FOLDER "netlink", NET_NETLINK, 1 << NET_NETLINK, 0, false, proc_net_parse_netlink},
    {FOLDER "packet", NET_PACKET, 1 << NET_PACKET, 0, false, proc_net_parse_packet},
#undef INET
};

struct reading {
    const struct source_query *q;
    source_sink *sink;
    void *ctx;
    bool listeners;
    bool both;   /* halves, in one go */
    bool enough; /* the rest of this file is of the other half */
    struct diag_decoder decoder;
    struct net_socket row;
};

static int take_line(struct reading *r, const struct file *f, const char *line, size_t n)
{
    struct net_socket *s = &r->row;
    diag_row_begin(&r->decoder, f->kind, s);
    if (f->parse(line, n, f->kind, r->q->detail, s) < 0)
        return 0;
    bool listener = net_socket_is_listener(s);
    r->enough = f->listeners_first && r->listeners && !listener && !r->both;
    if ((listener != r->listeners && !r->both) || !(r->q->states >> s->state & 1) ||
        !(r->q->kinds >> s->kind & 1))
        return 0;
    diag_set_device(&r->decoder, s, s->ifindex);
    return r->sink(r->ctx, s);
}

/* Takes the whole lines of a chunk; what is left of it waits for the next. */
static int take_lines(struct reading *r, const struct file *f, char *chunk, size_t *len)
{
    char *at = chunk, *end = chunk + *len;
    int result = 0;
    for (char *stop; result == 0 && !r->enough && (stop = memchr(at, '\n', (size_t)(end - at)));) {
        result = take_line(r, f, at, (size_t)(stop - at));
        at = stop + 1;
    }
    *len = (size_t)(end - at);
    memmove(chunk, at, *len);
    return result;
}

static int take_file(struct reading *r, const struct file *f, int fd, char *chunk)
{
    size_t len = 0;
    r->enough = false;
    for (;;) {
        if (len == CHUNK) /* no such line comes from the kernel */
            len = 0;
        ssize_t n = read(fd, chunk + len, CHUNK - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : 0;
        len += (size_t)n;
        int result = take_lines(r, f, chunk, &len);
        if (result || r->enough)
            return result;
    }
}

static bool is_asked(const struct file *f, const struct source_query *q, uint32_t kinds)
{
    return f->kinds & kinds && (!f->family || q->families >> f->family & 1);
}

static uint64_t netns_inode(void)
{
    struct stat st;
    return stat("/proc/thread-self/ns/net", &st) == 0 ? st.st_ino : 0;
}

static int read_files(struct reading *r, uint32_t kinds, uint32_t *ret_missing, struct err *e)
{
    const struct source_query *q = r->q;
    uint32_t found = 0;
    int result = 0;
    char *chunk = malloc(CHUNK);
    if (!chunk)
        return err_set(e, ENOMEM, "read", FOLDER, NULL);
    r->decoder.netns = netns_inode();
    for (size_t i = 0; i < sizeof files / sizeof *files && result == 0; i++) {
        if (!is_asked(&files[i], q, kinds))
            continue;
        _cleanup_fd_ int fd = open(files[i].path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
            continue;
        found |= files[i].kinds;
        result = take_file(r, &files[i], fd, chunk);
    }
    free(chunk);
    *ret_missing = kinds & ~found;
    return result;
}

int proc_net_read_half(const struct source_query *q, uint32_t kinds, bool listeners,
                       source_sink *sink, void *ctx, uint32_t *ret_missing, struct err *e)
{
    struct reading r = {.q = q, .sink = sink, .ctx = ctx, .listeners = listeners};
    return read_files(&r, kinds, ret_missing, e);
}

uint32_t proc_net_kinds(void)
{
    uint32_t kinds = 0;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        kinds |= files[i].kinds;
    return kinds;
}

/* The kinds that aren't always there, by their names in /proc/net/protocols. */
static const struct {
    const char *name;
    enum net_kind kind;
} protocols[] = {
    {"UDP-Lite", NET_UDPLITE}, {"MPTCP", NET_MPTCP},    {"SCTP", NET_SCTP}, {"DCCP", NET_DCCP},
    {"PACKET", NET_PACKET},    {"AF_VSOCK", NET_VSOCK}, {"TIPC", NET_TIPC}, {"XDP", NET_XDP},
};

static bool is_listed(const struct buf *list, const char *name)
{
    size_t n = strlen(name);
    const char *at = list->data, *end = at + list->len;
    while (at && at < end) {
        if ((size_t)(end - at) > n && memcmp(at, name, n) == 0 && at[n] == ' ')
            return true;
        at = memchr(at, '\n', (size_t)(end - at));
        at += at != NULL;
    }
    return false;
}

uint32_t proc_net_registered(void)
{
    _cleanup_buf_ struct buf list = BUF_INIT(64 << 10);
    uint32_t kinds = NET_KINDS_ALL;
    if (fd_read_file(-1, FOLDER "protocols", &list) < 0)
        return kinds;
    for (size_t i = 0; i < sizeof protocols / sizeof *protocols; i++)
        if (!is_listed(&list, protocols[i].name))
            kinds &= ~(1u << protocols[i].kind);
    return kinds;
}

int proc_net_read(const struct source_query *q, source_sink *sink, void *ctx,
                  struct source_report *report, struct err *e)
{
    uint32_t missing = 0;
    uint32_t kinds = q->kinds & ~(1u << NET_OTHER);
    if (q->as_listed) {
        struct reading r = {.q = q, .sink = sink, .ctx = ctx, .both = true};
        return read_files(&r, kinds, &missing, e);
    }
    for (int half = 0; half < 2; half++) {
        int result = proc_net_read_half(q, kinds, half == 0, sink, ctx, &missing, e);
        if (result)
            return result;
    }
    unlisted_note(q, missing & proc_net_registered(), "/proc/net", report);
    return 0;
}
