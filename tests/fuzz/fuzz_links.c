/* rtnetlink messages as links_read gets them: any bytes may stand for a dump. */
#include <libmnl/libmnl.h>
#include <string.h>

#include "base/vec.h"
#include "fuzz.h"
#include "kernel/links.h"
#include "kernel/links_decode.h"
#include "net/iface.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vec links = VEC_INIT(struct net_iface);
    const struct nlmsghdr *message = (const struct nlmsghdr *)data;
    int left = (int)size;
    while (mnl_nlmsg_ok(message, left)) {
        links_decode(&links, message);
        message = mnl_nlmsg_next(message, &left);
    }
    for (size_t i = 0; i < links.len; i++) {
        const struct net_iface *link = vec_at(&links, i);
        fuzz_check(strnlen(link->name, sizeof link->name) < sizeof link->name &&
                       strnlen(link->altname, sizeof link->altname) < sizeof link->altname,
                   "names end");
    }
    links_free(&links);
    return 0;
}
