/* TIPC's answer has no fixed part, only attributes (tipc_sk_fill_sock_diag in net/tipc/socket.c);
 * its states have the numbers of TCP's. */
#include <errno.h>
#include <sys/socket.h>

#include <linux/tipc_netlink.h>

#include "kernel/attrs.h"
#include "kernel/diag_decode.h"

enum { STATS = TIPC_NLA_SOCK_STAT_SENDQ + 1 };

static void read_queues(struct net_socket *row, const struct attr *stat)
{
    struct attr stats[STATS];
    attrs_parse_nested(stat, stats, STATS);
    if (!stats[TIPC_NLA_SOCK_STAT_RCVQ].data)
        return;
    row->recv_q = attr_u32(&stats[TIPC_NLA_SOCK_STAT_RCVQ], 0);
    row->send_q = attr_u32(&stats[TIPC_NLA_SOCK_STAT_SENDQ], 0);
    diag_know(row, NET_F_RECV_Q);
    diag_know(row, NET_F_SEND_Q);
}

static void read_ends(struct net_socket *row, const struct attr *attrs)
{
    struct attr con[TIPC_NLA_CON_MAX + 1];
    row->local_id = attr_u32(&attrs[TIPC_NLA_SOCK_ADDR], 0);
    row->local_port = attr_u32(&attrs[TIPC_NLA_SOCK_REF], 0);
    if (attrs[TIPC_NLA_SOCK_REF].data)
        diag_know(row, NET_F_LOCAL);
    attrs_parse_nested(&attrs[TIPC_NLA_SOCK_CON], con, TIPC_NLA_CON_MAX + 1);
    if (!con[TIPC_NLA_CON_SOCK].data)
        return;
    row->peer_id = attr_u32(&con[TIPC_NLA_CON_NODE], 0);
    row->peer_port = attr_u32(&con[TIPC_NLA_CON_SOCK], 0);
    diag_know(row, NET_F_PEER);
}

int diag_tipc_decode(struct diag_decoder *d, const struct nlmsghdr *m, struct net_socket *row)
{
    struct attr outer[TIPC_NLA_SOCK + 1], attrs[TIPC_NLA_SOCK_MAX + 1];
    attrs_parse_message(m, 0, outer, TIPC_NLA_SOCK + 1);
    if (!outer[TIPC_NLA_SOCK].data)
        return -EBADMSG;
    attrs_parse_nested(&outer[TIPC_NLA_SOCK], attrs, TIPC_NLA_SOCK_MAX + 1);

    diag_row_begin(d, NET_TIPC, row);
    row->family = AF_TIPC;
    uint32_t state = attr_u32(&attrs[TIPC_NLA_SOCK_TIPC_STATE], 0);
    row->state = state < NET_STATES ? state : NET_STATE_UNKNOWN;
    diag_set_inode(row, attr_u32(&attrs[TIPC_NLA_SOCK_INO], 0));
    diag_set_uid(row, &attrs[TIPC_NLA_SOCK_UID]);
    row->cookie = attr_u64(&attrs[TIPC_NLA_SOCK_COOKIE], 0);
    if (row->cookie)
        diag_know(row, NET_F_COOKIE);
    read_ends(row, attrs);
    read_queues(row, &attrs[TIPC_NLA_SOCK_STAT]);
    return 0;
}
