/* Sockets and their owners by BPF, for root: the fastest of the ways to the same rows.
 *
 * One pass over every descriptor of every process gives each held socket with its owners; walks of
 * the kernel's own tables give those that no process holds. Needs Linux 5.17 (relocation in the
 * kernel), its BTF, CAP_BPF and CAP_PERFMON (or CAP_SYS_ADMIN), and a berth that was built with
 * clang and bpftool. Costs some 2 ms to load and 0.5 µs a socket.
 */
#pragma once
#include <stdbool.h>

#include "kernel/source.h"

/* Part of bpf_read's work, for a caller that has another way to the rest. */
enum bpf_part {
    BPF_HELD = 1 << 0, /* sockets that a process has open, with owners */
    BPF_UNHELD =
        1 << 1, /* IP sockets that none has: TIME_WAIT, orphans, unaccepted, the kernel's */
    BPF_ALL = BPF_HELD | BPF_UNHELD,
};

/* The kinds that BPF_UNHELD tells. Of the others, sock_diag knows those that no process holds. */
enum { BPF_UNHELD_KINDS = 1 << NET_TCP | 1 << NET_UDP };

/* Whether this berth was built with it. */
bool bpf_built_in(void);

/* Sockets that a process may hold at a descriptor which the pass over descriptors didn't meet: one
 * in a message under way, of a task that can't be looked at, registered with io_uring alone, or
 * new. With BPF_ALL the kernel's tables are counted, and where they have others the caller is told
 * between the listeners and the other rows. */
enum bpf_gap {
    BPF_GAP_LISTENERS = 1 << 0, /* of TCP */
    BPF_GAP_CONNECTIONS = 1 << 1,
    BPF_GAP_UDP = 1 << 2,
    BPF_GAP_WALK = 1 << 3, /* the tables of TCP weren't walked, the kernel refused that program */
};
/* gaps: mask of enum bpf_gap. 0 to go on, else what bpf_read returns. */
typedef int bpf_gap_sink(void *ctx, unsigned gaps);

/* Reads what *q asks (via and SOURCE_OWNERS are not looked at: owners come with each socket) and
 * calls the sink once a socket, listeners first. Single holders of sockets are told at once or,
 * when listeners come first, from a compact copy (64 bytes for IPv4); sockets with several owners
 * when the last was met. Owners' processes have pid, comm, uid and start time. SOURCE_CMDLINE and
 * SOURCE_PROCESS are left to the caller.
 *
 * 0, the sink's non-zero answer, or a negative errno with *e filled: -EPERM without the privilege,
 * -EOPNOTSUPP where the kernel or the build lacks something; nothing was told then, and the caller
 * can go another way. gap_sink may be NULL. */
int bpf_read(const struct source_query *q, unsigned parts, source_sink *sink,
             bpf_gap_sink *gap_sink, void *ctx, struct err *e);

/* As bpf_read of BPF_HELD, of the sockets with these inodes; others may be among them. Half the
 * work, since of other files hardly anything is looked at. */
int bpf_read_few(const struct source_query *q, const uint64_t *inodes, size_t n, source_sink *sink,
                 void *ctx, struct err *e);

/* All that the kernel's tables of TCP and UDP hold, without owners and in their order, not
 * listeners first. TCP sockets that are merely bound stand in none. *ret_tcp: how many TCP sockets
 * the tables hold in all, of every namespace, TIME_WAIT and requests apart; may be NULL. The
 * answers of bpf_read. */
int bpf_walk(const struct source_query *q, source_sink *sink, void *ctx, uint64_t *ret_tcp,
             struct err *e);
