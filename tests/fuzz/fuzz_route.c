/* One rtnetlink message as route_read gets it. */
#include <linux/netlink.h>

#include "fuzz.h"
#include "kernel/route.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct net_route route = {0};
    const struct nlmsghdr *message = (const struct nlmsghdr *)data;
    /* mnl_nlmsg_ok() takes lengths above INT_MAX for good. */
    if (size < sizeof *message || message->nlmsg_len < sizeof *message ||
        message->nlmsg_len > size || route_decode(message, &route) < 0)
        return 0;
    fuzz_check(route.kind < NET_ROUTE_KINDS && net_route_kind_name(route.kind)[0], "a known kind");
    fuzz_check(route.source.family == AF_UNSPEC || net_addr_length(&route.source), "an address");
    return 0;
}
