/* Listens where there are no connections (UDP, UNIX datagrams): tells the peers apart by their
 * addresses, and makes each of them a stream.
 *
 * All are heard by one socket, in batches (recvmmsg(2)), and answered from the address that they
 * asked. A peer begins with its first datagram and lasts as long as the owner wants: since nobody
 * says when he goes, the owner's idle limit has to end it. What a peer sends faster than it is
 * taken is kept up to PEER_QUEUE_MAX, then lost and counted, as the kernel would have done.
 *
 * A peer with the pump of a pair or a solo, an echo for instance:
 *
 *     came: struct client *c = …; solo_init(&c->solo, NULL); peer_init(&c->peer, &c->solo.s);
 *           dgram_join_pump(&c->solo.pump, &c->peer.dgram, &c->peer.dgram);
 *           c->solo.idle_ns = …; solo_start(l, &c->solo, scratch); return &c->peer;
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "flow/accept.h"
#include "flow/dgram.h"

enum {
    PEER_QUEUE_MAX = 4 << 20,   /* bytes that wait for one peer's reader */
    PEERS_QUEUE_MAX = 64 << 20, /* for all of them */
    PEERS_IDLE_S = 60,          /* a usual limit */
};

struct peer_piece;

struct peer {
    struct dgram dgram;
    struct sockaddr_storage address, local;
    socklen_t address_n, local_n; /* address_n 0: no name, it can't be answered (UNIX) */

    /* of peers.c */
    struct peers *peers;
    struct stream *stream;
    struct peer *next, **at;            /* of its bucket */
    struct peer *next_waiting, **waits; /* for room to write */
    struct peer_piece *first, **end;
    size_t queued, first_at;
    uint32_t device;
    bool heard; /* it has heard something for itself since it was last asked */
};

struct peers {
    int fd;                       /* owned while it is active */
    struct accept_shared *shared; /* who may come, and how many at once */
    bool closed;                  /* nobody new is heard any more */
    /* A peer that isn't known: p->address and p->local are set in *peer, which only lasts for the
     * call. The owner makes one of his own and returns it after peer_init, or NULL: its datagram is
     * dropped. The owner calls accept_gone when it has ended, as with connections. */
    struct peer *(*came)(struct loop *l, struct peers *p, const struct peer *peer);
    /* Somebody was turned away; may be NULL. Called for each datagram. */
    void (*refused)(struct loop *l, struct peers *p, const struct peer *peer,
                    enum accept_refusal why);
    void *owner;

    /* of peers.c */
    struct loop_watch watch;
    struct loop_turn turn;
    struct loop *loop;
    struct peers_batch *batch;
    struct peer **buckets;
    uint32_t n, n_buckets, seed;
    struct peer *waiting;
    struct peer *last; /* who was heard last; NULL: hear for all */
    struct loop_timer again;
    size_t queued;
    struct sockaddr_storage bound;
    socklen_t bound_n;
    bool udp, everywhere, uncut;
};

/* fd, shared and came must be set, the rest zeroed; *p stays where it is. 0 or a negative errno:
 * then the descriptor is the caller's. */
int peers_start(struct loop *l, struct peers *p);
/* Closes the socket. The streams that are left are at their end. */
void peers_stop(struct loop *l, struct peers *p);

/* In `came`: *s becomes the peer's stream. Closing it forgets the peer. */
void peer_init(struct peer *mine, const struct peer *heard, struct stream *s);
