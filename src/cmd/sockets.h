/* Where the sockets of a command come from: this host by one of the ways, a saved host, or a raw
 * dump; narrowed by a filter in the user's words.
 *
 * `list`, `who`, `free` and others put a struct sockets_arguments into their arguments and
 * SOCKETS_OPTIONS, or some of them, into their tables; sockets_read then gives each socket that
 * matches. What else a command wants to know of the same host it gets by sockets_visit and
 * sockets_sysctl.
 */
#pragma once
#include <stdbool.h>

#include "cli/command.h"
#include "cmd/socket_view.h"
#include "kernel/source.h"
#include "names/users.h"
#include "net/facts.h"
#include "net/filter.h"

struct sockets_arguments {
    int via; /* enum source_via */
    bool all_namespaces;
    const char *netns;   /* a name, a pid or an inode */
    const char *facts;   /* file */
    const char *tcpdiag; /* file */
};

extern const char *const sockets_via_choices[];

/* A command that has no use for some of them takes the others one by one. */
#define SOCKETS_NETNS_OPTION(arguments)           \
    {.name = "netns",                             \
     .type = OPTION_TEXT,                         \
     .field = offsetof(arguments, sockets.netns), \
     .metavar = "NETNS",                          \
     .completes = "netns",                        \
     .group = "Where to look",                    \
     .help = "in one other namespace: its name, its inode, or the pid of a process in it"},
#define SOCKETS_VIA_OPTION(arguments)           \
    {.name = "via",                             \
     .type = OPTION_CHOICE,                     \
     .field = offsetof(arguments, sockets.via), \
     .metavar = "WAY",                          \
     .choices = sockets_via_choices,            \
     .group = "Where to look",                  \
     .help = "how to read the kernel: best, bpf, diag or proc"},
#define SOCKETS_FACTS_OPTION(arguments)           \
    {.name = "facts",                             \
     .type = OPTION_TEXT,                         \
     .field = offsetof(arguments, sockets.facts), \
     .metavar = "FILE",                           \
     .completes = "file",                         \
     .group = "Where to look",                    \
     .help = "read a saved host instead of this one"},

#define SOCKETS_OPTIONS(arguments)                                    \
    {.name = "all-namespaces",                                        \
     .letter = 'N',                                                   \
     .field = offsetof(arguments, sockets.all_namespaces),            \
     .group = "Where to look",                                        \
     .help = "in every network namespace of this host"},              \
        SOCKETS_NETNS_OPTION(arguments) SOCKETS_VIA_OPTION(arguments) \
            SOCKETS_FACTS_OPTION(arguments)

/* A question about sockets, made ready. It stays where it is: the query points into it. */
struct sockets {
    const struct sockets_arguments *arguments;
    struct source_query query;
    struct net_filter *filter; /* NULL: all */
    struct source_report report;
    struct facts facts; /* of --facts */
    struct socket_view view;
    const char *fault_opening; /* of the message on a bad filter; NULL: the usual words */
    bool listeners;            /* only those of net_socket_is_listener */
    bool whole;                /* the sink gets all sockets, those that match are marked */
    bool none;                 /* sockets_read met none that matches */
    bool unknown;              /* the filter met a socket of which it couldn't tell */
    int netns_fd;
    struct users users; /* the names of uids met so far */
};

#define _cleanup_sockets_ __attribute__((cleanup(sockets_clear)))

/* Fills *s from the arguments; the query asks for TCP and UDP in every state, without details.
 * 0, or an exit status after a message. Always to be cleared. */
int sockets_init(struct sockets *s, const struct command *c, const struct sockets_arguments *a);
void sockets_clear(struct sockets *s);

/* Takes the filter's text, and narrows the query to what can match. kinds_chosen: the kinds in the
 * query stand, else those that the text names. 0, or EXIT_USAGE after a message. */
int sockets_filter(struct sockets *s, const char *text, bool kinds_chosen);

/* Calls the sink for every socket that matches. 0, the sink's non-zero answer, or a negative errno
 * with *e filled. */
typedef int sockets_sink(void *ctx, const struct socket_row *row);
int sockets_read(struct sockets *s, sockets_sink *sink, void *ctx, struct err *e);

/* Calls read with the thread in the network namespace that is asked about, and comes back. Not for
 * saved hosts. 0, or a negative errno with *e filled. */
int sockets_visit(const struct sockets *s, int (*read)(void *ctx, struct err *e), void *ctx,
                  struct err *e);
/* A setting there, or of the saved host, into an emptied *into. 0, -ENOENT (it isn't known),
 * -EACCES (it may not be read), or another negative errno. */
int sockets_sysctl(const struct sockets *s, const char *name, struct buf *into);
/* A saved host may have sockets of several namespaces: is this one in another than the one whose
 * interfaces and settings were saved? */
bool sockets_is_elsewhere(const struct sockets *s, const struct net_socket *socket);

/* Its notes, one line each on stderr. True if one is for lack of permission. */
bool sockets_tell_report(const struct source_report *r);

/* What couldn't be read, one line each on stderr. True if for lack of permission. */
bool sockets_tell_notes(const struct sockets *s);
