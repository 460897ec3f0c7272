/* Listeners stand in the order of their ports, so that a socket meets only those of its own. */
#include <errno.h>
#include <stdlib.h>

#include "predict/holders.h"
#include "predict/holders_impl.h"

struct predict_client_count {
    const struct net_socket *listener;
    uint32_t n;
};

static int by_port(const void *a, const void *b)
{
    const struct predict_client_count *x = a, *y = b;
    uint32_t p = x->listener->local_port, q = y->listener->local_port;
    return p < q ? -1 : p > q;
}

int predict_clients_init(struct predict_clients *ret, const struct net_socket *const *sockets,
                         size_t n)
{
    ret->counts = VEC_INIT(struct predict_client_count);
    for (size_t i = 0; i < n; i++)
        if (sockets[i]->state == NET_LISTEN &&
            vec_add(&ret->counts, &(struct predict_client_count){sockets[i], 0}) < 0)
            return -ENOMEM;
    if (ret->counts.len)
        qsort(ret->counts.items, ret->counts.len, sizeof(struct predict_client_count), by_port);
    return 0;
}

void predict_clients_clear(struct predict_clients *c)
{
    vec_free(&c->counts);
}

static struct predict_client_count *count_at(const struct predict_clients *c, size_t i)
{
    return vec_at(&c->counts, i);
}

/* The first listener of a port, or of a higher one. */
static size_t first_of(const struct predict_clients *c, uint32_t port)
{
    size_t low = 0, high = c->counts.len;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (count_at(c, middle)->listener->local_port < port)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Closed by its program, whether the row says so or only looks so. */
static bool is_over(const struct net_socket *s)
{
    const uint32_t closing = 1u << NET_TIME_WAIT | 1u << NET_FIN_WAIT1 | 1u << NET_FIN_WAIT2 |
                             1u << NET_LAST_ACK | 1u << NET_CLOSING;
    return predict_is_remains(s) || (!s->inode && closing >> s->state & 1);
}

static bool is_client(const struct net_socket *s)
{
    if (1 << s->kind & NET_KINDS_UNIX)
        return s->state == NET_ESTABLISHED;
    return s->peer_port && s->state != NET_LISTEN && !is_over(s);
}

void predict_clients_see(struct predict_clients *c, const struct net_socket *s)
{
    if (!is_client(s))
        return;
    for (size_t i = first_of(c, s->local_port); i < c->counts.len; i++) {
        struct predict_client_count *count = count_at(c, i);
        if (count->listener->local_port != s->local_port)
            return;
        count->n += predict_may_serve(count->listener, s);
    }
}

uint32_t predict_clients_of(const struct predict_clients *c, const struct net_socket *listener)
{
    for (size_t i = first_of(c, listener->local_port); i < c->counts.len; i++)
        if (count_at(c, i)->listener == listener)
            return count_at(c, i)->n;
    return 0;
}
