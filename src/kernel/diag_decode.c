#include "kernel/diag_decode.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/sock_diag.h>

#include "kernel/attrs.h"
#include "kernel/source.h"

void diag_row_begin(const struct diag_decoder *d, enum net_kind kind, struct net_socket *row)
{
    memset(row, 0, sizeof *row);
    row->kind = kind;
    row->netns = d->netns;
    if (d->netns)
        diag_know(row, NET_F_NETNS);
}

void diag_set_cookie(struct net_socket *row, const uint32_t cookie[2])
{
    row->cookie = cookie[0] | (uint64_t)cookie[1] << 32;
    if (row->cookie)
        diag_know(row, NET_F_COOKIE);
}

void diag_set_inode(struct net_socket *row, uint32_t inode)
{
    row->inode = inode;
    if (inode)
        diag_know(row, NET_F_INODE);
}

void diag_set_uid(struct net_socket *row, const struct attr *uid)
{
    if (!attr_has(uid, sizeof(uint32_t)))
        return;
    row->uid = attr_u32(uid, 0);
    diag_know(row, NET_F_UID);
}

static void name_device(struct diag_decoder *d, uint32_t ifindex)
{
    char name[IF_NAMESIZE] = "";
    if (d->names.ifindex == ifindex)
        return;
    if (d->elsewhere || !if_indextoname(ifindex, name))
        snprintf(name, sizeof name, "if%u", ifindex); /* as ss(8) writes it */
    snprintf(d->names.device, sizeof d->names.device, "%s", name);
    d->names.ifindex = ifindex;
}

void diag_set_device(struct diag_decoder *d, struct net_socket *row, uint32_t ifindex)
{
    if (!ifindex)
        return;
    name_device(d, ifindex);
    row->ifindex = ifindex;
    memcpy(row->device, d->names.device, sizeof row->device);
    diag_know(row, NET_F_DEVICE);
}

void diag_set_meminfo(struct net_socket *row, const struct attr *skmeminfo)
{
    static const struct {
        enum net_field field;
        size_t offset;
    } vars[SK_MEMINFO_VARS] = {
        [SK_MEMINFO_RMEM_ALLOC] = {NET_F_RMEM, offsetof(struct net_socket, rmem)},
        [SK_MEMINFO_RCVBUF] = {NET_F_RCVBUF, offsetof(struct net_socket, rcvbuf)},
        [SK_MEMINFO_WMEM_ALLOC] = {NET_F_WMEM, offsetof(struct net_socket, wmem)},
        [SK_MEMINFO_SNDBUF] = {NET_F_SNDBUF, offsetof(struct net_socket, sndbuf)},
        [SK_MEMINFO_FWD_ALLOC] = {NET_F_FWD_ALLOC, offsetof(struct net_socket, fwd_alloc)},
        [SK_MEMINFO_WMEM_QUEUED] = {NET_F_WMEM_QUEUED, offsetof(struct net_socket, wmem_queued)},
        [SK_MEMINFO_OPTMEM] = {NET_F_OPTMEM, offsetof(struct net_socket, optmem)},
        [SK_MEMINFO_BACKLOG] = {NET_F_BACKLOG_MEM, offsetof(struct net_socket, backlog_mem)},
        [SK_MEMINFO_DROPS] = {NET_F_DROPS, offsetof(struct net_socket, drops)},
    };
    uint32_t values[SK_MEMINFO_VARS];
    size_t n = attr_copy(skmeminfo, values, sizeof values) / sizeof *values;
    for (size_t i = 0; i < n; i++) {
        uint64_t value = values[i];
        memcpy((char *)row + vars[i].offset, &value, sizeof value);
        diag_know(row, vars[i].field);
    }
}

void diag_set_queues(const struct diag_decoder *d, struct net_socket *row, const struct attr *mem)
{
    uint32_t values[SK_MEMINFO_VARS];
    if (!attr_has(mem, sizeof *values * (SK_MEMINFO_WMEM_ALLOC + 1)))
        return;
    attr_copy(mem, values, sizeof values);
    row->recv_q = values[SK_MEMINFO_RMEM_ALLOC];
    row->send_q = values[SK_MEMINFO_WMEM_ALLOC];
    diag_know(row, NET_F_RECV_Q);
    diag_know(row, NET_F_SEND_Q);
    if (d->detail & SOURCE_MEMORY)
        diag_set_meminfo(row, mem);
}

/* An orphan has left ESTABLISHED and CLOSE_WAIT at once (tcp_close), and a connection that waits to
 * be accepted can't have left them in another way than by its peer's FIN. */
enum net_detached diag_detached(enum net_state state)
{
    switch (state) {
    case NET_TIME_WAIT:
        return NET_TIME_WAITING;
    case NET_NEW_SYN_RECV:
        return NET_REQUEST;
    case NET_SYN_RECV: /* TCP fast open */
    case NET_ESTABLISHED:
    case NET_CLOSE_WAIT:
        return NET_IN_QUEUE;
    case NET_FIN_WAIT1:
    case NET_FIN_WAIT2:
    case NET_CLOSING:
    case NET_LAST_ACK:
        return NET_ORPHAN;
    default:
        return NET_DETACHED_UNCLEAR;
    }
}

static int other_decode(struct diag_decoder *d, const struct nlmsghdr *m, struct net_socket *row)
{
    diag_row_begin(d, NET_OTHER, row);
    row->family = *(const uint8_t *)NLMSG_DATA(m);
    return 0;
}

int diag_any_decode(struct diag_decoder *d, const struct nlmsghdr *m, struct net_socket *row)
{
    static diag_decode *const decoders[] = {
        [AF_INET] = diag_inet_decode,     [AF_INET6] = diag_inet_decode,
        [AF_UNIX] = diag_unix_decode,     [AF_NETLINK] = diag_netlink_decode,
        [AF_PACKET] = diag_packet_decode, [AF_VSOCK] = diag_vsock_decode,
        [AF_XDP] = diag_xdp_decode,
    };
    if (m->nlmsg_len < NLMSG_LENGTH(1))
        return -EBADMSG;
    unsigned family = *(const uint8_t *)NLMSG_DATA(m);
    diag_decode *decode = family < sizeof decoders / sizeof *decoders ? decoders[family] : NULL;
    return (decode ? decode : other_decode)(d, m, row);
}
