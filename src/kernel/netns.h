/* Network namespaces: finding them, and reading in another one.
 *
 * A namespace is known by its inode number; it may have a name in /run/netns, and processes in it.
 * Entering one is an act of the calling thread alone, and ends with coming back: a thread that
 * stays elsewhere would tell one namespace's sockets as another's.
 */
#pragma once
#include <stdint.h>

struct err;
struct net_namespace;
struct vec;

/* The inode of the caller's own, and of an open one. 0 or a negative errno. */
int netns_self(uint64_t *ret_inode);
int netns_inode(int fd, uint64_t *ret_inode);

/* All that have a name in /run/netns or a process that may be seen in them, the caller's own first,
 * as struct net_namespace. *ret_hidden: how many processes' namespaces could not be seen. 0 or a
 * negative errno. */
int netns_list(struct vec *ret, uint32_t *ret_hidden);

/* Opens one: by its name in /run/netns, a path with a slash, its inode number, or a process in it
 * ("812", "pid:812"). An open descriptor, or a negative errno with *e filled. */
int netns_open(const char *text, struct err *e);
int netns_open_pid(int32_t pid, struct err *e);
int netns_open_inode(uint64_t inode, struct err *e);
/* One that netns_list gave, by what it is known by, or by searching anew. */
int netns_open_listed(const struct net_namespace *ns, struct err *e);

/* Goes into another, keeping the way back; does nothing if it is the caller's own. */
struct netns_visit {
    int home; /* -1: never left */
};
int netns_enter(struct netns_visit *v, int fd, struct err *e);
/* Comes back. On failure (-errno, *e filled) the thread must read no more: the program should end.
 */
int netns_leave(struct netns_visit *v, struct err *e);
