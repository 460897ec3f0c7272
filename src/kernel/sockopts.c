#include "kernel/sockopts.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "kernel/sysctl.h"
#include "net/socket.h"

/* How an answer is kept: an int as number, bool or signed; the rest by hand. */
enum shape { AS_NUMBER, AS_BOOL, AS_SIGNED, AS_LINGER, AS_TEXT };

enum {
    TCP_LIKE = 1 << NET_TCP | 1 << NET_MPTCP,
    INET = TCP_LIKE | 1 << NET_UDP | 1 << NET_UDPLITE | 1 << NET_SCTP | 1 << NET_DCCP |
           1 << NET_RAW | 1 << NET_PING,
    HAS_TTL = INET & ~(1 << NET_MPTCP), /* it refuses the option */
    ANY = NET_KINDS_ALL,
};

/* family 0: any. An option that stands twice is asked of each family in its own way. */
static const struct option {
    enum net_field field;
    int family, level, name;
    enum shape shape;
    uint32_t kinds;
    size_t offset, size;
} options[] = {
#define OPTION(field, member, family, level, name, shape, kinds)                               \
    {                                                                                          \
        NET_F_##field, family, level, name, shape, kinds, offsetof(struct net_socket, member), \
            sizeof(((struct net_socket *)0)->member)                                           \
    }
    OPTION(REUSEADDR, reuseaddr, 0, SOL_SOCKET, SO_REUSEADDR, AS_BOOL, ANY),
    OPTION(REUSEPORT, reuseport, 0, SOL_SOCKET, SO_REUSEPORT, AS_BOOL, ANY),
    OPTION(V6ONLY, v6only, AF_INET6, IPPROTO_IPV6, IPV6_V6ONLY, AS_BOOL, INET),
    OPTION(TRANSPARENT, transparent, 0, IPPROTO_IP, IP_TRANSPARENT, AS_BOOL, INET),
    OPTION(FREEBIND, freebind, 0, IPPROTO_IP, IP_FREEBIND, AS_BOOL, INET),
    OPTION(BIND_NO_PORT, bind_no_port, 0, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, AS_BOOL, INET),
    OPTION(MARK, mark, 0, SOL_SOCKET, SO_MARK, AS_NUMBER, ANY),
    OPTION(PRIORITY, priority, 0, SOL_SOCKET, SO_PRIORITY, AS_NUMBER, ANY),
    OPTION(BROADCAST, broadcast, 0, SOL_SOCKET, SO_BROADCAST, AS_BOOL, ANY),
    OPTION(LINGER, linger_s, 0, SOL_SOCKET, SO_LINGER, AS_LINGER, ANY),
    OPTION(KEEPALIVE, keepalive, 0, SOL_SOCKET, SO_KEEPALIVE, AS_BOOL, ANY),
    OPTION(KEEPIDLE, keepidle_s, 0, IPPROTO_TCP, TCP_KEEPIDLE, AS_NUMBER, TCP_LIKE),
    OPTION(KEEPINTVL, keepintvl_s, 0, IPPROTO_TCP, TCP_KEEPINTVL, AS_NUMBER, TCP_LIKE),
    OPTION(KEEPCNT, keepcnt, 0, IPPROTO_TCP, TCP_KEEPCNT, AS_NUMBER, TCP_LIKE),
    OPTION(NODELAY, nodelay, 0, IPPROTO_TCP, TCP_NODELAY, AS_BOOL, TCP_LIKE),
    OPTION(CORK, cork, 0, IPPROTO_TCP, TCP_CORK, AS_BOOL, TCP_LIKE),
    OPTION(DEFER_ACCEPT, defer_accept, 0, IPPROTO_TCP, TCP_DEFER_ACCEPT, AS_BOOL, TCP_LIKE),
    OPTION(FASTOPEN, fastopen, 0, IPPROTO_TCP, TCP_FASTOPEN, AS_NUMBER, TCP_LIKE),
    OPTION(CONGESTION, congestion, 0, IPPROTO_TCP, TCP_CONGESTION, AS_TEXT, TCP_LIKE),
    OPTION(TOS, tos, 0, IPPROTO_IP, IP_TOS, AS_NUMBER, INET),
    OPTION(TCLASS, tclass, AF_INET6, IPPROTO_IPV6, IPV6_TCLASS, AS_NUMBER, INET),
    OPTION(TTL, ttl, AF_INET, IPPROTO_IP, IP_TTL, AS_SIGNED, HAS_TTL),
    OPTION(TTL, ttl, AF_INET6, IPPROTO_IPV6, IPV6_UNICAST_HOPS, AS_SIGNED, HAS_TTL),
#undef OPTION
};

enum { N_OPTIONS = sizeof options / sizeof *options };

static bool applies(const struct option *o, const struct net_socket *s)
{
    return o->kinds >> s->kind & 1 && (o->family == 0 || o->family == s->family) &&
           !net_socket_knows(s, o->field);
}

/* The answer at its place in the row; `n` bytes of it came. */
static void keep(struct net_socket *s, const struct option *o, const void *answer, socklen_t n)
{
    char *to = (char *)s + o->offset;
    int number = 0;
    struct linger linger = {0};
    if (o->shape == AS_TEXT) {
        size_t len = n < o->size ? n : o->size - 1;
        memset(to, 0, o->size);
        memcpy(to, answer, len);
    } else if (o->shape == AS_LINGER && n == sizeof linger) {
        memcpy(&linger, answer, sizeof linger);
        memcpy(to, &(int64_t){linger.l_onoff ? linger.l_linger : -1}, sizeof(int64_t));
    } else if (n == sizeof number) {
        memcpy(&number, answer, sizeof number);
        if (o->shape == AS_BOOL)
            memcpy(to, &(bool){number != 0}, sizeof(bool));
        else if (o->shape == AS_SIGNED)
            memcpy(to, &(int64_t){number}, sizeof(int64_t));
        else
            memcpy(to, &(uint64_t){(unsigned)number}, sizeof(uint64_t));
    } else {
        return;
    }
    net_socket_set(s, o->field);
}

/* By its inode, the descriptor of a subflow is that of the MPTCP connection, which has this option
 * for itself. */
static bool is_anothers(const struct option *o, const struct net_socket *s, int fd)
{
    int protocol = IPPROTO_TCP;
    if (o->field != NET_F_V6ONLY || s->kind != NET_TCP)
        return false;
    (void)getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &(socklen_t){sizeof protocol});
    return protocol != IPPROTO_TCP;
}

static void ask_option(struct net_socket *s, const struct option *o, int fd)
{
    char answer[64] = "";
    socklen_t n = o->shape == AS_LINGER ? sizeof(struct linger)
                  : o->shape == AS_TEXT ? sizeof answer
                                        : sizeof(int);
    if (applies(o, s) && !is_anothers(o, s, fd) &&
        getsockopt(fd, o->level, o->name, answer, &n) == 0)
        keep(s, o, answer, n);
}

static void ask_all(struct net_socket *s, int fd)
{
    for (size_t i = 0; i < N_OPTIONS; i++)
        ask_option(s, &options[i], fd);
}

/* A socket without a TTL of its own answers the namespace's: that is no choice of its program, and
 * whoever set the same number got nothing else by it. */
static void drop_default_ttl(struct sockopts *o, struct net_socket *s)
{
    uint64_t value;
    if (o->netns != s->netns || !o->netns) {
        o->netns = s->netns;
        o->ttl4 = sysctl_read_u64("net.ipv4.ip_default_ttl", &value) == 0 ? (int)value : -1;
        o->ttl6 = sysctl_read_u64("net.ipv6.conf.all.hop_limit", &value) == 0 ? (int)value : -1;
    }
    if (net_socket_knows(s, NET_F_TTL) && s->ttl == (s->family == AF_INET ? o->ttl4 : o->ttl6))
        s->ttl = -1;
}

void sockopts_init(struct sockopts *o)
{
    *o = (struct sockopts){.pidfd = -1};
}

void sockopts_clear(struct sockopts *o)
{
    fd_close(&o->pidfd);
    o->pid = 0;
}

static int open_process(struct sockopts *o, int32_t pid)
{
    if (o->pidfd >= 0 && o->pid == pid)
        return 0;
    sockopts_clear(o);
    o->pidfd = (int)syscall(SYS_pidfd_open, pid, 0); /* close-on-exec, always */
    if (o->pidfd < 0)
        return -errno;
    o->pid = pid;
    return 0;
}

/* The duplicate; -EPERM; another negative errno when there is nothing to ask. */
static int duplicate(struct sockopts *o, const struct net_socket *s, const struct net_owner *owner)
{
    struct stat st;
    int r = open_process(o, owner->pid);
    if (r < 0)
        return r;
    _cleanup_fd_ int fd = (int)syscall(SYS_pidfd_getfd, o->pidfd, owner->fd, 0);
    if (fd < 0)
        return -errno;
    if (fstat(fd, &st) < 0 || !S_ISSOCK(st.st_mode) || st.st_ino != s->inode)
        return -ESTALE; /* another file by the same number */
    return fd_take(&fd);
}

static int ask_owner(struct sockopts *o, struct net_socket *s, const struct net_owner *owner)
{
    _cleanup_fd_ int fd = duplicate(o, s, owner);
    if (fd < 0)
        return fd;
    ask_all(s, fd);
    drop_default_ttl(o, s);
    return 0;
}

void sockopts_read(struct sockopts *o, struct net_socket *s, bool *ret_refused)
{
    bool refused = false, read = false;
    for (uint32_t i = 0; i < s->n_owners && !read; i++) {
        int r = ask_owner(o, s, &s->owners[i]);
        read = r == 0;
        refused |= r == -EPERM || r == -EACCES || r == -ENOSYS;
    }
    *ret_refused = refused && !read && sockopts_forbid(s);
}

static void take_device(struct net_socket *s, uint32_t ifindex)
{
    s->ifindex = ifindex;
    net_socket_unset(s, NET_F_DEVICE); /* without one it is absent, and its name is the joiner's */
    if (net_addr_is_link_local(&s->local))
        s->local.scope = ifindex;
    if (net_addr_is_link_local(&s->peer))
        s->peer.scope = ifindex;
}

void sockopts_read_binding(struct sockopts *o, struct net_socket *s)
{
    for (uint32_t i = 0; i < s->n_owners; i++) {
        _cleanup_fd_ int fd = duplicate(o, s, &s->owners[i]);
        int ifindex;
        if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_BINDTOIFINDEX, &ifindex,
                                 &(socklen_t){sizeof ifindex}) < 0)
            continue;
        take_device(s, (uint32_t)ifindex);
        for (size_t k = 0; k < N_OPTIONS; k++)
            if (options[k].field == NET_F_V6ONLY)
                ask_option(s, &options[k], fd);
        return;
    }
}

bool sockopts_forbid(struct net_socket *s)
{
    bool any = false;
    for (size_t i = 0; i < N_OPTIONS; i++) {
        if (!applies(&options[i], s))
            continue;
        net_socket_forbid(s, options[i].field);
        any = true;
    }
    return any;
}
