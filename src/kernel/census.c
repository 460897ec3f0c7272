#include "kernel/census.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/buf.h"
#include "base/fd.h"
#include "kernel/snmp.h"

enum { TEXT_MAX = 1 << 15 };

static int take_counter(void *ctx, const char *name, uint64_t value)
{
    static const struct {
        const char *name;
        size_t at;
    } counters[] = {
        {"sockstat.TCP.inuse", offsetof(struct census, tcp)},
        {"sockstat.TCP6.inuse", offsetof(struct census, tcp)},
        {"sockstat.TCP.tw", offsetof(struct census, waiting)},
        {"TcpActiveOpens", offsetof(struct census, opened)},
        {"TcpPassiveOpens", offsetof(struct census, opened)},
    };

    for (size_t i = 0; i < sizeof counters / sizeof counters[0]; i++)
        if (strcmp(name, counters[i].name) == 0)
            *(uint64_t *)((char *)ctx + counters[i].at) += value;
    return 0;
}

static int take_file(const char *path, struct census *c)
{
    _cleanup_buf_ struct buf text = BUF_INIT(TEXT_MAX);
    int r = fd_read_file(AT_FDCWD, path, &text);
    return r < 0 ? r : snmp_parse(text.data, text.len, take_counter, c);
}

int census_take(struct census *ret)
{
    struct census c = {0};
    int r = take_file("/proc/thread-self/net/sockstat", &c);
    r = r < 0 ? r : take_file("/proc/thread-self/net/snmp", &c);
    if (r < 0)
        return r;
    r = take_file("/proc/thread-self/net/sockstat6", &c);
    if (r < 0 && r != -ENOENT) /* without IPv6 there is none */
        return r;
    *ret = c;
    return 0;
}

bool census_is_complete(const struct census *before, const struct census *after, uint64_t n)
{
    return before->tcp == n && after->tcp == n && before->waiting == 0 && after->waiting == 0 &&
           before->opened == after->opened;
}
