/*
 * Looks up one TCP socket by its five-tuple, with sock_diag's own lookup: the only way to see the
 * state of a socket that has no descriptor (TIME_WAIT, orphaned, SYN_RECV, in an accept queue).
 * Lists nothing.
 */
#include "mksock.h"

#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

/* include/net/tcp_states.h */
static const char *const tcp_states[] = {
    NULL,        "ESTABLISHED", "SYN_SENT",   "SYN_RECV", "FIN_WAIT1", "FIN_WAIT2",
    "TIME_WAIT", "CLOSE",       "CLOSE_WAIT", "LAST_ACK", "LISTEN",    "CLOSING",
};

const char *mk_tcp_state_name(unsigned state)
{
    return state < sizeof(tcp_states) / sizeof(tcp_states[0]) ? tcp_states[state] : NULL;
}

static void put_addr(const struct mk_addr *addr, uint16_t *ret_port, uint32_t *ret_bytes)
{
    const struct sockaddr_in *in = (const struct sockaddr_in *)&addr->ss;
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&addr->ss;

    *ret_port = addr->len ? in->sin_port : 0;
    if (addr->len && addr->sa.sa_family == AF_INET6)
        memcpy(ret_bytes, &in6->sin6_addr, 16);
    else if (addr->len)
        memcpy(ret_bytes, &in->sin_addr, 4);
}

static int find_ask(int fd, const struct mk_addr *local, const struct mk_addr *peer)
{
    struct {
        struct nlmsghdr header;
        struct inet_diag_req_v2 req;
    } ask = {
        .header = {.nlmsg_len = sizeof(ask),
                   .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                   .nlmsg_flags = NLM_F_REQUEST},
        .req = {.sdiag_family = (uint8_t)local->sa.sa_family,
                .sdiag_protocol = IPPROTO_TCP,
                .idiag_states = UINT32_MAX,
                .id.idiag_cookie = {INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE}},
    };

    put_addr(local, &ask.req.id.idiag_sport, ask.req.id.idiag_src);
    put_addr(peer, &ask.req.id.idiag_dport, ask.req.id.idiag_dst);
    return send(fd, &ask, sizeof(ask), 0) < 0 ? -errno : 0;
}

/* Where the connection is gone, the kernel's lookup goes on to the listener: not what was asked. */
static int find_answer(int fd, const struct mk_addr *peer, struct mk_found *ret)
{
    const struct sockaddr_in *in = (const struct sockaddr_in *)&peer->ss;
    union {
        struct nlmsghdr header;
        char bytes[8192];
    } answer;
    struct inet_diag_msg msg;

    ssize_t n = recv(fd, &answer, sizeof(answer), 0);
    if (n < 0)
        return -errno;
    if ((size_t)n < NLMSG_LENGTH(sizeof(msg)) || answer.header.nlmsg_type != SOCK_DIAG_BY_FAMILY)
        return -ENOENT;
    memcpy(&msg, NLMSG_DATA(&answer.header), sizeof(msg));
    if (msg.id.idiag_dport != (peer->len ? in->sin_port : 0))
        return -ENOENT;
    ret->state = mk_tcp_state_name(msg.idiag_state);
    ret->inode = msg.idiag_inode;
    ret->cookie = msg.id.idiag_cookie[0] | (uint64_t)msg.id.idiag_cookie[1] << 32;
    ret->uid = msg.idiag_uid;
    return 0;
}

int mk_diag_find(const struct mk_addr *local, const struct mk_addr *peer, struct mk_found *ret)
{
    *ret = (struct mk_found){0};
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    if (fd < 0)
        return -errno;
    int r = find_ask(fd, local, peer);
    if (r == 0)
        r = find_answer(fd, peer, ret);
    close(fd);
    return r;
}
