/* Opens sockets: an address and the user's options give a listener, or a connection under way.
 *
 * Takes addresses as values; names were resolved by whoever calls. Every socket is non-blocking and
 * close-on-exec. Options are set in their order (net/sockopt.h), and one that can't be set is named
 * in the error.
 */
#pragma once
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "net/addr.h"

struct err;
struct sockopt_set;

/* One place to listen at or to connect to. */
struct target {
    int family, type, protocol; /* as for socket(2): AF_INET6, SOCK_STREAM, IPPROTO_MPTCP */
    struct sockaddr_storage address;
    socklen_t address_n;
    char device[IFNAMSIZ]; /* SO_BINDTODEVICE; "" none */
    int8_t v6only;         /* 1, 0, or -1: as the options or the sysctl have it */
};

void target_set_ip(struct target *t, const struct net_addr *addr, uint16_t port);
/* The address of an IP target, and of any sockaddr; false where it's none. */
bool target_get_ip(const struct sockaddr_storage *address, struct net_addr *ret_addr,
                   uint16_t *ret_port);
/* "127.0.0.1:80", "[::1]:80", "unix:/run/x.sock", "vsock:2:80". */
struct buf;
void target_format(struct buf *out, const struct sockaddr_storage *address, socklen_t n);

struct open_listen {
    const struct sockopt_set *options; /* NULL: none */
    int backlog;                       /* below 0: SOMAXCONN */
    bool no_reuseaddr;                 /* SO_REUSEADDR is on otherwise */
    bool unlink;                       /* UNIX: a path where nobody listens any more is removed */
};
/* The descriptor, or a negative errno with *e filled: its hint says what the errno means here (a
 * privileged port, an address that no interface has, a name that is taken); who stands in the way
 * is for the caller to find. */
int open_listener(const struct target *t, const struct open_listen *how, struct err *e);

struct open_connect {
    const struct sockopt_set *options;
    const struct target *source; /* bind to it first; NULL: the kernel's choice */
};
/* The descriptor of a connection that is made or under way (*ret_done tells), or a negative errno
 * with *e filled. When it gets writable, open_connected says how it went. */
int open_connection(const struct target *t, const struct open_connect *how, bool *ret_done,
                    struct err *e);
/* 0, or the negative errno of the connection (SO_ERROR). */
int open_connected(int fd);
