/* Sockets by the text files of /proc/net: for kernels without a diag module, and on request.
 *
 * The files know less than sock_diag: no cookie, no device, no options, of a listener no backlog,
 * of UNIX sockets no peer and no queues, and nothing of TCP sockets that are bound only. On the
 * other hand they name the UNIX sockets that wait in an accept queue. What they don't tell stays
 * absent. The rows are of the calling thread's network namespace.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/source.h"

struct err;

/* As diag_read, of the kinds that have a file: TCP, UDP, UDP-Lite, raw, ping, UNIX, netlink,
 * packet. Others are noted if their protocol is there. */
int proc_net_read(const struct source_query *q, source_sink *sink, void *ctx,
                  struct source_report *report, struct err *e);

/* One half of it, the listeners or all else, of `kinds` alone; *ret_missing is set to those of them
 * that have no file. 0, the sink's non-zero answer, or a negative errno with *e filled. */
int proc_net_read_half(const struct source_query *q, uint32_t kinds, bool listeners,
                       source_sink *sink, void *ctx, uint32_t *ret_missing, struct err *e);

/* The kinds that have a file. */
uint32_t proc_net_kinds(void);

/* The kinds whose protocol this kernel has loaded, by /proc/net/protocols; all if that can't be
 * read. A kind that isn't there has no sockets. */
uint32_t proc_net_registered(void);
