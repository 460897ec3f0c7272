/* The BPF programs, loaded and opened for reading. The only place that knows the skeletons. */
#pragma once
#include <linux/types.h>

#include "kernel/bpf/record.h"

struct err;

enum bpf_reader {
    BPF_READER_HELD,         /* as the next, on Linux 6.2 or later, for readers without cookies */
    BPF_READER_HOLDERS_INET, /* IP sockets, no details, readers in the first pid namespace */
    BPF_READER_HOLDERS_FULL,
    BPF_READER_UNHELD,
};

/* What a program tells: by read(2) from fd, whole items at each read of 64 KiB; or in memory shared
 * with it, which is full whenever read(2) fails with EAGAIN, and has the last items at its end. */
struct bpf_stream {
    int fd;                    /* -1: nothing to read */
    int socket_fd;             /* wish.socket_fd, or -1 */
    struct bpf_output *output; /* or NULL */
};

#define BPF_STREAM_INIT           \
    {                             \
        .fd = -1, .socket_fd = -1 \
    }

/* Loads a program with its wish fixed (in_place and socket_fd are found out here) and opens what it
 * writes. 0 or a negative errno with *e filled. */
int bpf_load_open(enum bpf_reader program, const struct bpf_wish *wish, struct bpf_stream *ret,
                  struct err *e);
void bpf_stream_close(struct bpf_stream *s); /* one that wasn't opened is fine */

/* The program that tells who has a port, loaded once for any number of questions. */
struct bpf_ports_program;
/* 0 or a negative errno with *e filled. */
int bpf_load_ports(struct bpf_ports_program **ret, struct err *e);
void bpf_ports_free(struct bpf_ports_program *p); /* NULL is fine */
/* Opens the answer to a question (its number is set here): a descriptor as above; or a negative
 * errno with *e filled. One answer is read to its end before the next question. */
int bpf_ports_ask(struct bpf_ports_program *p, const struct bpf_ports_wish *wish, struct err *e);
