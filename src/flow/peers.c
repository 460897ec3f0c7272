#include "flow/peers.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/fd.h"
#include "flow/peers_impl.h"

enum { BATCH = 32, BATCH_BYTES = BATCH * DGRAM_ROOM, FIRST_BUCKETS = 64, AGAIN_NS = 2000000 };

/* A datagram that waits, or a run of equal ones. */
struct peer_piece {
    struct peer_piece *next;
    uint32_t n, segment;
    char bytes[];
};

struct control {
    alignas(struct cmsghdr) char bytes[CMSG_SPACE(sizeof(struct in6_pktinfo)) +
                                       CMSG_SPACE(sizeof(int))];
};

/* What one call of recvmmsg fills; pages that no datagram was written to cost nothing. */
struct peers_batch {
    struct mmsghdr messages[BATCH];
    struct iovec vectors[BATCH];
    struct sockaddr_storage names[BATCH];
    struct control controls[BATCH];
    int n; /* fewer of UNIX, which may be longer than any of UDP */
    size_t room;
    char bytes[BATCH_BYTES];
};

/* A peer's stream */

static struct peer_piece *drop_piece(struct peer *peer)
{
    struct peer_piece *piece = peer->first;
    peer->first = piece->next;
    if (!peer->first)
        peer->end = &peer->first;
    peer->queued -= piece->n;
    if (peer->peers)
        peer->peers->queued -= piece->n;
    peer->first_at = 0;
    free(piece);
    return peer->first;
}

/* As many as fit: one is only cut where there is room for less than it alone. */
static ssize_t read_bytes(struct peer *peer, char *to, size_t n)
{
    size_t done = 0;
    while (peer->first) {
        struct peer_piece *piece = peer->first;
        size_t left = piece->n - peer->first_at, take = left < n - done ? left : n - done;
        if (done && take < left)
            break;
        memcpy(to + done, piece->bytes + peer->first_at, take);
        done += take;
        peer->first_at += take;
        if (take == left)
            drop_piece(peer);
    }
    return (ssize_t)done;
}

static ssize_t read_datagram(struct peer *peer, char *to, size_t n)
{
    while (peer->first && peer->first->n == 0) {
        dgram_pass_empty(&peer->dgram);
        drop_piece(peer);
    }
    if (!peer->first)
        return 0;
    size_t left = peer->first->n - peer->first_at, take = left < n ? left : n;
    memcpy(to, peer->first->bytes + peer->first_at, take);
    peer->dgram.segment = peer->first->segment;
    drop_piece(peer);
    return (ssize_t)take;
}

static void wait_for_room(struct peer *peer)
{
    struct peers *p = peer->peers;
    if (peer->waits)
        return;
    peer->next_waiting = p->waiting;
    peer->waits = &p->waiting;
    if (p->waiting)
        p->waiting->waits = &peer->next_waiting;
    p->waiting = peer;
    if (!p->udp && !p->again.place) /* nothing tells when a UNIX peer's queue has room again */
        loop_timer_after(p->loop, &p->again, AGAIN_NS);
}

static void wait_no_more(struct peer *peer)
{
    if (!peer->waits)
        return;
    *peer->waits = peer->next_waiting;
    if (peer->next_waiting)
        peer->next_waiting->waits = peer->waits;
    peer->waits = NULL;
}

static ssize_t peer_write(struct stream *s, const void *from, size_t n, bool more)
{
    struct peer *peer = s->above;
    (void)more;
    if (!peer->peers || peer->address_n == 0)
        return -EPIPE;
    peer->dgram.way.uncut = peer->peers->uncut;
    ssize_t put = dgram_write(&peer->dgram, from, n);
    peer->peers->uncut = peer->dgram.way.uncut;
    if (put == -EAGAIN)
        wait_for_room(peer);
    return put;
}

static int peer_finish(struct stream *s)
{
    (void)s;
    return 0;
}

static void leave(struct peer *peer)
{
    wait_no_more(peer);
    if (!peer->peers)
        return;
    if (peer->peers->last == peer)
        peer->peers->last = NULL;
    *peer->at = peer->next;
    if (peer->next)
        peer->next->at = peer->at;
    peer->peers->n--;
    peer->peers = NULL;
}

static void peer_release(struct stream *s)
{
    struct peer *peer = s->above;
    while (peer->first)
        drop_piece(peer);
    leave(peer);
}

/* Receiving */

static struct peer *admit(struct loop *l, struct peers *p, const struct peer *heard)
{
    enum accept_refusal why = ACCEPT_FULL;
    bool may = accept_may(p->shared, &heard->address, &why);
    if (may && !accept_take_room(p->shared))
        may = false;
    if (!may) {
        if (p->refused)
            p->refused(l, p, heard, why);
        return NULL;
    }
    struct peer *peer = p->came(l, p, heard);
    if (!peer)
        accept_gone(p->shared);
    return peer;
}

/* Nothing to be done without memory, or where too much waits already: it is lost. */
static void keep(struct peers *p, struct peer *peer, const char *bytes, size_t n, uint32_t segment)
{
    struct peer_piece *piece = NULL;
    if (peer->queued + n <= PEER_QUEUE_MAX && p->queued + n <= PEERS_QUEUE_MAX)
        piece = malloc(sizeof *piece + n);
    uint64_t datagrams = segment ? (n + segment - 1) / segment : 1;
    if (!piece) {
        dgram_count_trouble(&peer->dgram, DGRAM_LOST, datagrams);
        return;
    }
    *piece = (struct peer_piece){.n = (uint32_t)n, .segment = segment};
    memcpy(piece->bytes, bytes, n);
    *peer->end = piece;
    peer->end = &piece->next;
    peer->queued += n;
    p->queued += n;
    peer->dgram.datagrams_in += datagrams;
}

/* Whose message it is: one that is known, or the owner takes in; or NULL. */
static struct peer *whose(struct loop *l, struct peers *p, const struct msghdr *m)
{
    struct peer heard = peers_address_of(p, m);
    struct peer *peer = peers_find(p, &heard);
    if (!peer && !p->closed)
        peer = admit(l, p, &heard);
    if (!peer || peer->peers != p)
        return NULL;
    if (m->msg_flags & MSG_TRUNC)
        dgram_count_trouble(&peer->dgram, DGRAM_CUT, 1);
    return peer;
}

static void wake(struct loop *l, struct peer *peer)
{
    if (peer->stream->can_read)
        return;
    peer->stream->can_read = true;
    if (peer->stream->ready)
        peer->stream->ready(l, peer->stream);
}

static void take_one(struct loop *l, struct peers *p, struct mmsghdr *message)
{
    struct msghdr *m = &message->msg_hdr;
    struct peer *peer = whose(l, p, m);
    if (!peer)
        return;
    keep(p, peer, m->msg_iov->iov_base, message->msg_len, dgram_segment_of(m, message->msg_len));
    p->last = peer;
    wake(l, peer);
}

/* The only peer hears for itself, straight to where it wants the bytes, until somebody else is
 * heard. As recvmsg, with -errno; -EAGAIN where it was another's. */
static ssize_t hear(struct peer *peer, char *to, size_t n)
{
    struct peers *p = peer->peers;
    struct sockaddr_storage name;
    struct control control;
    struct iovec v = {.iov_base = to, .iov_len = n};
    struct msghdr m = {.msg_name = &name,
                       .msg_namelen = sizeof name,
                       .msg_iov = &v,
                       .msg_iovlen = 1,
                       .msg_control = &control,
                       .msg_controllen = sizeof control};
    ssize_t got = recvmsg(p->fd, &m, MSG_DONTWAIT);
    if (got < 0)
        return errno == EINTR ? 0 : -EAGAIN;
    struct peer *whom = whose(p->loop, p, &m);
    uint32_t segment = dgram_segment_of(&m, (size_t)got);
    if (whom == peer) {
        peer->heard = true;
        peer->dgram.segment = segment;
        peer->dgram.datagrams_in += segment ? ((size_t)got + segment - 1) / segment : 1;
        return got;
    }
    if (whom) {
        keep(p, whom, to, (size_t)got, segment);
        wake(p->loop, whom);
    }
    loop_turn_add(p->loop, &p->turn); /* from now on it hears for all */
    p->last = NULL;
    return -EAGAIN;
}

static bool hears_itself(const struct peers *p, const struct peer *peer)
{
    return p && p->n == 1 && p->last == peer && !peer->first && !peer->dgram.to;
}

static ssize_t hear_bytes(struct peer *peer, char *to, size_t n)
{
    size_t done = 0;
    while (n - done >= peer->peers->batch->room && hears_itself(peer->peers, peer)) {
        ssize_t got = hear(peer, to + done, n - done);
        if (got < 0)
            return done ? (ssize_t)done : got;
        done += (size_t)got;
        if (done && peer->dgram.whole)
            break;
    }
    return done ? (ssize_t)done : -EAGAIN;
}

static ssize_t peer_read(struct stream *s, void *to, size_t n)
{
    struct peer *peer = s->above;
    bool one = peer->dgram.to || peer->dgram.whole;
    ssize_t got = one ? read_datagram(peer, to, n) : read_bytes(peer, to, n);
    if (got > 0 || n == 0)
        return got;
    return peer->peers ? hear_bytes(peer, to, n) : 0;
}

static const struct stream_ops ops = {
    .read = peer_read, .write = peer_write, .finish = peer_finish, .release = peer_release};

void peer_init(struct peer *mine, const struct peer *heard, struct stream *s)
{
    struct peers *p = heard->peers;
    *mine = *heard;
    mine->stream = s;
    mine->end = &mine->first;
    mine->dgram = (struct dgram){.size = DGRAM_SIZE};
    mine->dgram.way =
        (struct dgram_way){.fd = p->fd, .udp = p->udp, .uncut = p->uncut, .refuses = !p->udp};
    mine->dgram.way.peer = &mine->address;
    mine->dgram.way.peer_n = mine->address_n;
    mine->dgram.way.device = mine->device;
    mine->dgram.way.local = p->everywhere ? &mine->local : NULL;
    *s = (struct stream){.ops = &ops,
                         .above = mine,
                         .in = -1,
                         .out = -1,
                         .in_kind = STREAM_SOCKET,
                         .out_kind = STREAM_SOCKET,
                         .can_write = true};
    peers_enter(p, mine);
}

static void lay_out(struct peers_batch *b)
{
    for (int i = 0; i < b->n; i++) {
        b->vectors[i] =
            (struct iovec){.iov_base = b->bytes + (size_t)i * b->room, .iov_len = b->room};
        b->messages[i].msg_hdr = (struct msghdr){.msg_name = &b->names[i],
                                                 .msg_namelen = sizeof b->names[i],
                                                 .msg_iov = &b->vectors[i],
                                                 .msg_iovlen = 1,
                                                 .msg_control = &b->controls[i],
                                                 .msg_controllen = sizeof b->controls[i]};
    }
}

/* How many came, or a negative errno. An ICMP error of an earlier answer is nobody's here. */
static int receive(struct peers *p)
{
    for (;;) {
        lay_out(p->batch);
        int n = recvmmsg(p->fd, p->batch->messages, (unsigned)p->batch->n, MSG_DONTWAIT, NULL);
        if (n >= 0)
            return n;
        if (errno != EINTR && errno != ECONNREFUSED)
            return -errno;
    }
}

/* Whether the only peer hears for itself now: it is woken for it, or goes on with it in turns of
 * its own, as long as each brings something. One that isn't read, because nobody takes what it
 * sent, would keep others from being heard. */
static bool leave_it_to(struct loop *l, struct peers *p, struct peer *only)
{
    bool goes_on = only->stream->can_read;
    if (goes_on && !only->heard)
        return false;
    only->heard = false;
    if (goes_on)
        loop_turn_add(l, &p->turn);
    wake(l, only);
    return true;
}

static void run(struct loop *l, struct loop_turn *t)
{
    struct peers *p = (struct peers *)((char *)t - offsetof(struct peers, turn));
    if (p->last && hears_itself(p, p->last) && leave_it_to(l, p, p->last))
        return;
    int n = receive(p);
    for (int i = 0; i < n && p->fd >= 0; i++)
        take_one(l, p, &p->batch->messages[i]);
    if (p->fd >= 0 && n == p->batch->n)
        loop_turn_add(l, t); /* behind those who take what came */
}

static void wake_writers(struct loop *l, struct peers *p)
{
    while (p->waiting) {
        struct peer *peer = p->waiting;
        wait_no_more(peer);
        peer->stream->can_write = true;
        peer->stream->ready(l, peer->stream);
    }
}

static void try_again(struct loop *l, struct loop_timer *t)
{
    wake_writers(l, (struct peers *)((char *)t - offsetof(struct peers, again)));
}

static void ready(struct loop *l, struct loop_watch *w, uint32_t events)
{
    struct peers *p = (struct peers *)((char *)w - offsetof(struct peers, watch));
    if (events & (EPOLLOUT | EPOLLERR))
        wake_writers(l, p);
    if (events & (EPOLLIN | EPOLLERR))
        loop_turn_add(l, &p->turn);
}

/* Opening and closing */

static bool is_wildcard(const struct sockaddr_storage *a)
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    memcpy(&v4, a, sizeof v4);
    memcpy(&v6, a, sizeof v6);
    return (a->ss_family == AF_INET && v4.sin_addr.s_addr == INADDR_ANY) ||
           (a->ss_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&v6.sin6_addr));
}

static void prepare(struct peers *p)
{
    int on = 1;
    p->bound_n = sizeof p->bound;
    getsockname(p->fd, (struct sockaddr *)&p->bound, &p->bound_n);
    p->udp = p->bound.ss_family != AF_UNIX;
    p->everywhere = is_wildcard(&p->bound);
    if (p->udp) {
        dgram_ask_runs(p->fd);
        dgram_ask_room(p->fd);
    }
    if (p->everywhere && p->bound.ss_family == AF_INET)
        setsockopt(p->fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on);
    if (p->everywhere && p->bound.ss_family == AF_INET6)
        setsockopt(p->fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on);
}

static void release(struct peers *p)
{
    free(p->batch);
    free(p->buckets);
    p->batch = NULL;
    p->buckets = NULL;
}

int peers_start(struct loop *l, struct peers *p)
{
    p->loop = l;
    p->n_buckets = FIRST_BUCKETS;
    p->buckets = calloc(p->n_buckets, sizeof(struct peer *));
    p->batch = malloc(sizeof *p->batch);
    if (getrandom(&p->seed, sizeof p->seed, GRND_NONBLOCK) < 0)
        p->seed = (uint32_t)l->now_ns;
    prepare(p);
    if (p->batch) {
        p->batch->room = p->udp ? DGRAM_ROOM : DGRAM_LONGEST;
        p->batch->n = (int)(BATCH_BYTES / p->batch->room);
    }
    p->turn.run = run;
    p->watch.ready = ready;
    p->again.fire = try_again;
    int result = p->buckets && p->batch
                     ? loop_watch_start(l, &p->watch, p->fd, EPOLLIN | EPOLLOUT | EPOLLET)
                     : -ENOMEM;
    if (result < 0)
        release(p);
    return result;
}

static void orphan(struct loop *l, struct peer *peer)
{
    leave(peer);
    peer->stream->can_read = peer->stream->can_write = true;
    if (peer->stream->ready)
        peer->stream->ready(l, peer->stream);
}

void peers_stop(struct loop *l, struct peers *p)
{
    if (p->fd < 0 || !p->buckets)
        return;
    loop_watch_stop(l, &p->watch);
    loop_turn_stop(l, &p->turn);
    loop_timer_stop(l, &p->again);
    fd_close(&p->fd);
    for (uint32_t i = 0; i < p->n_buckets; i++)
        while (p->buckets[i])
            orphan(l, p->buckets[i]);
    release(p);
}
