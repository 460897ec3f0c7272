/* struct netlink_diag_msg (net/netlink/diag.c). */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/netlink_diag.h>

#include "kernel/attrs.h"
#include "kernel/diag_decode.h"
#include "kernel/source.h"

enum { ATTRS = NETLINK_DIAG_FLAGS + 1, CONNECTED = 1 };

/* A bitmap of any length, of which a row has room for the first 64. */
static void read_groups(struct net_socket *row, const struct attr *groups)
{
    if (!groups->data)
        return;
    attr_copy(groups, &row->groups, sizeof row->groups);
    diag_know(row, NET_F_GROUPS);
}

static void read_ends(struct net_socket *row, const struct netlink_diag_msg *msg)
{
    row->local_id = msg->ndiag_portid;
    row->peer_id = msg->ndiag_dst_portid;
    diag_know(row, NET_F_LOCAL);
    if (msg->ndiag_dst_portid || msg->ndiag_dst_group)
        diag_know(row, NET_F_PEER);
    /* Programs' sockets are in the kernel's table only once they have a port id. */
    row->detached = msg->ndiag_portid ? NET_ATTACHED : NET_OF_KERNEL;
}

int diag_netlink_decode(struct diag_decoder *d, const struct nlmsghdr *m, struct net_socket *row)
{
    struct attr attrs[ATTRS];
    struct netlink_diag_msg msg;
    if (m->nlmsg_len < NLMSG_LENGTH(sizeof msg))
        return -EBADMSG;
    memcpy(&msg, NLMSG_DATA(m), sizeof msg);
    attrs_parse_message(m, sizeof msg, attrs, ATTRS);

    diag_row_begin(d, NET_NETLINK, row);
    row->family = AF_NETLINK;
    row->state = msg.ndiag_state == CONNECTED ? NET_ESTABLISHED : NET_CLOSE;
    row->protocol = msg.ndiag_protocol;
    diag_know(row, NET_F_PROTOCOL);
    diag_set_inode(row, msg.ndiag_ino);
    diag_set_cookie(row, msg.ndiag_cookie);
    read_ends(row, &msg);
    read_groups(row, &attrs[NETLINK_DIAG_GROUPS]);
    diag_set_queues(d, row, &attrs[NETLINK_DIAG_MEMINFO]);
    return 0;
}
