#include "kernel/steering.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"

int steering_count(void)
{
    union bpf_attr query;
    _cleanup_fd_ int netns = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    if (netns < 0)
        return -errno;
    memset(&query, 0, sizeof query);
    query.query.target_fd = (unsigned)netns;
    query.query.attach_type = BPF_SK_LOOKUP;
    if (syscall(SYS_bpf, BPF_PROG_QUERY, &query, sizeof query) < 0)
        return -errno;
    return (int)query.query.prog_cnt;
}
