/* bpf.h for a build without clang or bpftool. */
#include <errno.h>

#include "base/err.h"
#include "kernel/bpf.h"

bool bpf_built_in(void)
{
    return false;
}

int bpf_read(const struct source_query *q, unsigned parts, source_sink *sink,
             bpf_gap_sink *gap_sink, void *ctx, struct err *e)
{
    (void)q;
    (void)parts;
    (void)sink;
    (void)gap_sink;
    (void)ctx;
    return err_set(e, EOPNOTSUPP, "read sockets by BPF", "",
                   "this berth was built without clang or bpftool");
}
