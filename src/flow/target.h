/* One place to listen at or to connect to, as socket(2) and bind(2) take it.
 *
 * A plain value: an address with the family, type and protocol of its socket. It has words for
 * people and for berth's own command line; the kernel is only asked for the name of a link.
 */
#pragma once
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "net/addr.h"

struct buf;

struct target {
    int family, type, protocol; /* as for socket(2): AF_INET6, SOCK_STREAM, IPPROTO_MPTCP */
    struct sockaddr_storage address;
    socklen_t address_n;
    char device[IFNAMSIZ]; /* SO_BINDTODEVICE; "" none */
    int8_t v6only;         /* 1, 0, or -1: as the options or the sysctl have it */
};

/* Family and address; the rest stays as it is. addr: IPv4 or IPv6. */
void target_set_ip(struct target *t, const struct net_addr *addr, uint16_t port);
/* A path or, after abstract, a name of n bytes. 0, or -ENAMETOOLONG. */
int target_set_unix(struct target *t, const char *name, size_t n, bool abstract);
void target_set_vsock(struct target *t, uint32_t cid, uint32_t port);

/* The address of an IP target, and of any sockaddr; false where it's none. */
bool target_get_ip(const struct sockaddr_storage *address, struct net_addr *ret_addr,
                   uint16_t *ret_port);

/* "127.0.0.1:80", "[::1]:80", "[fe80::1%eth0]:80", "unix:/run/x.sock", "unix:@name", "vsock:2:80";
 * "unix:" for a UNIX socket without a name. Bytes stand as they are: escape before a terminal. */
void target_format(struct buf *out, const struct sockaddr_storage *address, socklen_t n);
/* The protocol of such a socket in words: "tcp", "mptcp", "udp", "unix-stream", "unix-seqpacket",
 * "vsock" … */
const char *target_proto(int family, int type, int protocol);
