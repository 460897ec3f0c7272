/* One rtnetlink message as route_read gets it. */
#include <libmnl/libmnl.h>

#include "fuzz.h"
#include "kernel/route.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct net_route route = {0};
    const struct nlmsghdr *message = (const struct nlmsghdr *)data;
    if (!mnl_nlmsg_ok(message, (int)size) || route_decode(message, &route) < 0)
        return 0;
    fuzz_check(route.kind < NET_ROUTE_KINDS && net_route_kind_name(route.kind)[0], "a known kind");
    fuzz_check(route.source.family == AF_UNSPEC || net_addr_length(&route.source), "an address");
    return 0;
}
