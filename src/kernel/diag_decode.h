/* From a message of sock_diag to a socket's row: one decoder a family, for answers and files alike.
 *
 * Internal to src/kernel. A decoder gets a message whose header was checked and trusts nothing
 * behind it. It fills *row, which diag_row_begin has made empty, and returns 0; -EBADMSG when the
 * message is too short for its family, and then *row has no meaning.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <linux/netlink.h>

#include "net/socket.h"

struct buf;

struct diag_names {
    uint32_t ifindex; /* of the last device asked about */
    char device[16 + 1];
};

struct diag_decoder {
    uint32_t detail;         /* mask of enum source_detail */
    enum net_kind kind;      /* of inet: whose dump it is (the messages don't say) */
    uint64_t netns;          /* 0: unknown */
    bool elsewhere;          /* the rows are of another host: ask this one for no names */
    struct diag_names names; /* a cache of one: devices come in runs */
};

typedef int diag_decode(struct diag_decoder *d, const struct nlmsghdr *m, struct net_socket *row);

diag_decode diag_inet_decode;
diag_decode diag_unix_decode;
diag_decode diag_netlink_decode;
diag_decode diag_packet_decode;
diag_decode diag_vsock_decode;
diag_decode diag_xdp_decode;
diag_decode diag_tipc_decode;
/* By the family in the message's first byte; an unknown one becomes NET_OTHER. */
diag_decode diag_any_decode;

/* Makes the row empty, but for the kind and the namespace. */
void diag_row_begin(const struct diag_decoder *d, enum net_kind kind, struct net_socket *row);

static inline void diag_know(struct net_socket *row, enum net_field f)
{
    row->known.words[f / 64] |= UINT64_C(1) << f % 64;
}

/* The parts that families share. */
struct attr;
void diag_set_cookie(struct net_socket *row, const uint32_t cookie[2]);
void diag_set_inode(struct net_socket *row, uint32_t inode);
void diag_set_device(struct diag_decoder *d, struct net_socket *row, uint32_t ifindex);
void diag_set_uid(struct net_socket *row, const struct attr *uid);
/* The queues of families that tell them by their memory alone; all of it where that is asked for.
 */
void diag_set_queues(const struct diag_decoder *d, struct net_socket *row, const struct attr *mem);
void diag_set_meminfo(struct net_socket *row, const struct attr *skmeminfo);
void diag_set_tcp_info(struct net_socket *row, const struct attr *info);
/* What kept a TCP socket without inode from having an owner, told by its state. */
enum net_detached diag_detached(enum net_state state);
