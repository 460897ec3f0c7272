#include "predict/holders.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "predict/holders_impl.h"
#include "predict/lookup.h"

static bool is_unix(const struct net_socket *s)
{
    return 1 << s->kind & NET_KINDS_UNIX;
}

/* A packet to the socket's end would get to the listener, if no better one stood there. */
static bool is_same_place(const struct net_socket *listener, const struct net_socket *s)
{
    const struct predict_packet packet = {
        .kind = s->kind, .to = s->local, .to_port = (uint16_t)s->local_port, .ifindex = s->ifindex};
    if (listener->kind != s->kind || listener->local_port != s->local_port ||
        listener->netns != s->netns)
        return false;
    return !s->local.family || predict_may_get(listener, &packet); /* vsock has ports alone */
}

bool predict_may_serve(const struct net_socket *listener, const struct net_socket *s)
{
    if (!is_unix(s))
        return is_same_place(listener, s);
    return listener->kind == s->kind && listener->netns == s->netns && s->path_len &&
           listener->path_len == s->path_len && memcmp(listener->path, s->path, s->path_len) == 0;
}

/* Of UNIX datagram sockets the kernel calls both ends established, whichever has a peer. */
static bool is_connected(const struct net_socket *s)
{
    if (s->kind == NET_UNIX_DGRAM)
        return s->peer_inode;
    return is_unix(s) ? s->state == NET_ESTABLISHED : s->peer_port;
}

bool predict_is_remains(const struct net_socket *s)
{
    return s->detached == NET_TIME_WAITING || s->detached == NET_ORPHAN;
}

enum predict_hold predict_hold_of(const struct net_socket *s,
                                  const struct net_socket *const *listeners, size_t n)
{
    if (net_socket_is_listener(s))
        return PREDICT_HOLD_LISTENS;
    if (predict_is_remains(s))
        return PREDICT_HOLD_REMAINS;
    if (!is_connected(s))
        return PREDICT_HOLD_BOUND;
    for (size_t i = 0; i < n; i++)
        if (predict_may_serve(listeners[i], s))
            return PREDICT_HOLD_SERVES;
    return PREDICT_HOLD_CONNECTED;
}

static struct predict_holder *holder_of(struct predict_holders *h, struct hash *by_pid, int32_t pid,
                                        const struct net_process *process, bool hidden)
{
    bool is_new;
    /* Nobody's sockets and hidden ones stand in two groups of their own. */
    uint64_t key = pid ? (uint64_t)pid : hidden ? UINT64_MAX : 0;
    uint64_t *at = hash_put(by_pid, key, &is_new);
    if (!at)
        return NULL;
    if (is_new) {
        struct predict_holder *made = vec_push(&h->all);
        if (!made)
            return NULL;
        *made = (struct predict_holder){.pid = pid,
                                        .process = process,
                                        .hidden = hidden,
                                        .sockets = VEC_INIT(struct predict_held)};
        *at = h->all.len - 1;
    }
    return vec_at(&h->all, *at);
}

static bool has_socket(const struct predict_holder *h, const struct net_socket *s)
{
    return h->sockets.len &&
           ((const struct predict_held *)vec_at(&h->sockets, h->sockets.len - 1))->socket == s;
}

static int add(struct predict_holder *h, const struct net_socket *s, enum predict_hold hold)
{
    if (!h)
        return -ENOMEM;
    if (has_socket(h, s)) /* a second descriptor of the same process */
        return 0;
    h->counts[hold]++;
    return vec_add(&h->sockets, &(struct predict_held){s, hold});
}

static int add_socket(struct predict_holders *h, struct hash *by_pid, const struct net_socket *s,
                      enum predict_hold hold)
{
    for (uint32_t i = 0; i < s->n_owners; i++) {
        const struct net_owner *o = &s->owners[i];
        int r = add(holder_of(h, by_pid, o->pid, o->process, false), s, hold);
        if (r < 0)
            return r;
    }
    if (s->n_owners)
        return 0;
    bool hidden = net_socket_forbids(s, NET_F_OWNERS);
    if (hold == PREDICT_HOLD_SERVES && !hidden)
        return 0; /* waits in the accept queue: its listener speaks for it */
    return add(holder_of(h, by_pid, 0, NULL, hidden), s, hold);
}

static int by_rank(const void *a, const void *b)
{
    const struct predict_holder *x = a, *y = b;
    bool x_listens = x->counts[PREDICT_HOLD_LISTENS], y_listens = y->counts[PREDICT_HOLD_LISTENS];
    if (x_listens != y_listens)
        return x_listens ? -1 : 1;
    if (!x->pid != !y->pid)
        return x->pid ? -1 : 1;
    return x->pid < y->pid ? -1 : x->pid > y->pid;
}

int predict_holders_group(struct predict_holders *ret, const struct net_socket *const *sockets,
                          size_t n)
{
    _cleanup_hash_ struct hash by_pid = {0};
    ret->all = VEC_INIT(struct predict_holder);
    _cleanup_vec_ struct vec listeners = VEC_INIT(const struct net_socket *);
    for (size_t i = 0; i < n; i++)
        if (net_socket_is_listener(sockets[i]) && vec_add(&listeners, &sockets[i]) < 0)
            return -ENOMEM;
    for (int first = 1; first >= 0; first--) {
        for (size_t i = 0; i < n; i++) {
            enum predict_hold hold = predict_hold_of(sockets[i], listeners.items, listeners.len);
            if ((hold == PREDICT_HOLD_LISTENS) != first)
                continue;
            int r = add_socket(ret, &by_pid, sockets[i], hold);
            if (r < 0)
                return r;
        }
    }
    if (ret->all.len)
        qsort(ret->all.items, ret->all.len, sizeof(struct predict_holder), by_rank);
    return 0;
}

void predict_holders_clear(struct predict_holders *h)
{
    for (size_t i = 0; i < h->all.len; i++)
        vec_free(&((struct predict_holder *)vec_at(&h->all, i))->sockets);
    vec_free(&h->all);
}
