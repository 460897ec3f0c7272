#include "net/pairs.h"

#include <errno.h>
#include <string.h>

void net_pairs_init(struct net_pairs *p)
{
    *p = (struct net_pairs){.sockets = VEC_INIT(const struct net_socket *)};
}

void net_pairs_clear(struct net_pairs *p)
{
    vec_free(&p->sockets);
    hash_free(&p->by_netns);
    hash_free(&p->by_ends);
}

static bool is_unix(const struct net_socket *s)
{
    return NET_KINDS_UNIX >> s->kind & 1;
}

/* FNV-1a over the plain address and the port. Equal keys are checked against the sockets. */
static uint64_t add_end(uint64_t h, const struct net_addr *addr, uint32_t port)
{
    struct net_addr plain = net_addr_unmap(addr);
    for (size_t i = 0; i < sizeof plain.bytes; i++)
        h = (h ^ plain.bytes[i]) * 0x100000001b3u;
    return (h ^ port) * 0x100000001b3u;
}

struct ends {
    const struct net_addr *near, *far;
    uint32_t near_port, far_port;
    uint64_t near_inode;
};

static uint64_t key_of(const struct net_socket *s, const struct ends *e, uint64_t netns)
{
    uint64_t h = 0xcbf29ce484222325u ^ s->kind;
    if (is_unix(s))
        return h ^ e->near_inode << 8;
    return add_end(add_end(h, e->near, e->near_port), e->far, e->far_port) ^ netns;
}

static struct ends own_ends(const struct net_socket *s)
{
    return (struct ends){&s->local, &s->peer, s->local_port, s->peer_port, s->inode};
}

static struct ends mirrored_ends(const struct net_socket *s)
{
    return (struct ends){&s->peer, &s->local, s->peer_port, s->local_port, s->peer_inode};
}

static bool is_connected(const struct net_socket *s)
{
    return is_unix(s) ? s->inode != 0 : s->local.family && s->peer_port;
}

int net_pairs_add(struct net_pairs *p, const struct net_socket *s)
{
    if (!is_connected(s))
        return 0;
    struct ends ends = own_ends(s);
    uint64_t *in_netns = hash_put(&p->by_netns, key_of(s, &ends, s->netns), NULL);
    uint64_t *anywhere = hash_put(&p->by_ends, key_of(s, &ends, 0), NULL);
    if (!in_netns || !anywhere || vec_add(&p->sockets, &s) < 0)
        return -ENOMEM;
    *in_netns = *anywhere = p->sockets.len;
    return 0;
}

static bool same_end(const struct net_addr *a, uint32_t a_port, const struct net_addr *b,
                     uint32_t b_port)
{
    struct net_addr x = net_addr_unmap(a), y = net_addr_unmap(b);
    return a_port == b_port && memcmp(x.bytes, y.bytes, sizeof x.bytes) == 0;
}

static bool are_ends(const struct net_socket *a, const struct net_socket *b)
{
    if (a == b || a->kind != b->kind)
        return false;
    if (is_unix(a))
        return a->peer_inode && a->peer_inode == b->inode;
    return same_end(&a->local, a->local_port, &b->peer, b->peer_port) &&
           same_end(&a->peer, a->peer_port, &b->local, b->local_port);
}

static const struct net_socket *look_up(const struct net_pairs *p, const struct hash *in,
                                        uint64_t key, const struct net_socket *s)
{
    const uint64_t *at = hash_get(in, key);
    if (!at)
        return NULL;
    const struct net_socket *found;
    memcpy(&found, vec_at(&p->sockets, *at - 1), sizeof found);
    return are_ends(s, found) ? found : NULL;
}

const struct net_socket *net_pairs_far_end(const struct net_pairs *p, const struct net_socket *s)
{
    if (!is_connected(s) || (is_unix(s) && !s->peer_inode))
        return NULL;
    struct ends ends = mirrored_ends(s);
    const struct net_socket *found = look_up(p, &p->by_netns, key_of(s, &ends, s->netns), s);
    if (found || is_unix(s) || net_addr_is_loopback(&s->local))
        return found;
    return look_up(p, &p->by_ends, key_of(s, &ends, 0), s);
}
