/* Whether two local addresses of sockets can mean the same packet. Pure.
 *
 * The kernel has two ways to see it: bind(2) of TCP to one address looks only into the lists of
 * that address and of the wildcards; everything else compares pair by pair
 * (inet_rcv_saddr_equal of net/ipv4/inet_connection_sock.c). They differ in corners.
 * test: tests/prove
 */
#pragma once
#include "net/addr.h"
#include "net/socket.h"
#include "predict/tri.h"

struct predict_end {
    uint16_t family; /* of the socket */
    struct net_addr addr;
    enum tri v6only; /* AF_INET6 */
};

struct predict_end predict_end_of(const struct net_socket *s);

/* Pair by pair, wildcards meeting everything that they may stand for. */
enum tri predict_overlap(const struct predict_end *candidate, const struct predict_end *owner);
/* By the lists of one address, for a candidate of TCP that isn't a wildcard. */
enum tri predict_overlap_listed(const struct predict_end *candidate,
                                const struct predict_end *owner);
/* Whether the first, with wildcards of its own, covers the second: how the kernel's cache is asked.
 */
enum tri predict_covers(const struct predict_end *cached, const struct predict_end *candidate);
