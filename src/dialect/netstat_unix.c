/* netstat's list of UNIX sockets. */
#include "base/err.h"
#include "dialect/netstat_listing.h"
#include "net/socket.h"

static const char *unix_type(enum net_kind kind)
{
    return kind == NET_UNIX_STREAM      ? "STREAM"
           : kind == NET_UNIX_DGRAM     ? "DGRAM"
           : kind == NET_UNIX_SEQPACKET ? "SEQPACKET"
                                        : "UNKNOWN";
}

static const char *unix_state(const struct net_socket *s)
{
    if (s->state == NET_LISTEN)
        return "LISTENING";
    if (s->state == NET_ESTABLISHED)
        return s->detached == NET_IN_QUEUE ? "CONNECTING" : "CONNECTED";
    return s->detached == NET_ORPHAN ? "DISCONNECTING" : "";
}

static int take_unix(void *ctx, const struct net_socket *s)
{
    struct listing *l = ctx;
    struct buf *out = &l->out->buf;
    bool serves = s->state == NET_LISTEN;
    if (!l->o->all && serves != l->o->listening)
        return 0;
    buf_printf(out, "unix  %-6llu %-11s %-10s %-13s %-8llu ", (unsigned long long)s->refs,
               serves ? "[ ACC ]" : "[ ]", unix_type(s->kind), unix_state(s),
               (unsigned long long)s->inode);
    if (l->o->programs) {
        netstat_owner(out, l, s->inode);
        buf_char(out, ' ');
    }
    netstat_text(out, s->path, s->path_len);
    buf_char(out, '\n');
    return out_flush_if_full(l->out);
}

static void print_unix_heading(const struct listing *l)
{
    struct buf *out = &l->out->buf;
    buf_printf(out, "Active UNIX domain sockets %s\n",
               l->o->all         ? "(servers and established)"
               : l->o->listening ? "(only servers)"
                                 : "(w/o servers)");
    buf_str(out, "Proto RefCnt Flags       Type       State         I-Node   ");
    if (l->o->programs)
        buf_str(out, "PID/Program name     ");
    buf_str(out, "Path\n");
}

int netstat_unix(struct listing *l)
{
    print_unix_heading(l);
    return netstat_read(l, NET_KINDS_UNIX | 1u << NET_OTHER, take_unix);
}
