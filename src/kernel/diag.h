/* Sockets by sock_diag: what the kernel tells any user about the sockets of a network namespace.
 *
 * Knows the requests and answers of every family that has a diag module. Owners aren't among them:
 * an answer has an inode, who holds it is the business of others. A kind whose module is missing is
 * read from /proc/net instead where that has it (kernel/proc_net.h); where it hasn't, a note says
 * so. The rows are of the calling thread's network namespace: for another, setns(2) first.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "kernel/source.h"
#include "net/addr.h"

struct err;
struct hash;

/* Streams the sockets of q->kinds, q->states and q->families, listeners of all kinds first; of the
 * query, via, scope and names are not looked at. Rows that the filter refuses may be among them.
 *
 * Of a row, INODE is absent and `detached` says why where no process can hold it (TIME_WAIT, a
 * request, a connection not yet accepted, an orphan); else detached is NET_ATTACHED. UID is absent
 * where the kernel gives 0 for want of a program. 0, the sink's non-zero answer, or a negative
 * errno with *e filled. */
int diag_read(const struct source_query *q, source_sink *sink, void *ctx,
              struct source_report *report, struct err *e);

/* The kinds among `kinds` that this kernel answers by sock_diag, in one mask. Loads no module: a
 * kind whose protocol isn't there already has no sockets. */
uint32_t diag_kinds(uint32_t kinds);

/* The same rows from a file with the raw answer of the kernel to a TCP dump, as ss(8) writes with
 * --diag and reads by TCPDIAG_FILE: up to the first NLMSG_DONE, in the file's order. */
int diag_read_file(const char *path, const struct source_query *q, source_sink *sink, void *ctx,
                   struct source_report *report, struct err *e);

/* Adds, by inode, of each UNIX listener the inode of the other end of the earliest connection that
 * waits there, unless that end is gone. 0 or a negative errno with *e filled. */
int diag_unix_waiting(struct hash *ret, struct err *e);

/* Closes a connection as if its program had (SOCK_DESTROY; CAP_NET_ADMIN): TCP or UDP, by
 * addresses, ports, device and cookie, so that no other can be hit. -EOPNOTSUPP where the kernel
 * was built without it (CONFIG_INET_DIAG_DESTROY), -ENOENT when it is gone already. */
int diag_destroy(const struct net_socket *s, struct err *e);

/* The kernel's own lookup: which socket of this host gets a packet from `remote` to `local` that
 * comes in on ifindex (the device that owns the local address; 0: any). TCP: the connection if
 * there is one, else the listener, whose cookie is then found with the port 0 as its peer. No
 * packet is sent, no privilege needed; a BPF sk_lookup program is asked, a BPF reuseport selector
 * isn't. -ENOENT: nobody. */
int diag_lookup(enum net_kind kind, const struct net_addr *local, uint16_t local_port,
                const struct net_addr *remote, uint16_t remote_port, uint32_t ifindex,
                struct net_socket *ret, struct err *e);

/* The connection with just these ends (kind, local and peer with their ports), by the same lookup,
 * with what `detail` asks for. One that is bound to a device is found by ifindex alone. -ENOENT if
 * there is none, or what the kernel finds has other ends. */
int diag_find(const struct net_socket *ends, uint32_t ifindex, uint32_t detail,
              struct net_socket *ret, struct err *e);
