/* From the bytes that the BPF programs wrote to one item a socket, and from an item to a row.
 *
 * The bytes are not trusted: every chunk's size is checked before it is read, unknown tags are
 * stepped over, a chunk that is too short for its tag ends the stream. Nothing points into the
 * bytes afterwards. No system calls: bpf/load.c reads, bpf/merge.c decides what is shown when.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include <linux/types.h>

#include "kernel/bpf/record.h"
#include "net/socket.h"

/* Never in a stream: merge.c marks its own notes among kept items with it. */
enum { BPF_TAG_RESERVED = 0xffff };

struct bpf_item {
    uint32_t have; /* mask of 1 << enum bpf_tag: which of these are filled */
    struct bpf_sock_chunk sock;
    struct bpf_options_chunk options;
    struct bpf_tcp_chunk tcp;
    struct bpf_memory_chunk memory;
    struct bpf_timer_chunk timer;
    struct bpf_cgroup_chunk cgroup;
    struct bpf_unix_chunk unix_name;
    struct bpf_portid_chunk portid;
    const void *bytes; /* the item as it came, for the length of the call */
    size_t n_bytes;
};

/* Who listens. Each returns 0 to go on; anything else ends the decoding and is returned. */
struct bpf_decode_sink {
    void *ctx;
    int (*task)(void *ctx, const struct bpf_task_chunk *task);
    int (*item)(void *ctx, const struct bpf_item *item);
    int (*clock)(void *ctx, const struct bpf_clock_chunk *clock);
    int (*tally)(void *ctx, const struct bpf_tally_chunk *tally);    /* may be NULL */
    int (*bucket)(void *ctx, const struct bpf_bucket_chunk *bucket); /* may be NULL */
};

/* Decodes n bytes, which hold whole chunks, an item's chunks together. 0, the sink's answer, or
 * -EBADMSG. */
int bpf_decode(const void *bytes, size_t n, const struct bpf_decode_sink *sink);

/* How many jiffies a second has, from the kernel's clock: 100, 250, 300 or 1000; 0 unknown. */
uint32_t bpf_decode_hz(const struct bpf_clock_chunk *clock);

/* Fills *ret from an item; owners are left to the caller. hz 0: times counted in jiffies stay
 * unknown. */
void bpf_item_to_socket(const struct bpf_item *item, uint32_t hz, struct net_socket *ret);
