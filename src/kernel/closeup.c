#include "kernel/closeup.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/hash.h"
#include "kernel/bpf.h"
#include "kernel/choice.h"
#include "kernel/diag.h"
#include "kernel/join.h"
#include "kernel/owners.h"
#include "kernel/route.h"

/* Connections */

/* One that is bound to a device is found with that device's number only (inet_match of
 * include/net/inet_hashtables.h): mostly with that of the device which has the address. */
static uint32_t device_of(const struct net_addr *a)
{
    const struct route_query q = {.to = net_addr_unmap(a)};
    struct net_route route;
    return route_read(&q, &route, NULL) == 0 && route.kind == NET_ROUTE_LOCAL ? route.ifindex : 0;
}

int closeup_connection(const struct net_socket *ends, uint32_t detail, struct net_socket *ret)
{
    uint32_t ifindex = ends->ifindex ? ends->ifindex : ends->local.scope;
    int result = diag_find(ends, ifindex, detail, ret, NULL);
    if (result == -ENOENT && !ifindex && (ifindex = device_of(&ends->local)))
        result = diag_find(ends, ifindex, detail, ret, NULL);
    return result;
}

int closeup_listener(const struct net_socket *connection, struct net_socket *ret)
{
    struct net_addr local = net_addr_unmap(&connection->local);
    struct net_addr peer = net_addr_unmap(&connection->peer);
    return diag_lookup(connection->kind, &local, (uint16_t)connection->local_port, &peer, 0,
                       connection->ifindex, ret, NULL);
}

/* Descriptors */

union name {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static int ask_int(int fd, int option)
{
    int value;
    socklen_t n = sizeof value;
    return getsockopt(fd, SOL_SOCKET, option, &value, &n) == 0 && n == sizeof value ? value : -1;
}

static void take_name(const union name *name, struct net_addr *ret, uint32_t *ret_port)
{
    if (name->any.sa_family == AF_INET) {
        *ret = net_addr_from_bytes(AF_INET, &name->v4.sin_addr);
        *ret_port = ntohs(name->v4.sin_port);
    } else if (name->any.sa_family == AF_INET6) {
        *ret = net_addr_from_bytes(AF_INET6, &name->v6.sin6_addr);
        ret->scope = name->v6.sin6_scope_id;
        *ret_port = ntohs(name->v6.sin6_port);
    }
}

static int describe(int fd, struct net_socket *ret)
{
    struct stat st;
    union name name = {0};
    socklen_t n = sizeof name;
    int family = ask_int(fd, SO_DOMAIN), protocol = ask_int(fd, SO_PROTOCOL);
    if ((family != AF_INET && family != AF_INET6) || fstat(fd, &st) < 0 ||
        (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP) || getsockname(fd, &name.any, &n) < 0)
        return -ENOENT;
    struct net_socket s = {.kind = protocol == IPPROTO_TCP ? NET_TCP : NET_UDP,
                           .family = (uint16_t)family,
                           .inode = st.st_ino};
    take_name(&name, &s.local, &s.local_port);
    n = sizeof name;
    if (getpeername(fd, &name.any, &n) == 0)
        take_name(&name, &s.peer, &s.peer_port);
    int ifindex = ask_int(fd, SO_BINDTOIFINDEX);
    s.ifindex = ifindex > 0 ? (uint32_t)ifindex : 0;
    *ret = s;
    return 0;
}

int closeup_descriptor(int32_t pid, int32_t fd, struct net_socket *ret)
{
    _cleanup_fd_ int process = (int)syscall(SYS_pidfd_open, pid, 0); /* close-on-exec, always */
    if (process < 0)
        return -errno;
    _cleanup_fd_ int duplicate = (int)syscall(SYS_pidfd_getfd, process, fd, 0);
    return duplicate < 0 ? -errno : describe(duplicate, ret);
}

/* Owners */

struct search {
    struct owners *owners;
    struct hash wanted; /* inodes */
};

static int take_held(void *ctx, const struct net_socket *held)
{
    struct search *s = ctx;
    int result = 0;
    if (!hash_get(&s->wanted, held->inode))
        return 0;
    for (uint32_t i = 0; i < held->n_owners && result == 0; i++)
        if (held->owners[i].process)
            result =
                owners_add(s->owners, held->inode, held->owners[i].process, held->owners[i].fd);
    return result;
}

static int search_by_bpf(const struct source_query *how, const uint64_t *inodes, size_t n,
                         struct owners **ret, struct err *e)
{
    /* A subflow of MPTCP has the inode of the socket that processes hold. */
    const struct source_query q = {.kinds = 1u << NET_TCP | 1u << NET_UDP | 1u << NET_MPTCP,
                                   .states = NET_STATES_ALL,
                                   .families = 1u << AF_INET | 1u << AF_INET6,
                                   .scope = SOURCE_THIS_NETNS,
                                   .netns_fd = -1};
    struct search s = {0};
    int result = owners_new(how, &s.owners, e);
    for (size_t i = 0; result == 0 && i < n; i++)
        if (!hash_put(&s.wanted, inodes[i], NULL))
            result = err_set(e, ENOMEM, "find owners", "", NULL);
    if (result == 0)
        result = bpf_read_few(&q, inodes, n, take_held, &s, e);
    hash_free(&s.wanted);
    if (result < 0)
        owners_free(&s.owners);
    else
        *ret = s.owners;
    return result;
}

int closeup_owners(const struct source_query *how, const uint64_t *inodes, size_t n,
                   struct owners **ret, struct err *e)
{
    bool proc = how->via == SOURCE_DIAG || how->via == SOURCE_PROC ||
                (how->via == SOURCE_BEST && choice_few_files());
    if (n == 0)
        return owners_new(how, ret, e);
    int result = proc ? -EOPNOTSUPP : search_by_bpf(how, inodes, n, ret, e);
    if (result == 0 || result == -ENOMEM || how->via == SOURCE_BPF)
        return result;
    return owners_read(how, ret, e);
}

/* Rows */

static int add_inode(struct vec *inodes, const struct net_socket *s)
{
    return s->inode ? vec_add(inodes, &s->inode) : 0;
}

int closeup_complete(const struct source_query *q, const struct net_socket *rows, size_t n,
                     source_sink *sink, void *ctx, struct source_report *report, struct err *e)
{
    struct joiner joiner;
    _cleanup_vec_ struct vec inodes = VEC_INIT(uint64_t);
    int result = 0;
    for (size_t i = 0; i < n && result == 0; i++)
        result = add_inode(&inodes, &rows[i]);
    if (result < 0)
        return err_set(e, ENOMEM, "find owners", "", NULL);
    join_init(&joiner, q, sink, ctx);
    result = closeup_owners(q, inodes.items, inodes.len, &joiner.owners, e);
    for (size_t i = 0; i < n && result == 0; i++)
        result = join_row(&joiner, &rows[i]);
    join_report(&joiner, report);
    join_clear(&joiner);
    return result;
}
