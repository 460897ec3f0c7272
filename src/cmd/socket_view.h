/* Sockets as rows: the columns that `list`, `who` and others show, and what they need to be filled.
 *
 * A row is one socket seen through a view: the view holds what rows share (the interfaces that
 * decide who can reach a listener, the time, the far ends). Each column says which details a source
 * must read for it, so that nothing is read that nobody looks at.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/vec.h"
#include "net/facts.h"
#include "net/iface.h"
#include "net/reach.h"
#include "net/socket.h"
#include "render/render.h"

struct reverse;

struct socket_view {
    struct vec namespaces; /* struct view_netns: interfaces read so far */
    struct vec
        known_namespaces; /* struct net_namespace: names and pids, once asked for, or saved */
    bool namespaces_asked;
    uint64_t boot_ns;        /* now, since boot */
    struct facts lasting;    /* the processes of copied rows */
    bool live;               /* interfaces may be read from this host */
    struct reverse *reverse; /* names of hosts and services, borrowed; NULL: none */
    bool names;              /* tables show ends by these */
};

struct socket_row {
    const struct net_socket *socket;
    struct socket_view *view;
    bool matches;                     /* the filter, if any */
    const struct net_socket *far_end; /* with --ends: the socket at the other end, or NULL */
};

/* A copy that lasts as long as the view, with its socket; NULL without memory. */
struct socket_row *socket_row_copy(const struct socket_row *row);
void socket_row_free(struct socket_row *row);

void socket_view_init(struct socket_view *v, bool live);
void socket_view_clear(struct socket_view *v);
/* Gives the interfaces of a namespace (copied from facts); the view borrows them. */
int socket_view_add_interfaces(struct socket_view *v, uint64_t netns, const struct net_iface *all,
                               uint32_t n);

/* What people call a namespace: its name in /run/netns, else a process in it ("pid 812"); NULL if
 * neither is known. Valid as long as the view. */
const struct net_namespace *socket_view_namespace(struct socket_view *v, uint64_t inode);

/* All columns, in their documented order. */
const struct render_column *socket_columns(size_t *ret_n);
/* Those of n keys, each of which must be one of socket_columns. */
void socket_columns_pick(struct render_column *ret, const char *const *keys, size_t n);
/* The source_detail bits that a field and a column need. */
uint32_t socket_field_detail(enum net_field f);
uint32_t socket_column_detail(const struct render_column *c);

enum net_reach socket_row_reach(const struct socket_row *row);
/* Who can reach a listener, in words; appends nothing for what is no listener. */
void socket_row_describe_reach(struct buf *out, const struct socket_row *row);
/* How good that is, as a colour. */
enum render_style socket_row_reach_style(const struct socket_row *row);
/* "nginx[812]/6, nginx[813]/6", or in parentheses why there is none. */
void socket_row_describe_owners(struct buf *out, const struct net_socket *s);
/* The stable word for that: "time-wait", "in-queue" …; NULL for NET_ATTACHED. */
const char *socket_detached_name(enum net_detached d);
