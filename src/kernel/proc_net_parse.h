/* A line of a file in /proc/net as a row. Internal to src/kernel.
 *
 * The kernel pads, and adds columns at the end from version to version: words are found by blanks,
 * and what follows the last known one is passed over. *row, which diag_row_begin has made, is
 * complete on 0, and without meaning on -EINVAL: a heading, or no such line.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "net/socket.h"

/* `detail` as in struct source_query. `line` needs no end mark. */
int proc_net_parse_inet(const char *line, size_t n, enum net_kind kind, uint32_t detail,
                        struct net_socket *row);
int proc_net_parse_unix(const char *line, size_t n, enum net_kind kind, uint32_t detail,
                        struct net_socket *row);
int proc_net_parse_netlink(const char *line, size_t n, enum net_kind kind, uint32_t detail,
                           struct net_socket *row);
int proc_net_parse_packet(const char *line, size_t n, enum net_kind kind, uint32_t detail,
                          struct net_socket *row);
