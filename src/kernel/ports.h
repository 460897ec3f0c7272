/* Who has one port, or each of them: what bind(2), listen(2) and the lookup of a listener look at.
 *
 * Not a list of sockets for people, but the kernel's own view of a port: its owners in every state,
 * those that are only bound too, with the options that decide, and what the kernel remembers of the
 * port. It doesn't go through the table of connections, so that it stays quick where there are
 * hundreds of thousands. The processes that hold the sockets are looked for when they are asked
 * for.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/vec.h"
#include "kernel/source.h"
#include "net/bucket.h"

struct err;

struct ports_query {
    uint32_t kinds; /* of 1 << NET_TCP, 1 << NET_UDP */
    uint16_t port;  /* 0: all of them */
};

struct ports {
    struct vec sockets;     /* struct net_socket: of these the source's pointers are NULL */
    struct vec buckets;     /* struct net_bucket, of TCP */
    struct owners *holders; /* of ports_read_owners: whose texts the owners' processes have */
    /* What can be relied on; by BPF all of it. */
    bool complete; /* no owner is missing */
    bool buckets_known;
    bool udp_ordered;       /* UDP's sockets stand in the order of their chain */
    bool listeners_ordered; /* TCP's listeners do */
};

#define _cleanup_ports_ __attribute__((cleanup(ports_clear)))

/* A way to ask, kept for any number of questions: a BPF program stays loaded with it. */
struct ports_reader;
/* via: SOURCE_BEST, SOURCE_BPF, SOURCE_DIAG. 0 or a negative errno with *e filled. */
int ports_open(enum source_via via, struct ports_reader **ret, struct err *e);
void ports_close(struct ports_reader *r); /* NULL is fine */

/* Of the calling thread's network namespace. By BPF, owners that no rule tells apart stand for one
 * another. 0 or a negative errno with *e filled; always to be
 * cleared. */
int ports_read(struct ports_reader *r, const struct ports_query *q, struct ports *ret,
               struct source_report *report, struct err *e);
void ports_clear(struct ports *p);

/* What a new connection between two addresses meets at all ports, in a stream: by BPF, of TCP, the
 * connections that go the same way and the ports that such can't use (the buckets then tell all
 * else); otherwise every socket. */
struct ports_way {
    enum net_kind kind;
    struct net_addr local, peer;
    uint16_t peer_port;
};
struct ports_sink {
    source_sink *socket;
    int (*bucket)(void *ctx, const struct net_bucket *b);
    void *ctx;
};
/* *ret_buckets_known is set before the first call. The answers of source_read. */
int ports_stream(struct ports_reader *r, const struct ports_way *way, const struct ports_sink *sink,
                 bool *ret_buckets_known, struct source_report *report, struct err *e);

/* TCP's sockets at one port, of one local address unless that is NULL, whatever their number in
 * some 250 rows: all that somebody may have to look at, as far as there is room, and of idle
 * connections and TIME_WAIT the first. By BPF alone: a negative errno with *e filled where that
 * can't be had. */
struct ports_tally {
    uint64_t sockets; /* that were met */
    bool handshakes;  /* some clients are about to connect, which aren't among them */
};
int ports_sample(const struct net_addr *local, uint16_t port, source_sink *sink, void *ctx,
                 struct ports_tally *ret, struct err *e);

/* Fills the owners of the sockets that a process holds, with the details and names that `how` asks
 * for. 0 or a negative errno with *e filled; sockets whose owners may
 * not be seen have NET_F_OWNERS forbidden. */
int ports_read_owners(struct ports_reader *r, struct ports *p, const struct source_query *how,
                      struct err *e);
