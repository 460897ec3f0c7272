/* struct vsock_diag_msg (net/vmw_vsock/diag.c). */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/vm_sockets.h>
#include <linux/vm_sockets_diag.h>

#include "kernel/diag_decode.h"

static void read_ends(struct net_socket *row, const struct vsock_diag_msg *msg)
{
    row->local_id = msg->vdiag_src_cid;
    row->local_port = msg->vdiag_src_port;
    diag_know(row, NET_F_LOCAL);
    if (msg->vdiag_dst_cid == VMADDR_CID_ANY)
        return;
    row->peer_id = msg->vdiag_dst_cid;
    row->peer_port = msg->vdiag_dst_port;
    diag_know(row, NET_F_PEER);
}

int diag_vsock_decode(struct diag_decoder *d, const struct nlmsghdr *m, struct net_socket *row)
{
    struct vsock_diag_msg msg;
    if (m->nlmsg_len < NLMSG_LENGTH(sizeof msg))
        return -EBADMSG;
    memcpy(&msg, NLMSG_DATA(m), sizeof msg);

    diag_row_begin(d, NET_VSOCK, row);
    row->family = AF_VSOCK;
    row->state = msg.vdiag_state < NET_STATES ? msg.vdiag_state : NET_STATE_UNKNOWN;
    diag_set_inode(row, msg.vdiag_ino);
    diag_set_cookie(row, msg.vdiag_cookie);
    read_ends(row, &msg);
    if (!row->inode)
        row->detached = diag_detached(row->state);
    return 0;
}
