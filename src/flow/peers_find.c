/* Which peer a datagram is of: its address, and where it came to. */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "flow/peers_impl.h"

/* The table */

/* Only what makes an address: a flow label doesn't (rfc6437). */
static void normalize(struct sockaddr_storage *a)
{
    if (a->ss_family != AF_INET6)
        return;
    struct sockaddr_in6 v6;
    memcpy(&v6, a, sizeof v6);
    v6.sin6_flowinfo = 0;
    memcpy(a, &v6, sizeof v6);
}

static uint32_t hash_bytes(uint32_t hash, const void *bytes, size_t n)
{
    const unsigned char *b = bytes;
    for (size_t i = 0; i < n; i++)
        hash = (hash ^ b[i]) * 16777619; /* FNV-1a, from a secret start */
    return hash ^ hash >> 15;
}

static uint32_t bucket_of(const struct peers *p, const struct peer *heard)
{
    uint32_t hash = hash_bytes(p->seed, &heard->address, heard->address_n);
    hash = hash_bytes(hash, &heard->local, heard->local_n);
    return hash & (p->n_buckets - 1);
}

static bool is_same(const struct peer *a, const struct peer *b)
{
    return a->address_n == b->address_n && a->local_n == b->local_n &&
           memcmp(&a->address, &b->address, a->address_n) == 0 &&
           memcmp(&a->local, &b->local, a->local_n) == 0;
}

struct peer *peers_find(const struct peers *p, const struct peer *heard)
{
    struct peer *peer = p->buckets[bucket_of(p, heard)];
    while (peer && !is_same(peer, heard))
        peer = peer->next;
    return peer;
}

static void enter(struct peers *p, struct peer *peer)
{
    struct peer **head = &p->buckets[bucket_of(p, peer)];
    peer->next = *head;
    peer->at = head;
    if (*head)
        (*head)->at = &peer->next;
    *head = peer;
}

/* Without memory the buckets get longer. */
static void grow(struct peers *p)
{
    uint32_t old_n = p->n_buckets;
    struct peer **old = p->buckets, **wider = calloc(2 * (size_t)old_n, sizeof(struct peer *));
    if (!wider)
        return;
    p->buckets = wider;
    p->n_buckets = 2 * old_n;
    for (uint32_t i = 0; i < old_n; i++)
        for (struct peer *peer = old[i], *next; peer; peer = next) {
            next = peer->next;
            enter(p, peer);
        }
    free(old);
}

void peers_enter(struct peers *p, struct peer *peer)
{
    if (++p->n > p->n_buckets)
        grow(p);
    enter(p, peer);
}

/* Addresses */

static void note_v4(struct peer *heard, const struct in_pktinfo *info)
{
    struct sockaddr_in a;
    memcpy(&a, &heard->local, sizeof a);
    a.sin_addr = info->ipi_spec_dst; /* ours also where it was sent to a group: ip(7) */
    memcpy(&heard->local, &a, sizeof a);
}

static void note_v6(struct peer *heard, const struct in6_pktinfo *info)
{
    struct sockaddr_in6 a;
    if (IN6_IS_ADDR_MULTICAST(&info->ipi6_addr)) {
        heard->device = info->ipi6_ifindex;
        return;
    }
    memcpy(&a, &heard->local, sizeof a);
    a.sin6_addr = info->ipi6_addr;
    if (IN6_IS_ADDR_LINKLOCAL(&a.sin6_addr))
        heard->device = a.sin6_scope_id = info->ipi6_ifindex;
    memcpy(&heard->local, &a, sizeof a);
}

/* Where a datagram came to, of a socket that hears every address. */
static void note_local(struct peer *heard, const struct msghdr *m)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR((struct msghdr *)m, c)) {
        if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO &&
            heard->local.ss_family == AF_INET) {
            struct in_pktinfo info;
            memcpy(&info, CMSG_DATA(c), sizeof info);
            note_v4(heard, &info);
        } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
            struct in6_pktinfo info;
            memcpy(&info, CMSG_DATA(c), sizeof info);
            note_v6(heard, &info);
        }
    }
}

struct peer peers_address_of(struct peers *p, const struct msghdr *m)
{
    struct peer heard = {.peers = p, .local = p->bound, .local_n = p->bound_n};
    heard.address_n = m->msg_namelen;
    memcpy(&heard.address, m->msg_name, m->msg_namelen);
    normalize(&heard.address);
    if (p->everywhere)
        note_local(&heard, m);
    return heard;
}
