/* Asking the kernel over netlink: one socket, one request at a time, each answer checked.
 *
 * Knows how a dump runs (parts, the end, an error, an interruption, a full buffer) and nothing of
 * what the messages mean. A handler gets each message whole: its length lies inside what was
 * received, its sequence number is the request's, its sender is the kernel. Attributes are read
 * with kernel/attrs.h. See netlink(7) and include/linux/netlink.h.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <linux/netlink.h>

struct err;
struct mnl_socket;

enum {
    /* The kernel fills at most 32 KiB at a time, however large the reader's buffer is
     * (netlink_dump in net/netlink/af_netlink.c). */
    NETLINK_BUFFER_SIZE = 32 << 10,
    NETLINK_TRIES = 5, /* how often a request is asked at most */
};

/* Receives one datagram: its size (more than n if it was cut), or -1 and errno. Tests put their
 * own in the place of the one that netlink_open sets. */
struct netlink;
typedef ssize_t netlink_receive(struct netlink *n, void *bytes, size_t size);

struct netlink {
    struct mnl_socket *socket;
    int fd; /* of socket; -1: closed */
    int bus;
    uint32_t sequence;
    bool pending; /* an answer wasn't read to its end: the next request opens a new socket */
    netlink_receive *receive;
    void *receive_ctx; /* for the tests' receive */
    char *buffer;      /* NETLINK_BUFFER_SIZE */
};

#define _cleanup_netlink_ __attribute__((cleanup(netlink_close)))
#define NETLINK_CLOSED \
    (struct netlink)   \
    {                  \
        .fd = -1       \
    }

/* Opens a socket on NETLINK_SOCK_DIAG, NETLINK_ROUTE …, in the thread's network namespace,
 * close-on-exec. 0 or a negative errno with *e filled. */
int netlink_open(struct netlink *n, int bus, struct err *e);
void netlink_close(struct netlink *n); /* a closed one is fine; preserves errno */

struct netlink_reader {
    /* One message of the answer (never NLMSG_DONE, NLMSG_ERROR or NLMSG_NOOP). 0 to go on; anything
     * else ends the reading and is returned. */
    int (*message)(void *ctx, const struct nlmsghdr *m);
    /* The answer was broken off and is asked for again: what came so far will come once more. */
    void (*restart)(void *ctx);
    void *ctx;
};

/* Sends a request (nlmsg_seq and nlmsg_flags are set here) with NLM_F_DUMP and reads the answer.
 *
 * If the kernel marks the answer as interrupted (NLM_F_DUMP_INTR: it changed under way), or the
 * receive buffer overflows (ENOBUFS: it is made larger), restart is called and the request is asked
 * again, NETLINK_TRIES times at most. The last time an interrupted answer is handed over all the
 * same, and the result is -EINTR: everything was seen, but perhaps not of one moment.
 *
 * 0, the handler's own answer, or a negative errno with *e filled: the kernel's (-ENOENT: nobody
 * answers such requests here, as when the module is missing; -EOPNOTSUPP; -EPERM …), -ENOBUFS, or
 * -EBADMSG for a malformed answer. */
int netlink_dump(struct netlink *n, struct nlmsghdr *request, const struct netlink_reader *reader,
                 struct err *e);

/* The same for a request with a single answer, or none: with NLM_F_ACK, so that its end is known.
 * flags are added (NLM_F_…). */
int netlink_ask(struct netlink *n, struct nlmsghdr *request, uint16_t flags,
                const struct netlink_reader *reader, struct err *e);

/* Walks the messages in n bytes: calls message for each until NLMSG_DONE, NLMSG_ERROR or a non-zero
 * answer. Returns 0 when all were well formed and seen, NETLINK_DONE at the first NLMSG_DONE,
 * -EBADMSG, the kernel's error, or the handler's answer. For answers that were saved; netlink_dump
 * uses it too. */
enum { NETLINK_DONE = 1 << 30 };
struct netlink_walk {
    uint32_t sequence; /* others are passed over; 0: any */
    bool interrupted;  /* set at NLM_F_DUMP_INTR; then messages are held back … */
    bool whatever;     /* … unless this is set */
    bool stopped;      /* set when the result is the handler's own answer */
    bool ended;        /* set when the kernel had said its last word, an error or not */
    char text[96];     /* the kernel's own words on its error, or "" */
};
int netlink_walk(struct netlink_walk *w, const void *bytes, size_t n,
                 const struct netlink_reader *reader);
