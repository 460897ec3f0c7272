#include "flow/target.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/vm_sockets.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/un.h>

#include "base/buf.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262 /* linux/in.h since 5.6 */
#endif

void target_set_ip(struct target *t, const struct net_addr *addr, uint16_t port)
{
    t->address = (struct sockaddr_storage){0};
    t->family = addr->family;
    if (addr->family == AF_INET) {
        struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
        memcpy(&v4.sin_addr, addr->bytes, sizeof v4.sin_addr);
        memcpy(&t->address, &v4, sizeof v4);
        t->address_n = sizeof v4;
        return;
    }
    struct sockaddr_in6 v6 = {
        .sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_scope_id = addr->scope};
    memcpy(&v6.sin6_addr, addr->bytes, sizeof v6.sin6_addr);
    memcpy(&t->address, &v6, sizeof v6);
    t->address_n = sizeof v6;
}

/* unix(7): an abstract name follows a NUL byte, and its length is that of the address. */
int target_set_unix(struct target *t, const char *name, size_t n, bool abstract)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    size_t before = abstract ? 1 : 0;
    if (n == 0 || n + 1 > sizeof un.sun_path)
        return -ENAMETOOLONG;
    memcpy(un.sun_path + before, name, n);
    t->family = AF_UNIX;
    t->address = (struct sockaddr_storage){0};
    memcpy(&t->address, &un, sizeof un);
    t->address_n = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + 1);
    return 0;
}

void target_set_vsock(struct target *t, uint32_t cid, uint32_t port)
{
    struct sockaddr_vm vm = {.svm_family = AF_VSOCK, .svm_cid = cid, .svm_port = port};
    t->family = AF_VSOCK;
    t->address = (struct sockaddr_storage){0};
    memcpy(&t->address, &vm, sizeof vm);
    t->address_n = sizeof vm;
}

bool target_get_ip(const struct sockaddr_storage *address, struct net_addr *ret_addr,
                   uint16_t *ret_port)
{
    if (address->ss_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, address, sizeof v4);
        *ret_addr = net_addr_from_bytes(AF_INET, &v4.sin_addr);
        *ret_port = ntohs(v4.sin_port);
        return true;
    }
    if (address->ss_family == AF_INET6) {
        struct sockaddr_in6 v6;
        memcpy(&v6, address, sizeof v6);
        *ret_addr = net_addr_from_bytes(AF_INET6, &v6.sin6_addr);
        ret_addr->scope = v6.sin6_scope_id;
        *ret_port = ntohs(v6.sin6_port);
        return true;
    }
    return false;
}

const char *target_proto(int family, int type, int protocol)
{
    if (family == AF_UNIX)
        return type == SOCK_STREAM      ? "unix-stream"
               : type == SOCK_SEQPACKET ? "unix-seqpacket"
                                        : "unix-dgram";
    if (family == AF_VSOCK)
        return "vsock";
    if (protocol == IPPROTO_MPTCP)
        return "mptcp";
    return type == SOCK_DGRAM ? "udp" : "tcp";
}

/* The device's name, as people write it; its number where it is gone, or may not be asked. */
static void format_scope(struct buf *out, uint32_t scope)
{
    char name[IF_NAMESIZE];
    buf_char(out, '%');
    if (if_indextoname(scope, name))
        buf_str(out, name);
    else
        buf_u64(out, scope);
}

static void format_ip(struct buf *out, const struct net_addr *a, uint16_t port)
{
    bool v6 = a->family == AF_INET6;
    if (v6)
        buf_char(out, '[');
    net_addr_format(out, a);
    if (a->scope)
        format_scope(out, a->scope);
    if (v6)
        buf_char(out, ']');
    buf_printf(out, ":%u", port);
}

static void format_unix(struct buf *out, const struct sockaddr_storage *address, socklen_t n)
{
    struct sockaddr_un un;
    size_t head = offsetof(struct sockaddr_un, sun_path);
    memcpy(&un, address, sizeof un);
    buf_str(out, "unix:");
    if (n <= head || n > sizeof un)
        return;
    size_t length = n - head;
    if (un.sun_path[0]) {
        buf_add(out, un.sun_path, strnlen(un.sun_path, length));
        return;
    }
    buf_char(out, '@');
    buf_add(out, un.sun_path + 1, length - 1);
}

static void format_vsock(struct buf *out, const struct sockaddr_storage *address)
{
    struct sockaddr_vm vm;
    memcpy(&vm, address, sizeof vm);
    buf_str(out, "vsock:");
    if (vm.svm_cid == VMADDR_CID_ANY)
        buf_char(out, '*');
    else
        buf_u64(out, vm.svm_cid);
    buf_printf(out, ":%u", vm.svm_port);
}

void target_format(struct buf *out, const struct sockaddr_storage *address, socklen_t n)
{
    struct net_addr a;
    uint16_t port;
    if (target_get_ip(address, &a, &port))
        format_ip(out, &a, port);
    else if (address->ss_family == AF_UNIX)
        format_unix(out, address, n);
    else if (address->ss_family == AF_VSOCK)
        format_vsock(out, address);
    else
        buf_printf(out, "family:%u", address->ss_family);
}
