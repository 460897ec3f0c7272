/* The BPF programs, loaded and opened for reading. The only place that knows the skeletons. */
#pragma once
#include <linux/types.h>

#include "kernel/bpf/record.h"

struct err;

enum bpf_reader {
    BPF_READER_HOLDERS_INET, /* IP sockets, no details, readers in the first pid namespace */
    BPF_READER_HOLDERS_FULL,
    BPF_READER_UNHELD,
};

/* Loads a program with its wish fixed and opens what it writes: a descriptor to read(2) from, whole
 * items at each read of 64 KiB. Or a negative errno with *e filled. */
int bpf_load_open(enum bpf_reader program, const struct bpf_wish *wish, struct err *e);
