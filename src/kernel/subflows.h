/* Who holds the TCP sockets below MPTCP connections.
 *
 * A process that opens an MPTCP socket holds no TCP socket: the kernel makes those (subflows), and
 * gives them the inode of the one above (net/mptcp/subflow.c, mptcp_sock_graft). This remembers the
 * holders of MPTCP sockets by inode. Their processes are borrowed.
 */
#pragma once
#include <stdint.h>

#include "base/hash.h"
#include "base/vec.h"

struct net_owner;

struct subflows {
    struct hash first; /* inode -> index + 1 in owners, of the holder that was noted last */
    struct vec owners; /* struct subflow_owner, linked lists */
};

void subflows_init(struct subflows *s);
void subflows_clear(struct subflows *s);
/* 0 or -ENOMEM. */
int subflows_note(struct subflows *s, uint64_t inode, const struct net_owner *owners, uint32_t n);
/* Adds the holders to *ret (struct net_owner). 0 or -ENOMEM. */
int subflows_find(const struct subflows *s, uint64_t inode, struct vec *ret);
