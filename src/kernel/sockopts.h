/* The options of another process's socket, by a short-lived duplicate of its descriptor.
 *
 * pidfd_getfd(2) (Linux 5.6) duplicates a descriptor of a process that we might trace: one's own,
 * or any with CAP_SYS_PTRACE. The duplicate keeps the socket open and its port taken, so it is
 * asked and closed at once; it is never read from, written to or set. A descriptor that was reused
 * since it was listed is noticed by its inode.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct net_socket;

/* The process that was asked last: rows of one process often follow each other. */
struct sockopts {
    int pidfd;
    int32_t pid;
    uint64_t netns; /* that the defaults are of */
    int ttl4, ttl6; /* what a socket that has none of its own answers */
};

void sockopts_init(struct sockopts *o);
void sockopts_clear(struct sockopts *o);

/* Fills the options of *s that aren't known yet, through the first of its owners that lets us.
 * Where none may be asked, the options that such a socket has are forbidden; where it is gone, or
 * no process holds it, they stay absent. *ret_refused tells the first of these. */
void sockopts_read(struct sockopts *o, struct net_socket *s, bool *ret_refused);
/* What a socket's reach depends on, where the table that it is from doesn't tell: the device that
 * *s is bound to (ifindex, and the scope of link-local addresses), which is forbidden so far, as it
 * stays where no owner lets us ask; and v6only. */
void sockopts_read_binding(struct sockopts *o, struct net_socket *s);
/* Marks the options that aren't known as forbidden, for a row whose owners may not be seen. */
bool sockopts_forbid(struct net_socket *s);
