/* One row a socket: brings the descriptors together that hold the same one, and the rows in order.
 *
 * A socket's open file counts its holders, so that a socket with one holder (nearly all of them) is
 * complete at once. Others wait until as many were met as the count says, or until the end (a
 * holder may be a message in flight). When listeners come first, what isn't one waits in the form
 * that the kernel wrote, in blocks, not as rows.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/vec.h"
#include "kernel/bpf/decode.h"
#include "kernel/source.h"

struct bpf_merge {
    source_sink *sink;
    void *ctx;
    bool listeners_first;
    uint32_t hz;
    struct net_process *process;    /* of the TASK chunk that came last; in processes */
    struct hash process_by_pid;     /* pid -> struct net_process *, owned */
    struct hash shared_by_key;      /* inode and kind -> index in shared, + 1 */
    struct vec shared;              /* struct shared */
    struct vec shared_owners;       /* struct shared_owner, linked lists */
    struct block *shared_bytes;     /* items of shared sockets */
    struct block *first, *last;     /* items that wait for the listeners */
    const struct net_process *told; /* the process last written to these blocks */
    struct bpf_tally_chunk met;     /* what was held, as the walk over the tables counts it */
    uint32_t gaps;                  /* mask of 1 << enum bpf_table: the walk counted others */
    uint64_t tcp;                   /* TCP sockets that the walk met, wanted or not */
    struct net_socket row;
};

void bpf_merge_init(struct bpf_merge *m, source_sink *sink, void *ctx, bool listeners_first);
void bpf_merge_clear(struct bpf_merge *m);

/* Takes bytes of a program. 0, the sink's answer, -EBADMSG or -ENOMEM. */
int bpf_merge_feed(struct bpf_merge *m, const void *bytes, size_t n);
/* How many TCP sockets were met at descriptors that stand in the kernel's tables. */
uint64_t bpf_merge_met_tcp(const struct bpf_merge *m);
/* Tells the listeners that still wait for other holders. The same answers. */
int bpf_merge_end_listeners(struct bpf_merge *m);
/* Tells all that still waits. The same answers. */
int bpf_merge_end(struct bpf_merge *m);
