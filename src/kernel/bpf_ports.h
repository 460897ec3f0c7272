/* Ports by BPF: see kernel/ports.h, whose part this is. */
#pragma once
#include "kernel/ports.h"

struct bpf_ports_program;

/* 0, or a negative errno as bpf_read (kernel/bpf.h): -EPERM, -EOPNOTSUPP … */
int bpf_ports_open(struct bpf_ports_program **ret, struct err *e);
void bpf_ports_close(struct bpf_ports_program *p);
int bpf_ports_read(struct bpf_ports_program *p, const struct ports_query *q, struct ports *ret,
                   struct err *e);
/* See ports_stream, of TCP. */
int bpf_ports_stream(struct bpf_ports_program *p, const struct ports_way *way,
                     const struct ports_sink *sink, struct err *e);
/* See ports_sample. */
int bpf_ports_sample(struct bpf_ports_program *p, const struct net_addr *local, uint16_t port,
                     source_sink *sink, void *ctx, struct ports_tally *ret, struct err *e);
