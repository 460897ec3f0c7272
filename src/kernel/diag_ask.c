#include "kernel/diag_ask.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/inet_diag.h>
#include <linux/netlink_diag.h>
#include <linux/packet_diag.h>
#include <linux/sock_diag.h>
#include <linux/tipc_sockets_diag.h>
#include <linux/unix_diag.h>
#include <linux/vm_sockets_diag.h>
#include <linux/xdp_diag.h>

#include "kernel/attrs.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

static void *begin(struct diag_request *ret, uint16_t type, size_t body)
{
    memset(ret->bytes, 0, NLMSG_SPACE(body));
    ret->head.nlmsg_type = type;
    ret->head.nlmsg_len = NLMSG_LENGTH(body);
    return NLMSG_DATA(&ret->head);
}

uint8_t diag_inet_extensions(uint32_t detail)
{
    static const struct {
        uint32_t detail;
        uint8_t extensions;
    } wants[] = {
        {SOURCE_OPTIONS,
         1 << (INET_DIAG_CONG - 1) | 1 << (INET_DIAG_TOS - 1) | 1 << (INET_DIAG_TCLASS - 1)},
        {SOURCE_MEMORY, 1 << (INET_DIAG_SKMEMINFO - 1)},
        {SOURCE_TCP_INFO, 1 << (INET_DIAG_INFO - 1)},
    };
    uint8_t all = 0;
    for (size_t i = 0; i < sizeof wants / sizeof *wants; i++)
        if (detail & wants[i].detail)
            all |= wants[i].extensions;
    return all;
}

/* The kernel's states are ours. Its SYN_RECV means the requests too. None of its tables of TCP
 * holds a socket in CLOSE; it gives that name to the bound ones, which bit 13 brings (Linux 6.8),
 * and a dump for that bit alone leaves out the connections. */
static uint32_t inet_states(const struct diag_family *f, uint32_t states)
{
    if (states & 1 << NET_NEW_SYN_RECV)
        states |= 1 << NET_SYN_RECV;
    if (f->protocol == IPPROTO_TCP)
        states &= ~(1u << NET_CLOSE);
    if (f->protocol == IPPROTO_SCTP)
        states |= NET_STATES_ALL & ~(1 << NET_LISTEN); /* an association's are of another set */
    return states;
}

static void build_inet(struct diag_request *ret, const struct diag_family *f,
                       const struct source_query *q, uint32_t states, uint8_t family)
{
    struct inet_diag_req_v2 *req = begin(ret, SOCK_DIAG_BY_FAMILY, sizeof *req);
    uint32_t protocol = f->protocol;
    req->sdiag_family = family;
    req->sdiag_protocol = protocol > UINT8_MAX ? IPPROTO_RAW : (uint8_t)protocol;
    req->idiag_ext = diag_inet_extensions(q->detail);
    req->idiag_states = inet_states(f, states);
    if (protocol > UINT8_MAX)
        attr_put(&ret->head, sizeof ret->bytes, INET_DIAG_REQ_PROTOCOL, &protocol, sizeof protocol);
}

bool diag_build_both(struct diag_request *ret, const struct diag_family *f,
                     const struct source_query *q, uint32_t states)
{
    if (f->protocol != IPPROTO_TCP && f->protocol != IPPROTO_DCCP)
        return false;
    struct inet_diag_req *req =
        begin(ret, f->protocol == IPPROTO_TCP ? TCPDIAG_GETSOCK : DCCPDIAG_GETSOCK, sizeof *req);
    req->idiag_family = AF_INET;
    req->idiag_ext = diag_inet_extensions(q->detail);
    req->idiag_states = inet_states(f, states);
    return true;
}

static void build_unix(struct diag_request *ret, const struct diag_family *f,
                       const struct source_query *q, uint32_t states, uint8_t family)
{
    struct unix_diag_req *req = begin(ret, SOCK_DIAG_BY_FAMILY, sizeof *req);
    (void)f;
    req->sdiag_family = family;
    req->udiag_states = states;
    req->udiag_show = UDIAG_SHOW_NAME | UDIAG_SHOW_PEER | UDIAG_SHOW_RQLEN | UDIAG_SHOW_UID;
    if (q->detail & SOURCE_MEMORY)
        req->udiag_show |= UDIAG_SHOW_MEMINFO;
}

static void build_netlink(struct diag_request *ret, const struct diag_family *f,
                          const struct source_query *q, uint32_t states, uint8_t family)
{
    struct netlink_diag_req *req = begin(ret, SOCK_DIAG_BY_FAMILY, sizeof *req);
    (void)f, (void)q, (void)states;
    req->sdiag_family = family;
    req->sdiag_protocol = NDIAG_PROTO_ALL;
    req->ndiag_show = NDIAG_SHOW_GROUPS | NDIAG_SHOW_MEMINFO; /* the queues are in meminfo alone */
}

static void build_packet(struct diag_request *ret, const struct diag_family *f,
                         const struct source_query *q, uint32_t states, uint8_t family)
{
    struct packet_diag_req *req = begin(ret, SOCK_DIAG_BY_FAMILY, sizeof *req);
    (void)f, (void)q, (void)states;
    req->sdiag_family = family;
    req->pdiag_show = PACKET_SHOW_INFO | PACKET_SHOW_MEMINFO;
}

static void build_vsock(struct diag_request *ret, const struct diag_family *f,
                        const struct source_query *q, uint32_t states, uint8_t family)
{
    struct vsock_diag_req *req = begin(ret, SOCK_DIAG_BY_FAMILY, sizeof *req);
    (void)f, (void)q;
    req->sdiag_family = family;
    req->vdiag_states = states;
}

static void build_xdp(struct diag_request *ret, const struct diag_family *f,
                      const struct source_query *q, uint32_t states, uint8_t family)
{
    struct xdp_diag_req *req = begin(ret, SOCK_DIAG_BY_FAMILY, sizeof *req);
    (void)f, (void)q, (void)states;
    req->sdiag_family = family;
    req->xdiag_show = XDP_SHOW_INFO | XDP_SHOW_MEMINFO;
}

static void build_tipc(struct diag_request *ret, const struct diag_family *f,
                       const struct source_query *q, uint32_t states, uint8_t family)
{
    struct tipc_sock_diag_req *req = begin(ret, SOCK_DIAG_BY_FAMILY, sizeof *req);
    (void)f, (void)q, (void)states;
    req->sdiag_family = family;
    req->tidiag_states = ~0u; /* TIPC numbers its states in a way of its own */
}

#define STREAM(kind, proto)                                                          \
    {                                                                                \
        1 << (kind), 1 << NET_LISTEN, AF_INET, (proto), diag_inet_decode, build_inet \
    }
#define DGRAM(kind, proto)                                                          \
    {                                                                               \
        1 << (kind), 1 << NET_CLOSE, AF_INET, (proto), diag_inet_decode, build_inet \
    }
const struct diag_family diag_families[] = {
    STREAM(NET_TCP, IPPROTO_TCP),
    DGRAM(NET_UDP, IPPROTO_UDP),
    DGRAM(NET_UDPLITE, IPPROTO_UDPLITE),
    STREAM(NET_MPTCP, IPPROTO_MPTCP),
    STREAM(NET_SCTP, IPPROTO_SCTP),
    STREAM(NET_DCCP, IPPROTO_DCCP),
    DGRAM(NET_RAW, IPPROTO_RAW),
    {NET_KINDS_UNIX, 1 << NET_LISTEN | 1 << NET_CLOSE, AF_UNIX, 0, diag_unix_decode, build_unix},
    {1 << NET_NETLINK, 0, AF_NETLINK, 0, diag_netlink_decode, build_netlink},
    {1 << NET_PACKET, 0, AF_PACKET, 0, diag_packet_decode, build_packet},
    {1 << NET_VSOCK, 1 << NET_LISTEN, AF_VSOCK, 0, diag_vsock_decode, build_vsock},
    {1 << NET_XDP, 0, AF_XDP, 0, diag_xdp_decode, build_xdp},
    {1 << NET_TIPC, 1 << NET_LISTEN, AF_TIPC, 0, diag_tipc_decode, build_tipc},
};
const size_t diag_n_families = sizeof diag_families / sizeof *diag_families;
