/* Sockets that no table of the kernel leads to, and so no dump: made, and never bound or connected
 * or no longer so; before Linux 6.8 also TCP sockets that are merely bound; of vsock and XDP all,
 * where the kernel has no diag module for them.
 *
 * They are found through their descriptors alone. Of those that the walk over /proc met and no dump
 * told, each is asked what it is by a short-lived duplicate (pidfd_getfd(2)), so that a socket of
 * another kind or namespace, or one that the kernel's filter left out, isn't taken for one. Where
 * that isn't permitted, nothing is told.
 */
#pragma once
#include <stdbool.h>

#include "kernel/source.h"

struct owners;

/* The kinds of which there may be such sockets, and those that may have no table to be told from.
 */
enum {
    UNLISTED_KINDS =
        1 << NET_TCP | 1 << NET_MPTCP | 1 << NET_UDP | 1 << NET_UDPLITE | 1 << NET_PING,
    UNLISTED_WHOLE = 1 << NET_VSOCK | 1 << NET_XDP,
};

/* When all else was told, with its owners asked for: adds to *ret (struct net_socket) those of
 * q->kinds and q->families in the namespaces of the query. `netns` is the thread's own. A TCP
 * socket among them that was bound once still says its port, whether it has it or not: its state is
 * then NET_BOUND_INACTIVE, and it is for the caller to find out. XDP sockets don't say what they
 * are bound to. 0 or -ENOMEM. */
int unlisted_find(const struct source_query *q, struct owners *o, uint64_t netns, struct vec *ret);

/* Notes the kinds that a way ("sock_diag") can't tell of, and that this may show them all the same.
 */
void unlisted_note(const struct source_query *q, uint32_t kinds, const char *way,
                   struct source_report *report);

/* A TCP socket that has no port any more, whatever it says. */
void unlisted_forget_port(struct net_socket *s);
/* Closed sockets keep their last peer in the kernel's memory; no program can ask for it. */
bool unlisted_is(const struct net_socket *s);
void unlisted_forget_peer(struct net_socket *s);

/* Whether sock_diag tells TCP sockets that are merely bound: since Linux 6.8. */
bool unlisted_diag_tells_bound(void);
