/* The requests of sock_diag: for each family one that asks for its sockets, and who reads the
 * answer. Internal to src/kernel.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/netlink.h>

#include "kernel/diag_decode.h"
#include "kernel/source.h"

enum { DIAG_REQUEST_MAX = 8 << 10 };

struct diag_request {
    union {
        struct nlmsghdr head;
        char bytes[DIAG_REQUEST_MAX];
    };
};

/* A way to ask: the kinds that its answer has, and the state that a socket is in as a listener. */
struct diag_family {
    uint32_t kinds;
    uint32_t listener_states; /* mask of 1 << enum net_state; 0: nobody listens there */
    uint16_t family;          /* AF_INET: each of the query's families is asked */
    uint16_t protocol;        /* IPPROTO_…, of inet */
    diag_decode *decode;
    /* Builds the request for sockets in `states`, which the kernel may take as a mere hint. */
    void (*build)(struct diag_request *ret, const struct diag_family *f,
                  const struct source_query *q, uint32_t states, uint8_t family);
};

/* The attributes of inet (idiag_ext) that a mask of enum source_detail asks for. */
uint8_t diag_inet_extensions(uint32_t detail);

extern const struct diag_family diag_families[];
extern const size_t diag_n_families;

/* The one request that is answered with IPv4 and IPv6 in a single walk through the kernel's tables:
 * TCPDIAG_GETSOCK, of TCP and DCCP alone. False: there is none for this family. */
bool diag_build_both(struct diag_request *ret, const struct diag_family *f,
                     const struct source_query *q, uint32_t states);
