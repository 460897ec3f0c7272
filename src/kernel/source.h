/* Reading the sockets of the running kernel, one by one, into a sink.
 *
 * Three ways lead to the same rows: BPF (root), sock_diag with /proc and pidfd_getfd, and /proc
 * alone. source_read chooses the best that works here, or the one that was asked for; what a way
 * can't know stays absent or forbidden in the row, and a note tells what would show it.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/vec.h"
#include "net/socket.h"

struct err;
struct net_filter;

enum source_via { SOURCE_BEST, SOURCE_BPF, SOURCE_DIAG, SOURCE_PROC };

/* What a reader wants to know beyond addresses, state, queues, uid, inode, cookie, namespace. Each
 * costs something, so each is asked for. */
enum source_detail {
    SOURCE_OWNERS = 1 << 0,  /* pid and fd, comm, uid, start time of each holder */
    SOURCE_CMDLINE = 1 << 1, /* the holders' command lines */
    SOURCE_PROCESS = 1 << 2, /* exe, cwd, cgroup, unit, container */
    SOURCE_OPTIONS = 1 << 3, /* reuseaddr … congestion */
    SOURCE_TIMERS = 1 << 4,
    SOURCE_MEMORY = 1 << 5,   /* rmem … drops */
    SOURCE_TCP_INFO = 1 << 6, /* rtt … busy */
    SOURCE_CGROUP = 1 << 7,   /* the socket's own control group */
    SOURCE_COOKIE = 1 << 8,   /* the cookie also where none was given to the socket so far */
    SOURCE_DEVICE = 1 << 9,   /* the device also of what doesn't listen, where /proc/net is read */
};

enum source_scope {
    SOURCE_THIS_NETNS, /* the caller's */
    SOURCE_ALL_NETNS,  /* every one that a process is in, or that has a name in /run/netns */
    SOURCE_ONE_NETNS,  /* netns_fd */
};

struct source_query {
    enum source_via via;
    uint32_t kinds;      /* mask of 1 << enum net_kind */
    uint32_t states;     /* mask of 1 << enum net_state */
    uint32_t families;   /* of IP: mask of 1 << AF_INET | 1 << AF_INET6 (bits 2 and 10) */
    uint32_t detail;     /* mask of enum source_detail */
    bool as_listed;      /* by SOURCE_PROC alone: in the order of the files, listeners not first */
    uint16_t local_port; /* of TCP and UDP: others may be left out; 0 any */
    enum source_scope scope;
    int netns_fd; /* borrowed */
    /* Names a uid for net_process.user; NULL: no names. The text must outlive the read. */
    const char *(*user_name)(void *ctx, uint32_t uid);
    void *user_ctx;
    uint32_t named;                  /* kinds that were asked for one by one: it is noted if this
                                        kernel has none of them */
    const struct net_filter *filter; /* may be NULL; what the kernel can filter, it filters. The
                                        sink must apply the filter all the same. */
};

/* Called once a socket. 0 to go on; anything else ends the read and is returned. */
typedef int source_sink(void *ctx, const struct net_socket *s);

/* What could not be read, for one line on stderr each. */
struct source_note {
    bool permission; /* for lack of permission: the exit status may depend on it */
    char text[192];
};

struct source_report {
    enum source_via via; /* what was used in the end */
    struct vec notes;    /* struct source_note */
};

void source_report_init(struct source_report *r);
void source_report_clear(struct source_report *r);
/* Adds a note, once for each text. */
void source_report_note(struct source_report *r, bool permission, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Listeners (net_socket_is_listener) of all kinds come first, then everything else, and last what
 * only a descriptor leads to (unlisted.h). 0, the sink's
 * non-zero answer, or a negative errno with *e filled. */
int source_read(const struct source_query *q, source_sink *sink, void *ctx,
                struct source_report *report, struct err *e);
