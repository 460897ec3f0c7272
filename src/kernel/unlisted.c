#include "kernel/unlisted.h"

#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <linux/vm_sockets.h>

#include "base/buf.h"
#include "base/fd.h"
#include "kernel/netns.h"
#include "kernel/owners.h"
#include "kernel/proc_net.h"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71 /* asm-generic/socket.h, Linux 5.14 */
#endif
#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262 /* linux/in.h, Linux 5.6 */
#endif

struct search {
    const struct source_query *query;
    uint32_t kinds;
    uint64_t netns;  /* the thread's own */
    uint64_t wanted; /* 0: all */
    uint64_t cookie; /* the thread's own namespace by SO_NETNS_COOKIE; 0 unknown */
    int32_t pid;
    int pidfd; /* of pid */
    struct vec *ret;
};

static bool ask(int fd, int level, int name, void *ret, socklen_t size)
{
    socklen_t n = size;
    return getsockopt(fd, level, name, ret, &n) == 0 && n == size;
}

static int ask_int(int fd, int name)
{
    int value;
    return ask(fd, SOL_SOCKET, name, &value, sizeof value) ? value : -1;
}

static enum net_kind kind_of_inet(int protocol, int type)
{
    switch (protocol) {
    case IPPROTO_TCP:
        return NET_TCP;
    case IPPROTO_MPTCP:
        return NET_MPTCP;
    case IPPROTO_UDP:
        return NET_UDP;
    case IPPROTO_UDPLITE:
        return NET_UDPLITE;
    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6:
        return type == SOCK_DGRAM ? NET_PING : NET_OTHER;
    default:
        return NET_OTHER;
    }
}

/* The kind and family; false if they aren't asked for. */
static bool read_kind(const struct search *s, int fd, struct net_socket *row)
{
    int family = ask_int(fd, SO_DOMAIN);
    row->family = (uint16_t)family;
    if (family == AF_VSOCK)
        row->kind = NET_VSOCK;
    else if (family == AF_XDP)
        row->kind = NET_XDP;
    else if ((family == AF_INET || family == AF_INET6) && s->query->families >> family & 1)
        row->kind = kind_of_inet(ask_int(fd, SO_PROTOCOL), ask_int(fd, SO_TYPE));
    else
        return false;
    return row->kind != NET_OTHER && s->kinds >> row->kind & 1;
}

/* TCP says its state. The others, and MPTCP, which would make a subflow to answer that, are
 * unlisted if they neither listen nor have a peer nor a port. */
static bool is_closed(int fd, enum net_kind kind)
{
    struct sockaddr_storage peer;
    socklen_t n = sizeof peer;
    uint8_t state;
    if (kind == NET_TCP)
        return ask(fd, IPPROTO_TCP, TCP_INFO, &state, sizeof state) && state == NET_CLOSE;
    return ask_int(fd, SO_ACCEPTCONN) == 0 && getpeername(fd, (struct sockaddr *)&peer, &n) < 0 &&
           errno == ENOTCONN;
}

static bool read_inet_local(int fd, struct net_socket *row)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } name = {0};
    socklen_t n = sizeof name;
    if (getsockname(fd, &name.any, &n) < 0 || name.any.sa_family != row->family)
        return false;
    if (row->family == AF_INET) {
        row->local = net_addr_from_bytes(AF_INET, &name.v4.sin_addr);
        row->local_port = ntohs(name.v4.sin_port);
    } else {
        row->local = net_addr_from_bytes(AF_INET6, &name.v6.sin6_addr);
        row->local.scope = name.v6.sin6_scope_id;
        row->local_port = ntohs(name.v6.sin6_port);
    }
    net_socket_set(row, NET_F_LOCAL);
    return row->kind == NET_TCP || !row->local_port;
}

/* False if this is one that a dump would have told. */
static bool read_inet(int fd, struct net_socket *row)
{
    if (!is_closed(fd, row->kind) || !read_inet_local(fd, row))
        return false;
    row->state = row->local_port ? NET_BOUND_INACTIVE : NET_CLOSE;
    net_socket_set(row, NET_F_RECV_Q);
    net_socket_set(row, NET_F_SEND_Q);
    return true;
}

/* One that is still connecting looks as if it were closed. */
static void read_vsock(int fd, struct net_socket *row)
{
    struct sockaddr_vm local = {0}, peer = {0};
    socklen_t n = sizeof local;
    if (getsockname(fd, (struct sockaddr *)&local, &n) == 0) {
        row->local_id = local.svm_cid;
        row->local_port = local.svm_port;
        net_socket_set(row, NET_F_LOCAL);
    }
    row->state = ask_int(fd, SO_ACCEPTCONN) == 1 ? NET_LISTEN : NET_CLOSE;
    n = sizeof peer;
    if (getpeername(fd, (struct sockaddr *)&peer, &n) < 0)
        return;
    row->state = NET_ESTABLISHED;
    row->peer_id = peer.svm_cid;
    row->peer_port = peer.svm_port;
    net_socket_set(row, NET_F_PEER);
}

static bool read_ends(int fd, struct net_socket *row)
{
    switch (row->kind) {
    case NET_VSOCK:
        read_vsock(fd, row);
        return true;
    case NET_XDP:
        row->state = NET_CLOSE; /* they have none, and getsockname(2) answers nothing */
        return true;
    default:
        return read_inet(fd, row);
    }
}

/* The namespace may be asked for with CAP_NET_ADMIN in it; whether it is our own, always. */
static uint64_t netns_of(const struct search *s, int fd)
{
    uint64_t inode, cookie;
    _cleanup_fd_ int netns = ioctl(fd, SIOCGSKNS);
    if (netns >= 0 && netns_inode(netns, &inode) == 0)
        return inode;
    return s->cookie && ask(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, sizeof cookie) &&
                   cookie == s->cookie
               ? s->netns
               : 0;
}

static bool read_netns(const struct search *s, int fd, struct net_socket *row)
{
    row->netns = netns_of(s, fd);
    if (!row->netns || (s->wanted && row->netns != s->wanted))
        return false;
    net_socket_set(row, NET_F_NETNS);
    return true;
}

static void read_rest(int fd, const struct stat *st, struct net_socket *row)
{
    row->inode = st->st_ino;
    row->uid = st->st_uid; /* sockfs gives the socket's own (sockfs_setattr) */
    net_socket_set(row, NET_F_INODE);
    net_socket_set(row, NET_F_UID);
    if (ask(fd, SOL_SOCKET, SO_COOKIE, &row->cookie, sizeof row->cookie))
        net_socket_set(row, NET_F_COOKIE);
    int ifindex = ask_int(fd, SO_BINDTOIFINDEX);
    row->ifindex = ifindex > 0 ? (uint32_t)ifindex : 0;
}

static int open_process(struct search *s, int32_t pid)
{
    if (s->pid != pid) {
        fd_close(&s->pidfd);
        s->pidfd = (int)syscall(SYS_pidfd_open, pid, 0); /* close-on-exec, always */
        s->pid = pid;
    }
    return s->pidfd;
}

static int look_at(struct search *s, const struct owners_socket *at)
{
    struct net_socket row = {0};
    struct stat st;
    if (open_process(s, at->pid) < 0)
        return 0;
    _cleanup_fd_ int fd = (int)syscall(SYS_pidfd_getfd, s->pidfd, at->fd, 0);
    if (fd < 0 || !read_kind(s, fd, &row) || !read_ends(fd, &row) || !read_netns(s, fd, &row))
        return 0;
    if (fstat(fd, &st) < 0 || st.st_ino != at->inode)
        return 0; /* another file by the same number */
    read_rest(fd, &st, &row);
    return vec_add(s->ret, &row);
}

static uint64_t own_cookie(void)
{
    uint64_t cookie = 0;
    _cleanup_fd_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return fd >= 0 && ask(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, sizeof cookie) ? cookie : 0;
}

static void choose_namespace(struct search *s)
{
    s->wanted = s->query->scope == SOURCE_ALL_NETNS ? 0 : s->netns;
    if (s->query->scope == SOURCE_ONE_NETNS)
        (void)netns_inode(s->query->netns_fd, &s->wanted);
}

static uint32_t kinds_wanted(const struct source_query *q)
{
    const uint32_t states = 1u << NET_CLOSE | 1u << NET_BOUND_INACTIVE;
    uint32_t whole = q->kinds & UNLISTED_WHOLE;
    return (q->states & states ? q->kinds & UNLISTED_KINDS : 0) |
           (whole ? whole & proc_net_registered() : 0);
}

int unlisted_find(const struct source_query *q, struct owners *o, uint64_t netns, struct vec *ret)
{
    struct search s = {
        .query = q, .kinds = kinds_wanted(q), .netns = netns, .pidfd = -1, .ret = ret};
    _cleanup_vec_ struct vec all = VEC_INIT(struct owners_socket);
    if (!s.kinds || !netns)
        return 0;
    choose_namespace(&s);
    s.cookie = own_cookie();
    int r = owners_unasked(o, &all);
    for (size_t i = 0; i < all.len && r == 0; i++)
        r = look_at(&s, vec_at(&all, i));
    fd_close(&s.pidfd);
    return r;
}

static void note_untold(uint32_t kinds, const char *way, const char *ending,
                        struct source_report *report)
{
    char space[256];
    struct buf names = {.data = space, .cap = sizeof space, .max = sizeof space};
    for (uint32_t left = kinds; left; left &= left - 1) {
        bool last = (left & (left - 1)) == 0;
        buf_str(&names, left == kinds ? "" : last ? " and " : ", ");
        buf_str(&names, net_kind_name((enum net_kind)__builtin_ctz(left)));
    }
    if (kinds)
        source_report_note(report, false, "%s doesn't tell of %s sockets here%s", way,
                           buf_cstr(&names), ending);
}

void unlisted_note(const struct source_query *q, uint32_t kinds, const char *way,
                   struct source_report *report)
{
    uint32_t held = owners_wanted(q) ? kinds & UNLISTED_WHOLE : 0;
    note_untold(held, way, ": only those are shown that a process is seen to hold", report);
    note_untold(kinds & ~held, way, "", report);
}

void unlisted_forget_port(struct net_socket *s)
{
    s->local_port = 0;
    s->state = NET_CLOSE;
}

bool unlisted_is(const struct net_socket *s)
{
    return UNLISTED_KINDS >> s->kind & 1 && s->state == NET_CLOSE && !s->local_port;
}

void unlisted_forget_peer(struct net_socket *s)
{
    s->peer = (struct net_addr){0};
    s->peer_port = 0;
    net_socket_unset(s, NET_F_PEER);
}

bool unlisted_diag_tells_bound(void)
{
    struct utsname name;
    unsigned major, minor;
    if (uname(&name) < 0 || sscanf(name.release, "%u.%u", &major, &minor) != 2)
        return false;
    return major > 6 || (major == 6 && minor >= 8);
}
