/* A close look at a few sockets of a host that may have very many: each is asked for by itself, and
 * of all descriptors only theirs are looked at.
 *
 * For those who know what they want: the ends of a connection, a descriptor of a process, rows that
 * a cheap read has found. All of the calling thread's network namespace.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "kernel/source.h"

struct err;

/* The connection with just these ends (kind, local and peer with their ports), with what `detail`
 * asks for but its owners. -ENOENT also for one that is bound to another device than the one that
 * has its address. 0 or a negative errno. */
int closeup_connection(const struct net_socket *ends, uint32_t detail, struct net_socket *ret);

/* The TCP socket that a connection waits at to be accepted; of a group that shares the port by
 * SO_REUSEPORT, one. 0 or a negative errno. */
int closeup_listener(const struct net_socket *connection, struct net_socket *ret);

/* Kind, ends and inode of the socket at a descriptor, by a short-lived duplicate (kernel/sockopts.h
 * tells why). 0; -ENOENT: no socket of TCP or UDP; -EPERM where it may not be looked at, or another
 * negative errno. */
int closeup_descriptor(int32_t pid, int32_t fd, struct net_socket *ret);

/* Completes n rows of TCP and UDP with owners and all else that q->detail asks of them, and hands
 * each on, in their order. Of the query, via says who looks for the owners: BPF, /proc (DIAG too),
 * or what costs less here. 0, the sink's non-zero answer, or a negative errno with *e filled. */
int closeup_complete(const struct source_query *q, const struct net_socket *rows, size_t n,
                     source_sink *sink, void *ctx, struct source_report *report, struct err *e);

struct owners;
/* Who holds the sockets with these inodes, as a map to ask; what `how` asks for of the processes
 * comes with them. 0 or a negative errno with *e filled. */
int closeup_owners(const struct source_query *how, const uint64_t *inodes, size_t n,
                   struct owners **ret, struct err *e);
