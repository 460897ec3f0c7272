/* Datagrams as a stream (flow/stream.h): UDP, and UNIX sockets of datagrams or packets.
 *
 * Between two such the boundaries are kept: what one read brings is one datagram, or a run of equal
 * ones that came together (UDP_GRO, Linux 5.0), and is sent so. From a stream of bytes each write
 * is a datagram, long ones are cut at `size`. To a stream of bytes the payloads follow each other.
 *
 * Nobody hears of an end: UDP has none. A refusal (ICMP) is an error of the next call.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "flow/dgram_send.h"
#include "flow/stream.h"

struct pair;
struct pump;

enum {
    DGRAM_SIZE = 1400, /* for what comes from a stream: fits an Ethernet frame, tunnels included */
    DGRAM_BURST = 4 << 20,
    DGRAM_ROOM = 65536,      /* the longest of UDP, and the longest run */
    DGRAM_LONGEST = 1 << 18, /* of UNIX; what is longer is cut */
};

/* What becomes of datagrams that can't be had whole. */
enum dgram_trouble {
    DGRAM_CUT,  /* longer than any buffer of ours */
    DGRAM_LOST, /* nobody took them in time */
    DGRAM_TROUBLES
};

struct dgram {
    struct dgram *from; /* what is written was read there; NULL: from a stream of bytes */
    struct dgram *to;   /* what is read goes there; NULL: to a stream of bytes */
    bool whole;       /* a read brings one datagram, or a run of them, also to a stream of bytes */
    uint32_t size;    /* DGRAM_SIZE unless the owner says otherwise; 0: never cut */
    uint32_t segment; /* what was read last is datagrams of this many bytes; 0: one */
    uint64_t datagrams_in;
    uint64_t truncated; /* of these, how many were longer than any buffer of ours */
    uint64_t lost;      /* datagrams that nobody took in time */
    struct dgram_count out;
    /* Set by the owner after the stream is made. The first of each kind is told; may be NULL, and
     * must not end the conversation. */
    void (*trouble)(struct dgram *d, enum dgram_trouble what);
    /* Hears of a datagram without bytes, which hooks don't; NULL: it goes on as it is. */
    void (*empty)(struct dgram *d);
    void *owner;

    /* of dgram.c */
    struct dgram_way way;
    bool packets; /* SOCK_SEQPACKET: has an end */
    char *spill;  /* what a short read left over */
    uint32_t spill_at, spill_n;
};

/* *s becomes the stream of a connected socket, which it owns. *d lives as long as it. */
void dgram_init_stream(struct dgram *d, struct stream *s, int fd);

/* Has the pumps of a conversation keep the boundaries, after its streams and sizes are
 * set and before it starts. a, b: those of its sides, NULL where that is a stream of bytes; may be
 * the same (echo).
 */
void dgram_join(struct pair *p, struct dgram *a, struct dgram *b);
/* The same for a pump alone. */
void dgram_join_pump(struct pump *p, struct dgram *from, struct dgram *to);

/* In words: "a datagram was too long …". */
const char *dgram_trouble_words(enum dgram_trouble what);

/* For streams of the owner's (flow/peers): a datagram without bytes came. */
void dgram_pass_empty(struct dgram *d);
/* For streams of the owner's (flow/peers): counts n of them, and tells the first. */
void dgram_count_trouble(struct dgram *d, enum dgram_trouble what, uint64_t n);
/* For streams of the owner's (flow/peers): one message of recvmsg, its control messages read. */
uint32_t dgram_segment_of(struct msghdr *m, size_t n);
/* A receive buffer for bursts, where the user hasn't chosen one: DGRAM_BURST bytes, or as much as
 * net.core.rmem_max allows. */
void dgram_ask_room(int fd);
/* Has the kernel join equal datagrams; false where it can't. */
bool dgram_ask_runs(int fd);
/* Sends what a stream's write gives; as stream_ops.write. */
ssize_t dgram_write(struct dgram *d, const void *from, size_t n);
