/* Listeners opened for a command: from an endpoint, or from a descriptor that came open. What can't
 * be opened is told, with who stands in the way.
 */
#pragma once
#include <stdbool.h>
#include <sys/types.h>

#include "base/vec.h"
#include "flow/open.h"
#include "net/endpoint.h"

struct flow_events;

struct listener {
    struct target target; /* with the real port */
    int fd;
    bool wildcard; /* a client's own address differs from it */
    bool unlinks;  /* its path goes with it, if it still is the one that was made: */
    dev_t path_device;
    ino_t path_inode;
    bool tls; /* its clients speak TLS: its endpoint says so, or its command */
};

struct listeners_how {
    struct open_listen open;
    int family;                       /* AF_INET, AF_INET6: only these; AF_UNSPEC */
    int protocol;                     /* IPPROTO_MPTCP; 0 */
    bool first;                       /* only the first address that is free, instead of each */
    const struct flow_events *events; /* what can't be had is told as they are; NULL: in words */
};

/* The addresses of an endpoint, whose scheme is a socket's: *to gets more struct listener. All at
 * one port, even where the kernel chooses it; of this machine and of every interface those families
 * that there are. 0, or an exit status after a message. */
int listeners_open(struct vec *to, const struct endpoint *ep, const struct listeners_how *how);
/* A listening socket that was inherited. 0, or an exit status after a message. */
int listeners_take(struct vec *to, int fd, const struct flow_events *events);
/* What is spoken there: "tls", "tcp", "udp", "unix-stream" … */
const char *listener_proto(const struct listener *l);
/* The own address of a client that it accepted; its length. */
socklen_t listener_local(const struct listener *l, int fd, struct sockaddr_storage *ret);
/* Closes those that are left, and removes their paths; not what somebody else has put there. */
void listeners_close(struct vec *listeners);
