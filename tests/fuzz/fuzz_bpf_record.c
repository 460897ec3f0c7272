/* The BPF programs' records, as bpf_read takes them: any bytes may stand for a read. */
#include <string.h>

#include "fuzz.h"
#include "kernel/bpf/merge.h"

static int check_row(void *ctx, const struct net_socket *s)
{
    (void)ctx;
    fuzz_check(s->kind < NET_KINDS && s->state < NET_STATES, "kind and state are known ones");
    fuzz_check(strnlen(s->congestion, sizeof s->congestion) < sizeof s->congestion &&
                   strnlen(s->timer, sizeof s->timer) < sizeof s->timer,
               "texts end");
    fuzz_check(s->path_len < sizeof s->path && s->path[s->path_len] == '\0', "paths end");
    for (uint32_t i = 0; i < s->n_owners; i++)
        fuzz_check(s->owners[i].process != NULL &&
                       strnlen(s->owners[i].process->comm, sizeof s->owners[i].process->comm) <
                           sizeof s->owners[i].process->comm,
                   "owners have a process with a name that ends");
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    for (int listeners_first = 0; listeners_first < 2; listeners_first++) {
        struct bpf_merge m;
        bpf_merge_init(&m, check_row, NULL, listeners_first);
        /* Two reads, so that what the first left is met by the second. */
        (void)bpf_merge_feed(&m, data, size / 2);
        if (bpf_merge_feed(&m, data, size) == 0)
            (void)bpf_merge_end(&m);
        bpf_merge_clear(&m);
    }
    return 0;
}
