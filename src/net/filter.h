/* The filter language: which sockets a user asks for.
 *
 * The whole expression language of ss(8), and berth's own fields. Text becomes a tree (parse), a
 * tree answers for one socket (match), and its shape can be walked, so that src/kernel can hand to
 * the kernel what the kernel can decide. Pure: names of hosts, services and users are resolved by
 * callbacks that the caller gives.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/reach.h"
#include "net/socket.h"

struct buf;
struct net_filter;

struct net_filter_names {
    void *ctx;
    /* A host name's addresses; returns their number (at most max), or a negative errno. */
    int (*host)(void *ctx, const char *name, struct net_addr *ret, size_t max);
    /* A service's port for a protocol ("tcp", "udp", NULL any); 0 or -ENOENT. */
    int (*service)(void *ctx, const char *name, const char *protocol, uint16_t *ret);
    int (*user)(void *ctx, const char *name, uint32_t *ret_uid);
    int (*device)(void *ctx, const char *name, uint32_t *ret_ifindex);
    int (*cgroup)(void *ctx, const char *path, uint64_t *ret_id);
    /* A network namespace by name, or "pid:N"; its inode. */
    int (*netns)(void *ctx, const char *name, uint64_t *ret_inode);
    /* Who can reach a socket, by the interfaces beside it; NULL: nobody knows. It is asked while
     * matching, so that ctx must outlive the filter. */
    enum net_reach (*reach)(void *ctx, const struct net_socket *s);
    uint64_t now_ns;                /* since boot: what `age` counts to; 0: ages are unknown */
    uint16_t auto_first, auto_last; /* ip_local_port_range, for autobound; 0, 0: the default */
};

struct net_filter_fault {
    size_t at, len;    /* where in the text, for the caret */
    char message[160]; /* lower case, no full stop; has words of the user: escape it to print */
};

/* Parses the words joined by blanks; newlines are blanks, # at the start of a word begins a comment
 * to the end of its line. The grammar is told in berth-filter(7). names may be NULL or have NULL
 * members: such names are then faults. 0 and *ret (owned: net_filter_free), or -EINVAL with
 * *ret_fault filled, or -ENOMEM. */
int net_filter_parse(const char *text, const struct net_filter_names *names,
                     struct net_filter **ret, struct net_filter_fault *ret_fault);
void net_filter_free(struct net_filter *f); /* NULL is fine */
/* The three lines that show a fault: message, text, caret. Safe for a terminal. */
void net_filter_explain_fault(struct buf *out, const char *text, const struct net_filter_fault *f);

/* A bare word that was taken for a process's name, though it is nearly a protocol, a family or a
 * state: worth telling where nothing matched. False: there is none. */
bool net_filter_slip(const struct net_filter *f, const char **ret_written, const char **ret_meant);

enum net_match { NET_MATCH_NO, NET_MATCH_YES, NET_MATCH_UNKNOWN /* needs what may not be seen */ };
/* Never allocates, but inside the C library's regexec for `~`. Owners that are neither known nor
 * forbidden count as unknown, so that a source may ask before it has looked for owners: NO is final
 * then. */
enum net_match net_filter_match(const struct net_filter *f, const struct net_socket *s);

/* What a source must read to answer: kinds, states and families that can match at all, and a mask
 * of fields and owners' facts that the expression asks about. */
struct net_filter_needs {
    /* Masks as in struct source_query: sockets outside of them can't match. 0: nothing can. */
    uint32_t kinds, states, families;
    bool kinds_named;     /* the expression itself chose kinds: no default then */
    uint32_t kinds_meant; /* what to read where nobody chose kinds beside the expression: of `unix
                             or :53` UNIX sockets and the default ones, though TIPC has ports too */
    struct net_fieldset fields;
    bool owners, cmdline, process;
};
void net_filter_needs(const struct net_filter *f, struct net_filter_needs *ret);

/* The tree, for translators. Nodes are owned by the filter. */
enum net_filter_op {
    NET_FILTER_AND,
    NET_FILTER_OR,
    NET_FILTER_NOT,
    NET_FILTER_TRUE,
    NET_FILTER_KIND,  /* masks.kinds and masks.families (0: any) */
    NET_FILTER_STATE, /* masks.states */
    NET_FILTER_HOST,  /* end, prefix, port range (0–65535: any); only of kinds with ports */
    NET_FILTER_PATH,  /* text, a pattern in any case with * ? [..] and \\: a UNIX socket's own name
                       */
    NET_FILTER_AUTOBOUND, /* by the port's range. The kernel's own answer (INET_DIAG_BC_AUTO) is
                             another, so that neither it nor its negation may be handed down */
    NET_FILTER_REACH,     /* mask of 1 << enum net_reach */
    NET_FILTER_DEVICE,    /* number: ifindex */
    NET_FILTER_MARK,      /* number, mask */
    NET_FILTER_CGROUP,    /* number: id */
    NET_FILTER_ID,        /* end, number: vsock CID, netlink port id, packet ifindex */
    NET_FILTER_FIELD,     /* field, relation, number or text (signed numbers as their bits) */
    NET_FILTER_OWNER,     /* owner_key, relation, number or text */
};

enum net_filter_relation { NET_EQ, NET_NE, NET_LT, NET_LE, NET_GT, NET_GE, NET_LIKE /* ~ */ };
enum net_filter_end { NET_LOCAL, NET_PEER, NET_EITHER };
enum net_filter_owner_key {
    NET_OWNER_PID,
    NET_OWNER_FD,
    NET_OWNER_COMM,
    NET_OWNER_CMDLINE,
    NET_OWNER_USER,
    NET_OWNER_UNIT,
    NET_OWNER_CONTAINER,
    NET_OWNER_AGE, /* nanoseconds since the first of its holders started */
};

struct net_filter_node {
    enum net_filter_op op;
    const struct net_filter_node *left, *right; /* of AND, OR; left of NOT */
    enum net_filter_end end;
    enum net_filter_relation relation;
    struct net_prefix prefix; /* addr.family AF_UNSPEC: any address */
    uint32_t port_first, port_last;
    uint32_t kinds, states, families;
    enum net_field field;
    enum net_filter_owner_key owner_key;
    uint64_t number, mask;
    const char *text;
};
const struct net_filter_node *net_filter_root(const struct net_filter *f);
