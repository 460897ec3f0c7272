/* struct xdp_diag_msg (net/xdp/xsk_diag.c). */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/xdp_diag.h>

#include "kernel/attrs.h"
#include "kernel/diag_decode.h"

enum { ATTRS = XDP_DIAG_STATS + 1 };

static void read_info(struct diag_decoder *d, struct net_socket *row, const struct attr *a)
{
    struct xdp_diag_info info;
    if (!attr_has(a, sizeof info))
        return;
    memcpy(&info, a->data, sizeof info);
    row->local_id = info.ifindex;
    row->local_port = info.queue_id;
    diag_know(row, NET_F_LOCAL);
    diag_set_device(d, row, info.ifindex);
}

int diag_xdp_decode(struct diag_decoder *d, const struct nlmsghdr *m, struct net_socket *row)
{
    struct attr attrs[ATTRS];
    struct xdp_diag_msg msg;
    if (m->nlmsg_len < NLMSG_LENGTH(sizeof msg))
        return -EBADMSG;
    memcpy(&msg, NLMSG_DATA(m), sizeof msg);
    attrs_parse_message(m, sizeof msg, attrs, ATTRS);

    diag_row_begin(d, NET_XDP, row);
    row->family = AF_XDP;
    row->state = NET_CLOSE; /* they have none */
    diag_set_inode(row, msg.xdiag_ino);
    diag_set_cookie(row, msg.xdiag_cookie);
    read_info(d, row, &attrs[XDP_DIAG_INFO]);
    diag_set_uid(row, &attrs[XDP_DIAG_UID]);
    diag_set_queues(d, row, &attrs[XDP_DIAG_MEMINFO]);
    return 0;
}
