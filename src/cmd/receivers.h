/* Who gets what comes to an address of this host: the listeners and UDP sockets that were read, and
 * of these the one, or the group, that the kernel picks.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/vec.h"
#include "net/facts.h"
#include "net/socket.h"
#include "render/render.h"

struct buf;

struct receiver {
    const struct net_socket *socket;
    const struct net_owner *owner; /* NULL: no process, or one that may not be seen */
};

struct receivers_question {
    enum net_kind kind; /* NET_TCP, NET_UDP */
    struct net_addr to; /* a wildcard is this machine */
    uint16_t port;
    struct net_addr from; /* the client's; none where there is no way from anywhere */
    uint32_t ifindex;     /* the device that has the address; 0 any */
};

/* Adds to *ret (struct receiver): a process is there once for each socket. The facts hold listeners
 * of TCP, or sockets of UDP, of any port; the receivers point into them. 0 or -ENOMEM. */
int receivers_find(const struct receivers_question *q, const struct facts *f, struct vec *ret);

/* "node[812] at 127.0.0.1:3000, …", or "nobody". */
void receivers_describe(struct buf *out, const struct receiver *all, size_t n);
/* One of them may not be seen. */
bool receivers_hide(const struct receiver *all, size_t n);

/* Of a receiver: pid, comm, user, address. */
enum { RECEIVER_COLUMNS = 4 };
extern const struct render_column receiver_columns[RECEIVER_COLUMNS];
