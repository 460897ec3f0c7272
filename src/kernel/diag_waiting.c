/* Who waits at the listeners of UNIX sockets: UNIX_DIAG_ICONS (sk_diag_dump_icons in
 * net/unix/diag.c), the inodes of those that connected, the earliest first, and 0 for one that has
 * gone. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/sock_diag.h>
#include <linux/unix_diag.h>

#include "base/hash.h"
#include "kernel/attrs.h"
#include "kernel/diag.h"
#include "kernel/netlink.h"

static int take(void *ctx, const struct nlmsghdr *m)
{
    struct attr attrs[UNIX_DIAG_ICONS + 1];
    struct unix_diag_msg msg;
    if (m->nlmsg_len < NLMSG_LENGTH(sizeof msg))
        return -EBADMSG;
    memcpy(&msg, NLMSG_DATA(m), sizeof msg);
    attrs_parse_message(m, sizeof msg, attrs, UNIX_DIAG_ICONS + 1);
    uint32_t first = attr_u32(&attrs[UNIX_DIAG_ICONS], 0);
    uint64_t *value = first ? hash_put(ctx, msg.udiag_ino, NULL) : NULL;
    if (first && !value)
        return -ENOMEM;
    if (first)
        *value = first;
    return 0;
}

int diag_unix_waiting(struct hash *ret, struct err *e)
{
    struct {
        struct nlmsghdr head;
        struct unix_diag_req body;
    } request = {
        .head = {.nlmsg_type = SOCK_DIAG_BY_FAMILY, .nlmsg_len = sizeof request},
        .body = {.sdiag_family = AF_UNIX,
                 .udiag_states = 1 << NET_LISTEN,
                 .udiag_show = UDIAG_SHOW_ICONS},
    };
    _cleanup_netlink_ struct netlink n = NETLINK_CLOSED;
    const struct netlink_reader reader = {.message = take, .ctx = ret};
    int r = netlink_open(&n, NETLINK_SOCK_DIAG, e);
    return r < 0 ? r : netlink_dump(&n, &request.head, &reader, e);
}
