#include "flow/open.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/fd.h"
#include "net/sockopt.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262 /* linux/in.h since 5.6 */
#endif

enum { PRIVILEGED_PORTS = 1024 };

static int fail(struct err *e, int error, const char *op, const struct target *t, const char *hint)
{
    _cleanup_buf_ struct buf subject = BUF_INIT(512);
    target_format(&subject, &t->address, t->address_n);
    return err_set(e, error, op, buf_cstr(&subject), hint ? "%s" : NULL, hint);
}

/* The socket */

static const char *socket_hint(const struct target *t, int error)
{
    if (error == EAFNOSUPPORT && t->family == AF_INET6)
        return "this kernel has no IPv6";
    if (error == EAFNOSUPPORT && t->family == AF_VSOCK)
        return "this kernel has no vsock; the module is called vsock";
    if (t->protocol == IPPROTO_MPTCP && (error == EPROTONOSUPPORT || error == ENOPROTOOPT))
        return "MPTCP is off: sysctl net.mptcp.enabled=1, on a kernel that has it";
    if (error == EMFILE)
        return "this process may have no more descriptors: raise ulimit -n";
    if (error == EPERM || error == EACCES)
        return "a sandbox forbids this kind of socket";
    return NULL;
}

static int open_socket(const struct target *t, const char *op, struct err *e)
{
    int fd = socket(t->family, t->type | SOCK_NONBLOCK | SOCK_CLOEXEC, t->protocol);
    return fd < 0 ? fail(e, errno, op, t, socket_hint(t, errno)) : fd;
}

/* Options */

static int set_int(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof value) < 0 ? -errno : 0;
}

static const char *option_hint(const struct sockopt_call *call, int error)
{
    if (call->option == SOCKOPT_DEVICE && error == ENODEV)
        return "berth interfaces lists what there is";
    if (call->option == SOCKOPT_CONGESTION && error == EPERM)
        return "without CAP_NET_ADMIN only those of sysctl net.ipv4.tcp_allowed_congestion_control";
    if (error == EPERM && call->option == SOCKOPT_DEVICE)
        return "it takes CAP_NET_RAW here";
    if (error == EPERM)
        return "it takes CAP_NET_ADMIN";
    return error == ENOPROTOOPT ? "this kernel doesn't have that option for such sockets" : NULL;
}

/* What is no module of the kernel's, or no loaded one for who may load none
 * (tcp_set_congestion_control of net/ipv4/tcp_cong.c). */
static int fail_congestion(struct err *e, int error, const struct sockopt_call *call)
{
    static const char op[] = "use the congestion control";
    if (error == ENOENT)
        return err_word(e, error, op, call->value,
                        "there is none of that name here; sysctl "
                        "net.ipv4.tcp_available_congestion_control has those that are loaded, and "
                        "to load another takes CAP_NET_ADMIN");
    const char *hint = option_hint(call, error);
    return err_set(e, error, op, call->value, hint ? "%s" : NULL, hint);
}

struct setting {
    int fd;
    struct err *e;
};

static int set_option(void *ctx, const struct sockopt_call *call)
{
    const struct setting *s = ctx;
    if (setsockopt(s->fd, call->level, call->optname, call->value, call->size) == 0)
        return 0;
    const char *hint = option_hint(call, errno);
    if (call->option == SOCKOPT_CONGESTION)
        return fail_congestion(s->e, errno, call);
    if (call->option == SOCKOPT_DEVICE)
        return err_set(s->e, errno, "bind to the device", call->value, hint ? "%s" : NULL, hint);
    return err_set(s->e, errno, "set", call->name, hint ? "%s" : NULL, hint);
}

static bool is_ip(const struct target *t)
{
    return t->family == AF_INET || t->family == AF_INET6;
}

static int set_options(int fd, const struct target *t, const struct sockopt_set *options,
                       enum sockopt_when when, struct err *e)
{
    struct setting s = {.fd = fd, .e = e};
    int protocol = t->protocol;
    if (!options)
        return 0;
    if (!protocol && is_ip(t))
        protocol = t->type == SOCK_DGRAM ? IPPROTO_UDP : IPPROTO_TCP;
    return sockopt_each(options, t->family, protocol, when, set_option, &s);
}

/* What the endpoint itself says comes last: it is more exact. */
static int set_own(int fd, const struct target *t, struct err *e)
{
    if (t->family == AF_INET6 && t->v6only >= 0) {
        int result = set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, t->v6only);
        if (result < 0)
            return err_set(e, -result, "set", "v6only", NULL);
    }
    if (!t->device[0])
        return 0;
    const struct sockopt_call call = {.option = SOCKOPT_DEVICE};
    if (setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, t->device, (socklen_t)strlen(t->device)) == 0)
        return 0;
    const char *hint = option_hint(&call, errno);
    return err_set(e, errno, "bind to the device", t->device, hint ? "%s" : NULL, hint);
}

/* Addresses */

/* What has no port left has its address still. */
static bool has_ipv6_loopback(void)
{
    const struct sockaddr_in6 a = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    _cleanup_fd_ int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    return fd < 0 || bind(fd, (const struct sockaddr *)&a, sizeof a) == 0 || errno != EADDRNOTAVAIL;
}

static const char *no_address_hint(const struct target *t, const char *else_hint)
{
    struct net_addr a;
    uint16_t port;
    bool loopback = target_get_ip(&t->address, &a, &port) && net_addr_is_loopback(&a);
    if (loopback && t->family == AF_INET6 && !has_ipv6_loopback())
        return "the loopback interface has no IPv6: it is turned off by sysctl "
               "net.ipv6.conf.lo.disable_ipv6, or the interface is down";
    return else_hint;
}

/* Listening */

static const char *unix_path(const struct target *t)
{
    return ((const struct sockaddr_un *)&t->address)->sun_path; /* empty if abstract */
}

static bool is_other_file(const char *path)
{
    struct stat st;
    return path[0] && stat(path, &st) == 0 && !S_ISSOCK(st.st_mode);
}

static const char *unix_taken_hint(const struct target *t)
{
    return is_other_file(unix_path(t)) ? "that is no socket, and stays as it is"
                                       : "the name is taken";
}

static const char *bind_hint(const struct target *t, int error)
{
    struct net_addr a;
    uint16_t port = 0;
    bool ip = target_get_ip(&t->address, &a, &port);
    switch (error) {
    case EACCES:
        if (ip && port && port < PRIVILEGED_PORTS)
            return geteuid() == 0
                       ? "ports below net.ipv4.ip_unprivileged_port_start, usually 1024, need "
                         "CAP_NET_BIND_SERVICE, which root lacks here: take a higher port"
                       : "ports below net.ipv4.ip_unprivileged_port_start, usually 1024, need "
                         "CAP_NET_BIND_SERVICE: run as root, or take a higher port";
        return t->family == AF_UNIX ? "the folder can't be written to" : NULL;
    case EADDRNOTAVAIL:
        return no_address_hint(
            t, "no interface of this host has that address; berth interfaces lists what there is");
    case EADDRINUSE:
        return t->family == AF_UNIX ? unix_taken_hint(t) : "the address is taken";
    case EINVAL:
        return ip && net_addr_is_link_local(&a) && !a.scope
                   ? "a link-local address needs its device: add %DEVICE"
                   : NULL;
    case ENODEV:
        return "no such device; berth interfaces lists them";
    case ENOENT:
        return "there is no such folder";
    case EROFS:
        return "the file system is read-only";
    default:
        return NULL;
    }
}

/* A UNIX socket's path stays when its program ends. No socket has it any more if connecting is
 * refused. It is tried with datagrams: whatever type has the path isn't disturbed, and answers with
 * something else, EPROTOTYPE mostly (unix_find_bsd of net/unix/af_unix.c). A listener would be
 * given a connection, and one that takes a single client would be gone. */
static bool is_left_over(const struct target *t)
{
    struct stat st;
    if (!unix_path(t)[0] || lstat(unix_path(t), &st) < 0 || !S_ISSOCK(st.st_mode))
        return false;
    _cleanup_fd_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    return fd >= 0 && connect(fd, (const struct sockaddr *)&t->address, t->address_n) < 0 &&
           errno == ECONNREFUSED;
}

static int bind_to(int fd, const struct target *t, bool unlinks)
{
    const struct sockaddr *address = (const struct sockaddr *)&t->address;
    if (bind(fd, address, t->address_n) == 0)
        return 0;
    if (errno != EADDRINUSE || t->family != AF_UNIX || !unlinks)
        return -errno;
    if (!is_left_over(t))
        return -EADDRINUSE;
    if (unlink(unix_path(t)) < 0)
        return -errno;
    return bind(fd, address, t->address_n) < 0 ? -errno : 0;
}

static bool listens(const struct target *t)
{
    return t->type == SOCK_STREAM || t->type == SOCK_SEQPACKET;
}

static int set_reuseaddr(int fd, const struct target *t, const struct open_listen *how,
                         struct err *e)
{
    bool chosen = how->options && sockopt_given(how->options, SOCKOPT_REUSEADDR);
    if (!is_ip(t) || !listens(t) || how->no_reuseaddr || chosen)
        return 0;
    int result = set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    return result < 0 ? err_set(e, -result, "set", "reuseaddr", NULL) : 0;
}

/* Before bind, since what comes earlier doesn't say which address it was sent to, and an answer
 * would come from another (ipv4_pktinfo_prepare of net/ipv4/ip_sockglue.c). */
static void ask_where_sent(int fd, const struct target *t)
{
    struct net_addr a;
    uint16_t port;
    if (t->type != SOCK_DGRAM || !target_get_ip(&t->address, &a, &port) ||
        !net_addr_is_wildcard(&a))
        return;
    if (t->family == AF_INET)
        set_int(fd, IPPROTO_IP, IP_PKTINFO, 1);
    else
        set_int(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
}

int open_listener(const struct target *t, const struct open_listen *how, struct err *e)
{
    _cleanup_fd_ int fd = open_socket(t, "listen on", e);
    if (fd < 0)
        return fd;
    ask_where_sent(fd, t);
    int result = set_reuseaddr(fd, t, how, e);
    if (result == 0)
        result = set_options(fd, t, how->options, SOCKOPT_BEFORE_BIND, e);
    if (result == 0)
        result = set_own(fd, t, e);
    if (result < 0)
        return result;
    result = bind_to(fd, t, how->unlink);
    if (result < 0)
        return fail(e, -result, "listen on", t, bind_hint(t, -result));
    result = set_options(fd, t, how->options, SOCKOPT_BEFORE_LISTEN, e);
    if (result < 0)
        return result;
    if (listens(t) && listen(fd, how->backlog < 0 ? SOMAXCONN : how->backlog) < 0)
        return fail(e, errno, "listen on", t, bind_hint(t, errno));
    return fd_take(&fd);
}

int open_accepted(int fd, const struct target *t, const struct sockopt_set *options, struct err *e)
{
    return set_options(fd, t, options, SOCKOPT_ACCEPTED, e);
}

/* Connecting */

/* unix_find_bsd of net/unix/af_unix.c refuses what is no socket with the same error. */
static const char *unix_refusal_hint(const struct target *t)
{
    if (!unix_path(t)[0])
        return "nobody listens there"; /* an abstract name goes with its socket */
    return is_other_file(unix_path(t)) ? "that is no socket"
                                       : "its program has ended, and left the name behind";
}

const char *open_connect_hint(const struct target *t, int error)
{
    switch (error) {
    case ECONNREFUSED:
        return t->family == AF_UNIX ? unix_refusal_hint(t) : "nobody listens there";
    case ECONNRESET: /* vsock refuses so: virtio_transport_recv_connecting of net/vmw_vsock */
        return t->family == AF_VSOCK ? "nobody listens there"
                                     : "it was accepted, and broken off at once by the program "
                                       "there, or something between";
    case ENOENT:
        return "there is no such socket";
    case EAGAIN:
        return "the listener's queue is full";
    case ENETUNREACH:
        return "there is no route to that network";
    case EHOSTUNREACH:
        return "that host doesn't answer on its network, or a firewall rejects";
    case ETIMEDOUT:
        return "no answer: the host is down, or a firewall drops";
    case EADDRNOTAVAIL:
        return no_address_hint(
            t, t->family == AF_INET6
                   ? "this host has no IPv6 address to come from, or no free port left: "
                     "see sysctl net.ipv6.conf.all.disable_ipv6"
                   : "this host has no address to come from, or no free port left");
    case EINVAL:
        return t->family == AF_INET6 ? "a link-local address needs its device: add %DEVICE" : NULL;
    case EPROTOTYPE:
        return "that socket is of another type: unix, unix-dgram, or unix-seqpacket";
    case EACCES:
        return t->family == AF_UNIX ? "that socket's file may not be written to"
                                    : "a broadcast address needs --broadcast, else a firewall "
                                      "forbids it";
    case EPERM:
        return "a firewall or a sandbox of this host forbids it";
    default:
        return socket_hint(t, error);
    }
}

/* A port that the kernel chooses isn't told: nobody gave it. */
static int fail_source(struct err *e, int error, const struct target *source)
{
    _cleanup_buf_ struct buf subject = BUF_INIT(512);
    struct net_addr a;
    uint16_t port;
    if (target_get_ip(&source->address, &a, &port) && port == 0)
        net_addr_format(&subject, &a);
    else
        target_format(&subject, &source->address, source->address_n);
    const char *hint = error == EADDRINUSE && is_ip(source)
                           ? "another socket has it, and berth who tells which; without a port a "
                             "free one is taken"
                           : bind_hint(source, error);
    return err_set(e, error, "connect from", buf_cstr(&subject), hint ? "%s" : NULL, hint);
}

/* The port is chosen when connecting, by the whole five-tuple, so that more than one port range of
 * connections can go out (ip(7), IP_BIND_ADDRESS_NO_PORT). */
static int bind_source(int fd, const struct target *source, struct err *e)
{
    struct net_addr a;
    uint16_t port;
    if (target_get_ip(&source->address, &a, &port)) {
        if (port == 0)
            set_int(fd, SOL_IP, IP_BIND_ADDRESS_NO_PORT, 1);
        else if (source->type == SOCK_STREAM)
            set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    }
    int result = bind_to(fd, source, false);
    return result < 0 ? fail_source(e, -result, source) : 0;
}

static const char *connection_hint(const struct target *t, const struct target *source, int error)
{
    struct net_addr a;
    uint16_t port;
    bool chosen = source && target_get_ip(&source->address, &a, &port) && port;
    return chosen && error == EADDRNOTAVAIL
               ? "a connection from that source port is there already, or was just now"
               : open_connect_hint(t, error);
}

int open_connection(const struct target *t, const struct open_connect *how, bool *ret_done,
                    struct err *e)
{
    _cleanup_fd_ int fd = open_socket(t, "connect to", e);
    if (fd < 0)
        return fd;
    int result = set_options(fd, t, how->options, SOCKOPT_BEFORE_BIND, e);
    if (result == 0)
        result = set_own(fd, t, e);
    if (result == 0 && how->source)
        result = bind_source(fd, how->source, e);
    if (result == 0)
        result = set_options(fd, t, how->options, SOCKOPT_BEFORE_CONNECT, e);
    if (result < 0)
        return result;
    bool done = connect(fd, (const struct sockaddr *)&t->address, t->address_n) == 0;
    if (!done && errno != EINPROGRESS && errno != EINTR)
        return fail(e, errno, "connect to", t, connection_hint(t, how->source, errno));
    *ret_done = done;
    return fd_take(&fd);
}

int open_connected(int fd)
{
    int error = 0;
    socklen_t n = sizeof error;
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n) < 0 ? -errno : -error;
}

int open_connected_options(int fd, const struct target *t, const struct sockopt_set *options,
                           struct err *e)
{
    return set_options(fd, t, options, SOCKOPT_CONNECTED, e);
}
