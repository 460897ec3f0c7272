/* The two ends of a connection, found among the sockets of one host.
 *
 * An index of sockets by their ends. IP: the far end has local and peer the other way round; it is
 * looked for in the same network namespace first, then, for addresses that leave one, in others.
 * UNIX: the far end has the inode that this one names as its peer.
 */
#pragma once
#include "base/hash.h"
#include "base/vec.h"
#include "net/socket.h"

struct net_pairs {
    struct vec sockets;   /* const struct net_socket *, borrowed */
    struct hash by_netns; /* key of the ends and their namespace -> index + 1 */
    struct hash by_ends;  /* key of the ends alone -> index + 1 */
};

void net_pairs_init(struct net_pairs *p);
void net_pairs_clear(struct net_pairs *p);
/* The socket must outlive the index. 0 or -ENOMEM. */
int net_pairs_add(struct net_pairs *p, const struct net_socket *s);
/* The other end of a connection, or NULL. */
const struct net_socket *net_pairs_far_end(const struct net_pairs *p, const struct net_socket *s);
