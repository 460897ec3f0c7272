#include "cmd/socket_view.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/time.h"
#include "kernel/links.h"
#include "kernel/netns.h"

/* The interfaces of one network namespace. */
struct view_netns {
    uint64_t inode;
    struct vec interfaces; /* struct net_iface; owned where `own` */
    bool own;
};

void socket_view_init(struct socket_view *v, bool live)
{
    *v = (struct socket_view){
        .namespaces = VEC_INIT(struct view_netns),
        .known_namespaces = VEC_INIT(struct net_namespace),
        .boot_ns = time_boot_ns(),
        .live = live,
    };
    facts_init(&v->lasting);
}

void socket_view_clear(struct socket_view *v)
{
    for (size_t i = 0; i < v->namespaces.len; i++) {
        struct view_netns *n = vec_at(&v->namespaces, i);
        if (n->own)
            links_free(&n->interfaces);
    }
    vec_free(&v->namespaces);
    vec_free(&v->known_namespaces);
    facts_clear(&v->lasting);
}

/* A row and its socket in one piece. */
struct lasting_row {
    struct socket_row row;
    struct net_socket socket;
};

struct socket_row *socket_row_copy(const struct socket_row *row)
{
    struct lasting_row *copy = malloc(sizeof *copy);
    if (!copy || facts_copy_socket(&row->view->lasting, row->socket, &copy->socket) < 0) {
        free(copy);
        return NULL;
    }
    copy->row = *row;
    copy->row.socket = &copy->socket;
    return &copy->row;
}

void socket_row_free(struct socket_row *row)
{
    if (!row)
        return;
    struct lasting_row *copy = (struct lasting_row *)row;
    net_socket_copy_free(&copy->socket);
    free(copy);
}

int socket_view_add_interfaces(struct socket_view *v, uint64_t netns, const struct net_iface *all,
                               uint32_t n)
{
    struct view_netns borrowed = {
        .inode = netns,
        .interfaces = {.items = (void *)all, .len = n, .item_size = sizeof *all},
    };
    return vec_add(&v->namespaces, &borrowed);
}

const struct net_namespace *socket_view_namespace(struct socket_view *v, uint64_t inode)
{
    uint32_t hidden;
    if (v->live && !v->namespaces_asked)
        (void)netns_list(&v->known_namespaces, &hidden); /* without it they have numbers only */
    v->namespaces_asked = true;
    for (size_t i = 0; i < v->known_namespaces.len; i++) {
        const struct net_namespace *n = vec_at(&v->known_namespaces, i);
        if (n->inode == inode)
            return n;
    }
    return NULL;
}

static void read_interfaces(uint64_t netns, struct vec *ret)
{
    uint64_t own;
    struct netns_visit visit = {.home = -1};
    _cleanup_fd_ int fd = -1;
    if (netns && netns_self(&own) == 0 && own != netns) {
        fd = netns_open_inode(netns, NULL);
        if (fd < 0 || netns_enter(&visit, fd, NULL) < 0)
            return;
    }
    (void)links_read(ret, NULL);
    (void)netns_leave(&visit, NULL); /* source_read tells if it is still elsewhere at its end */
}

/* The interfaces beside a socket; read the first time that a namespace is seen. Of a namespace that
 * can't be entered there are none, and reach then speaks of addresses only. */
static const struct vec *view_interfaces(struct socket_view *v, const struct net_socket *s)
{
    static const struct vec none;
    for (size_t i = 0; i < v->namespaces.len; i++) {
        struct view_netns *n = vec_at(&v->namespaces, i);
        if (n->inode == s->netns)
            return &n->interfaces;
    }
    if (!v->live)
        return &none;
    struct view_netns *n = vec_push(&v->namespaces);
    if (!n)
        return &none;
    *n = (struct view_netns){
        .inode = s->netns, .interfaces = VEC_INIT(struct net_iface), .own = true};
    read_interfaces(s->netns, &n->interfaces);
    return &n->interfaces;
}

void socket_row_describe_reach(struct buf *out, const struct socket_row *row)
{
    if (!net_socket_is_listener(row->socket))
        return;
    const struct vec *interfaces = view_interfaces(row->view, row->socket);
    net_reach_describe(out, row->socket, interfaces->items, (uint32_t)interfaces->len);
}

enum net_reach socket_row_reach(const struct socket_row *row)
{
    if (!net_socket_is_listener(row->socket))
        return NET_REACH_NONE;
    const struct vec *interfaces = view_interfaces(row->view, row->socket);
    return net_reach_of(row->socket, interfaces->items, (uint32_t)interfaces->len);
}

static const struct {
    const char *word, *phrase;
} detached_names[] = {
    [NET_ATTACHED] = {NULL, NULL},
    [NET_TIME_WAITING] = {"time-wait", "(time wait)"},
    [NET_REQUEST] = {"request", "(handshake)"},
    [NET_IN_QUEUE] = {"in-queue", "(accept queue)"},
    [NET_ORPHAN] = {"orphan", "(orphan)"},
    [NET_OF_KERNEL] = {"kernel", "(kernel)"},
    [NET_DETACHED_UNCLEAR] = {"unclear", "(not found)"},
};

const char *socket_detached_name(enum net_detached d)
{
    return detached_names[d].word;
}

static void describe_owner(struct buf *out, const struct net_owner *o)
{
    if (o->process)
        buf_str(out, o->process->comm);
    buf_char(out, '[');
    buf_i64(out, o->pid);
    buf_str(out, "]/");
    buf_i64(out, o->fd);
}

void socket_row_describe_owners(struct buf *out, const struct net_socket *s)
{
    for (uint32_t i = 0; i < s->n_owners; i++) {
        if (i)
            buf_str(out, ", ");
        describe_owner(out, &s->owners[i]);
    }
    if (s->n_owners == 0) {
        const char *phrase = detached_names[s->detached].phrase;
        buf_str(out, phrase ? phrase : "(no process)");
    }
}
