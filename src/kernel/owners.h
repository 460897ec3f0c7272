/* Which process holds which socket, from /proc.
 *
 * One walk over the descriptors of every process gives a compact map from a socket's inode to its
 * holders, in the order of their pids. What could not be looked into is counted, so that "nobody
 * holds it" and "its holder may not be seen" stay two different answers.
 *
 * A thread may have descriptors of its own (unshare(2) with CLONE_FILES), or live on when the first
 * one has ended. That is rare, and looking at every thread of a host is dear, so the threads are
 * looked at when a socket is asked for that no process was found to hold: once. A socket that one
 * process holds and another's lone thread too shows the first alone.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "net/socket.h"

struct err;
struct owners;
struct source_query;

#define _cleanup_owners_ __attribute__((cleanup(owners_free)))

/* Whether the query asks for what only the holders' processes tell. */
bool owners_wanted(const struct source_query *q);

/* Walks /proc. Of the query, detail and user_name are used, and stay borrowed. 0 or a negative
 * errno with *e filled. */
int owners_read(const struct source_query *q, struct owners **ret, struct err *e);
void owners_free(struct owners **o);

enum owners_answer {
    OWNERS_FOUND,
    OWNERS_NONE,   /* nobody holds it */
    OWNERS_HIDDEN, /* none was found, and not every process could be looked into */
    OWNERS_NO_MEMORY
};

/* The holders of a socket, valid until the next call. */
enum owners_answer owners_find(struct owners *o, uint64_t inode, const struct net_owner **ret,
                               uint32_t *ret_n);

/* Those that owners_find wasn't asked for so far, in the order of their processes: adds the last
 * holder of each to *ret (struct owners_socket). 0 or -ENOMEM. */
struct owners_socket {
    uint64_t inode;
    int32_t pid, fd;
};
struct vec;
int owners_unasked(struct owners *o, struct vec *ret);

/* Adds to a process that another way has met what the query asks for; the result lives as long as
 * *o. NULL without memory. */
const struct net_process *owners_complete(struct owners *o, const struct net_process *p);
/* The same map without a walk: for owners_complete alone. */
int owners_new(const struct source_query *q, struct owners **ret, struct err *e);

/* A holder met by hand, for tests and for other ways of finding them. 0 or -ENOMEM. */
int owners_add(struct owners *o, uint64_t inode, const struct net_process *p, int32_t fd);

/* Whether there are processes that can't be looked at: for a map without a walk, which is blind to
 * none until this was asked. Costs a look at each process, once. */
bool owners_may_hide(struct owners *o);

/* Why some may be hidden: processes that refused, and whether there are others that aren't even
 * listed here (hidepid, a pid namespace). */
struct owners_blind {
    uint32_t refused;
    uint32_t
        closed; /* of these, met in a walk: not even the list of their descriptors may be read */
    bool hidepid, pid_namespace, no_proc;
};
void owners_blind(const struct owners *o, struct owners_blind *ret);
