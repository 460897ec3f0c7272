/* Files of /proc/net: the first byte says which, the rest are its lines. */
#include <string.h>

#include "fuzz.h"
#include "kernel/proc_net_parse.h"

static int (*const parsers[])(const char *line, size_t n, enum net_kind kind, uint32_t detail,
                              struct net_socket *row) = {
    proc_net_parse_inet, proc_net_parse_unix, proc_net_parse_netlink, proc_net_parse_packet};

static void parse_line(unsigned which, const char *line, size_t n)
{
    struct net_socket s = {0};
    char *copy = malloc(n ? n : 1); /* of the very size, so that ASan sees a byte too many */
    if (!copy)
        return;
    memcpy(copy, line, n);
    if (parsers[which % 4](copy, n, NET_UDP, UINT32_MAX, &s) == 0) {
        fuzz_check((unsigned)s.kind < NET_KINDS && (unsigned)s.state < NET_STATES,
                   "kind and state");
        fuzz_check(s.path_len < sizeof s.path, "a path has its length");
        fuzz_check(s.local_port <= UINT16_MAX && s.peer_port <= UINT16_MAX, "ports");
    }
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size)
        return 0;
    const char *at = (const char *)data + 1, *end = (const char *)data + size;
    while (at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        if (!stop)
            stop = end;
        parse_line(data[0], at, (size_t)(stop - at));
        at = stop + 1;
    }
    return 0;
}
