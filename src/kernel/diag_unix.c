/* struct unix_diag_msg (net/unix/diag.c). */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/unix_diag.h>

#include "kernel/attrs.h"
#include "kernel/diag_decode.h"
#include "kernel/source.h"

enum { ATTRS = UNIX_DIAG_UID + 1 };

/* An abstract name begins with a NUL and may hold more of them; a path ends at its first. */
static void read_name(struct net_socket *row, const struct attr *name)
{
    size_t n = name->len < sizeof row->path - 1 ? name->len : sizeof row->path - 1;
    const char *bytes = name->data;
    if (!bytes || !n)
        return;
    if (bytes[0])
        n = strnlen(bytes, n);
    memcpy(row->path, bytes, n);
    if (!bytes[0])
        row->path[0] = '@';
    row->path_len = (uint8_t)n;
    diag_know(row, NET_F_PATH);
}

static void read_peer(struct net_socket *row, const struct attr *peer)
{
    row->peer_inode = attr_u32(peer, 0);
    if (!row->peer_inode)
        return;
    diag_know(row, NET_F_PEER);
    diag_know(row, NET_F_PEER_INODE);
}

static void read_queues(struct net_socket *row, const struct attr *a)
{
    struct unix_diag_rqlen queues;
    if (!attr_has(a, sizeof queues))
        return;
    memcpy(&queues, a->data, sizeof queues);
    row->recv_q = queues.udiag_rqueue;
    row->send_q = queues.udiag_wqueue;
    diag_know(row, NET_F_RECV_Q);
    diag_know(row, NET_F_SEND_Q);
}

int diag_unix_decode(struct diag_decoder *d, const struct nlmsghdr *m, struct net_socket *row)
{
    struct attr attrs[ATTRS];
    struct unix_diag_msg msg;
    if (m->nlmsg_len < NLMSG_LENGTH(sizeof msg))
        return -EBADMSG;
    memcpy(&msg, NLMSG_DATA(m), sizeof msg);
    attrs_parse_message(m, sizeof msg, attrs, ATTRS);

    diag_row_begin(d, net_kind_of_unix(msg.udiag_type), row);
    row->family = AF_UNIX;
    row->state = msg.udiag_state < NET_STATES ? msg.udiag_state : NET_STATE_UNKNOWN;
    diag_set_inode(row, msg.udiag_ino);
    diag_set_cookie(row, msg.udiag_cookie);
    read_name(row, &attrs[UNIX_DIAG_NAME]);
    read_peer(row, &attrs[UNIX_DIAG_PEER]);
    read_queues(row, &attrs[UNIX_DIAG_RQLEN]);
    diag_set_uid(row, &attrs[UNIX_DIAG_UID]);
    if (d->detail & SOURCE_MEMORY)
        diag_set_meminfo(row, &attrs[UNIX_DIAG_MEMINFO]);
    return 0;
}
