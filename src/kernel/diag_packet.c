/* struct packet_diag_msg (net/packet/diag.c). */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/packet_diag.h>

#include "kernel/attrs.h"
#include "kernel/diag_decode.h"

enum { ATTRS = PACKET_DIAG_FILTER + 1 };

static void read_info(struct diag_decoder *d, struct net_socket *row, const struct attr *a)
{
    struct packet_diag_info info;
    if (!attr_has(a, sizeof info))
        return;
    memcpy(&info, a->data, sizeof info);
    row->local_id = info.pdi_index;
    diag_know(row, NET_F_LOCAL);
    diag_set_device(d, row, info.pdi_index);
}

int diag_packet_decode(struct diag_decoder *d, const struct nlmsghdr *m, struct net_socket *row)
{
    struct attr attrs[ATTRS];
    struct packet_diag_msg msg;
    if (m->nlmsg_len < NLMSG_LENGTH(sizeof msg))
        return -EBADMSG;
    memcpy(&msg, NLMSG_DATA(m), sizeof msg);
    attrs_parse_message(m, sizeof msg, attrs, ATTRS);

    diag_row_begin(d, NET_PACKET, row);
    row->family = AF_PACKET;
    row->state = NET_CLOSE; /* they have none */
    row->protocol = row->local_port = msg.pdiag_num;
    diag_know(row, NET_F_PROTOCOL);
    diag_set_inode(row, msg.pdiag_ino);
    diag_set_cookie(row, msg.pdiag_cookie);
    read_info(d, row, &attrs[PACKET_DIAG_INFO]);
    diag_set_uid(row, &attrs[PACKET_DIAG_UID]);
    diag_set_queues(d, row, &attrs[PACKET_DIAG_MEMINFO]);
    return 0;
}
