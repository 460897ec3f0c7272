/* What of a filter the kernel can decide for sockets of IP: its bytecode (INET_DIAG_REQ_BYTECODE).
 *
 * The code lets pass all that the filter would, and perhaps more: terms that the kernel can't
 * decide count as true, below a NOT as well. It decides ports, prefixes, device, mark and control
 * group; see inet_diag_bc_run in net/ipv4/inet_diag.c.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/state.h"

struct net_filter;
struct net_filter_node;

enum { BYTECODE_MAX = 4 << 10 };

struct bytecode {
    _Alignas(8) unsigned char bytes[BYTECODE_MAX];
    size_t len;
};

/* For sockets of one kind. False: there is nothing to say, since all would pass, or none, or the
 * code would be too long. `privileged` allows marks, which the kernel compares for CAP_NET_ADMIN
 * alone. */
bool bytecode_compile(struct bytecode *ret, const struct net_filter *f, enum net_kind kind,
                      bool privileged);
bool bytecode_compile_node(struct bytecode *ret, const struct net_filter_node *root,
                           enum net_kind kind, bool privileged);
