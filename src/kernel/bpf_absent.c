/* bpf.h and bpf_ports.h for a build without clang or bpftool. */
#include <errno.h>

#include "base/err.h"
#include "kernel/bpf.h"
#include "kernel/bpf_ports.h"

bool bpf_built_in(void)
{
    return false;
}

static int refuse(struct err *e)
{
    return err_set(e, EOPNOTSUPP, "read sockets by BPF", "",
                   "this berth was built without clang or bpftool");
}

int bpf_read(const struct source_query *q, unsigned parts, source_sink *sink,
             bpf_gap_sink *gap_sink, void *ctx, struct err *e)
{
    (void)q;
    (void)parts;
    (void)sink;
    (void)gap_sink;
    (void)ctx;
    return refuse(e);
}

int bpf_read_few(const struct source_query *q, const uint64_t *inodes, size_t n, source_sink *sink,
                 void *ctx, struct err *e)
{
    (void)q;
    (void)inodes;
    (void)n;
    (void)sink;
    (void)ctx;
    return refuse(e);
}

int bpf_walk(const struct source_query *q, source_sink *sink, void *ctx, uint64_t *ret_tcp,
             struct err *e)
{
    (void)q;
    (void)sink;
    (void)ctx;
    if (ret_tcp)
        *ret_tcp = 0;
    return refuse(e);
}

int bpf_ports_open(struct bpf_ports_program **ret, struct err *e)
{
    (void)ret;
    return refuse(e);
}

void bpf_ports_close(struct bpf_ports_program *p)
{
    (void)p;
}

int bpf_ports_stream(struct bpf_ports_program *p, const struct ports_way *way,
                     const struct ports_sink *sink, struct err *e)
{
    (void)p;
    (void)way;
    (void)sink;
    return refuse(e);
}

int bpf_ports_sample(struct bpf_ports_program *p, const struct net_addr *local, uint16_t port,
                     source_sink *sink, void *ctx, struct ports_tally *ret, struct err *e)
{
    (void)p;
    (void)local;
    (void)port;
    (void)sink;
    (void)ctx;
    (void)ret;
    return refuse(e);
}

int bpf_ports_read(struct bpf_ports_program *p, const struct ports_query *q, struct ports *ret,
                   struct err *e)
{
    (void)p;
    (void)q;
    (void)ret;
    return refuse(e);
}
