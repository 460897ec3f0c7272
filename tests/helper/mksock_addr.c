/*
 * Addresses: from a script's words to sockaddrs, and to JSON. Numbers only, names are never
 * resolved; each family in the form that berth writes it.
 */
#include "mksock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <linux/if_xdp.h>
#include <linux/netlink.h>
#include <linux/tipc.h>
#include <linux/vm_sockets.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const netlink_names[] = {
    [NETLINK_ROUTE] = "route",           [NETLINK_USERSOCK] = "usersock",
    [NETLINK_SOCK_DIAG] = "sock_diag",   [NETLINK_XFRM] = "xfrm",
    [NETLINK_AUDIT] = "audit",           [NETLINK_NETFILTER] = "netfilter",
    [NETLINK_KOBJECT_UEVENT] = "uevent", [NETLINK_GENERIC] = "generic",
};

int mk_netlink_protocol(const char *text)
{
    for (size_t i = 0; i < sizeof(netlink_names) / sizeof(netlink_names[0]); i++)
        if (netlink_names[i] && !strcmp(netlink_names[i], text))
            return (int)i;
    char *end;
    long n = strtol(text, &end, 0);
    return end != text && !*end && n >= 0 && n < 256 ? (int)n : -EINVAL;
}

/* 127.0.0.1:80, [::1]:80, [fe80::1%lo]:80; without a port for raw sockets. */
static int parse_inet(const char *text, struct mk_addr *ret)
{
    char host[128];
    const char *port = "0";
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
                             .ai_socktype = SOCK_DGRAM};
    struct addrinfo *found;

    if (strlen(text) >= sizeof(host))
        return -EINVAL;
    strcpy(host, text[0] == '[' ? text + 1 : text);
    char *end = text[0] == '[' ? strchr(host, ']') : strchr(host, ':');
    if (text[0] == '[' && !end)
        return -EINVAL;
    if (end) {
        char *colon = *end == ']' ? end + 1 : end;
        if (*colon == ':')
            port = colon + 1;
        else if (*colon)
            return -EINVAL;
        *end = '\0';
    }
    if (getaddrinfo(host, port, &hints, &found) != 0)
        return -EINVAL;
    memcpy(&ret->ss, found->ai_addr, found->ai_addrlen);
    ret->len = found->ai_addrlen;
    freeaddrinfo(found);
    return 0;
}

/* A path, @abstract, or - for autobind (an abstract name that the kernel chooses). */
static int parse_unix(const char *text, struct mk_addr *ret)
{
    size_t n = strlen(text);
    size_t base = offsetof(struct sockaddr_un, sun_path);

    ret->un.sun_family = AF_UNIX;
    if (!strcmp(text, "-")) {
        ret->len = sizeof(sa_family_t);
        return 0;
    }
    if (n == 0 || n >= sizeof(ret->un.sun_path))
        return -ENAMETOOLONG;
    memcpy(ret->un.sun_path, text, n + 1);
    ret->len = (socklen_t)(base + n + 1);
    if (text[0] == '@') {
        ret->un.sun_path[0] = '\0';
        ret->len = (socklen_t)(base + n);
    }
    return 0;
}

static int parse_device(const char *text, unsigned *ret)
{
    *ret = strcmp(text, "*") ? if_nametoindex(text) : 0;
    return *ret || !strcmp(text, "*") ? 0 : -ENODEV;
}

/* A:B as two numbers, A by default FALLBACK; * is all bits, which is "any" for vsock. */
static int parse_two(const char *text, unsigned fallback, unsigned *ret_a, unsigned *ret_b)
{
    unsigned a = fallback, b;
    if (!strcmp(text, "*") || sscanf(text, "*:%u", &b) == 1)
        a = UINT32_MAX;
    else if (sscanf(text, "%u:%u", &a, &b) != 2 && sscanf(text, "%u", &b) != 1)
        return -EINVAL;
    else if (!strchr(text, ':'))
        a = fallback;
    *ret_a = a;
    *ret_b = strcmp(text, "*") ? b : UINT32_MAX;
    return 0;
}

static int parse_vsock(const char *text, struct mk_addr *ret)
{
    struct sockaddr_vm vm = {.svm_family = AF_VSOCK};
    int r = parse_two(text, VMADDR_CID_ANY, &vm.svm_cid, &vm.svm_port);
    memcpy(&ret->ss, &vm, sizeof(vm));
    ret->len = sizeof(vm);
    return r;
}

static int parse_tipc(const char *text, struct mk_addr *ret)
{
    struct sockaddr_tipc tipc = {
        .family = AF_TIPC, .addrtype = TIPC_SERVICE_ADDR, .scope = TIPC_NODE_SCOPE};
    int r = parse_two(text, 0, &tipc.addr.name.name.type, &tipc.addr.name.name.instance);
    memcpy(&ret->ss, &tipc, sizeof(tipc));
    ret->len = sizeof(tipc);
    return r;
}

static int parse_packet(const char *text, struct mk_addr *ret)
{
    struct sockaddr_ll ll = {.sll_family = AF_PACKET};
    unsigned index = 0;
    int r = parse_device(text, &index);
    ll.sll_ifindex = (int)index;
    memcpy(&ret->ss, &ll, sizeof(ll));
    ret->len = sizeof(ll);
    return r;
}

static int parse_xdp(const char *text, struct mk_addr *ret)
{
    struct sockaddr_xdp xdp = {.sxdp_family = AF_XDP, .sxdp_flags = XDP_COPY};
    int r = parse_device(text, &xdp.sxdp_ifindex);
    memcpy(&ret->ss, &xdp, sizeof(xdp));
    ret->len = sizeof(xdp);
    return r;
}

static int parse_netlink(const char *text, struct mk_addr *ret)
{
    struct sockaddr_nl nl = {.nl_family = AF_NETLINK};
    memcpy(&ret->ss, &nl, sizeof(nl));
    ret->len = sizeof(nl);
    int protocol = mk_netlink_protocol(text);
    return protocol < 0 ? protocol : 0;
}

int mk_addr_parse(const struct mk_kind *kind, const char *text, struct mk_addr *ret)
{
    *ret = (struct mk_addr){0};
    switch (kind->domain) {
    case AF_INET:
    case AF_INET6:
        return parse_inet(text, ret);
    case AF_UNIX:
        return parse_unix(text, ret);
    case AF_VSOCK:
        return parse_vsock(text, ret);
    case AF_TIPC:
        return parse_tipc(text, ret);
    case AF_PACKET:
        return parse_packet(text, ret);
    case AF_XDP:
        return parse_xdp(text, ret);
    case AF_NETLINK:
        return parse_netlink(text, ret);
    default:
        return -EAFNOSUPPORT;
    }
}

/* Where a client reaches a wildcard listener: on loopback. */
void mk_addr_connectable(struct mk_addr *addr)
{
    struct sockaddr_in *in = (struct sockaddr_in *)&addr->ss;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&addr->ss;

    if (addr->sa.sa_family == AF_INET && in->sin_addr.s_addr == htonl(INADDR_ANY))
        in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (addr->sa.sa_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&in6->sin6_addr))
        in6->sin6_addr = in6addr_loopback;
}

static bool inet_equal(const struct mk_addr *a, const struct mk_addr *b)
{
    struct mk_addr both[2] = {*a, *b};
    unsigned char bytes[2][16] = {0};
    uint16_t port[2];

    for (int i = 0; i < 2; i++) {
        const struct sockaddr_in *in = (struct sockaddr_in *)&both[i].ss;
        const struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&both[i].ss;
        port[i] = in->sin_port;
        if (in->sin_family == AF_INET6) {
            memcpy(bytes[i], &in6->sin6_addr, 16);
        } else {
            bytes[i][10] = bytes[i][11] = 0xff; /* v4 equals its v4-mapped form */
            memcpy(bytes[i] + 12, &in->sin_addr, 4);
        }
    }
    return port[0] == port[1] && !memcmp(bytes[0], bytes[1], 16);
}

bool mk_addr_equal(const struct mk_addr *a, const struct mk_addr *b)
{
    bool inet_a = a->sa.sa_family == AF_INET || a->sa.sa_family == AF_INET6;
    bool inet_b = b->sa.sa_family == AF_INET || b->sa.sa_family == AF_INET6;
    if (inet_a && inet_b && a->len && b->len)
        return inet_equal(a, b);
    return a->len == b->len && !memcmp(&a->ss, &b->ss, a->len);
}

static void print_pair(const char *address, long long port)
{
    printf("{\"address\":");
    mk_print_string(address, strlen(address));
    printf(",\"port\":%lld}", port);
}

static void print_inet(const struct mk_addr *addr)
{
    char text[INET6_ADDRSTRLEN];
    const struct sockaddr_in *in = (const struct sockaddr_in *)&addr->ss;
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&addr->ss;
    bool six = addr->sa.sa_family == AF_INET6;

    inet_ntop(addr->sa.sa_family, six ? (const void *)&in6->sin6_addr : &in->sin_addr, text,
              sizeof(text));
    print_pair(text, ntohs(in->sin_port)); /* the port is at the same place in both */
}

static void print_unix(const struct mk_addr *addr)
{
    size_t base = offsetof(struct sockaddr_un, sun_path);
    char path[sizeof(addr->un.sun_path) + 1];

    if (addr->len <= base) {
        printf("{\"address\":null,\"port\":null}");
        return;
    }
    size_t n = addr->len - base;
    memcpy(path, addr->un.sun_path, n);
    if (path[0] == '\0')
        path[0] = '@';
    else
        n = strnlen(path, n);
    printf("{\"address\":");
    mk_print_string(path, n);
    printf(",\"port\":null}");
}

static void print_device(unsigned index, long long port)
{
    char name[IF_NAMESIZE];
    print_pair(index && if_indextoname(index, name) ? name : "*", port);
}

void mk_addr_print(const struct mk_sock *sock, const struct mk_addr *addr)
{
    const struct sockaddr_vm *vm = (const struct sockaddr_vm *)&addr->ss;
    const struct sockaddr_ll *ll = (const struct sockaddr_ll *)&addr->ss;
    const struct sockaddr_xdp *xdp = (const struct sockaddr_xdp *)&addr->ss;
    const struct sockaddr_nl *nl = (const struct sockaddr_nl *)&addr->ss;
    char number[16];

    switch (addr->len ? addr->sa.sa_family : AF_UNSPEC) {
    case AF_INET:
    case AF_INET6:
        print_inet(addr);
        return;
    case AF_UNIX:
        print_unix(addr);
        return;
    case AF_VSOCK:
        snprintf(number, sizeof(number), "%u", vm->svm_cid);
        print_pair(vm->svm_cid == VMADDR_CID_ANY ? "*" : number, vm->svm_port);
        return;
    case AF_PACKET:
        print_device((unsigned)ll->sll_ifindex, ntohs(ll->sll_protocol));
        return;
    case AF_XDP:
        print_device(xdp->sxdp_ifindex, xdp->sxdp_queue_id);
        return;
    case AF_NETLINK:
        print_pair(sock->note, nl->nl_pid);
        return;
    default:
        printf("null");
    }
}
