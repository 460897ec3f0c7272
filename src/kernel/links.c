#include "kernel/links.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/vec.h"
#include "kernel/links_decode.h"
#include "kernel/netlink.h"
#include "net/iface.h"

struct request {
    struct nlmsghdr head;
    struct ifinfomsg link; /* longer than struct ifaddrmsg, which RTM_GETADDR takes */
};

static int on_message(void *ctx, const struct nlmsghdr *message)
{
    return links_decode(ctx, message);
}

static void forget_links(void *ctx)
{
    struct vec *links = ctx;
    for (size_t i = 0; i < links->len; i++)
        net_iface_clear(vec_at(links, i));
    links->len = 0;
}

static void forget_addrs(void *ctx)
{
    const struct vec *links = ctx;
    for (size_t i = 0; i < links->len; i++)
        net_iface_clear(vec_at(links, i));
}

/* An answer that kept changing is taken as it is: each interface in it was true at its moment. */
static int dump(struct netlink *n, uint16_t type, void (*restart)(void *ctx), struct vec *links,
                struct err *e)
{
    struct request request = {
        .head = {.nlmsg_len = sizeof request, .nlmsg_type = type},
        .link = {.ifi_family = AF_UNSPEC},
    };
    struct netlink_reader reader = {.message = on_message, .restart = restart, .ctx = links};
    int r = netlink_dump(n, &request.head, &reader, e);
    return r == -EINTR ? 0 : r;
}

int links_read(struct vec *ret, struct err *e)
{
    _cleanup_netlink_ struct netlink n = NETLINK_CLOSED;
    struct vec links = VEC_INIT(struct net_iface);
    int r = netlink_open(&n, NETLINK_ROUTE, e);
    if (r == 0)
        r = dump(&n, RTM_GETLINK, forget_links, &links, e);
    if (r == 0)
        r = dump(&n, RTM_GETADDR, forget_addrs, &links, e);
    if (r < 0) {
        links_free(&links);
        return r;
    }
    *ret = links;
    return 0;
}

void links_free(struct vec *links)
{
    for (size_t i = 0; i < links->len; i++)
        net_iface_clear(vec_at(links, i));
    vec_free(links);
}

void links_read_speed(struct net_iface *link)
{
    struct ethtool_cmd command = {.cmd = ETHTOOL_GSET};
    struct ifreq request = {.ifr_data = (void *)&command};
    _cleanup_fd_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || strlen(link->name) >= sizeof request.ifr_name)
        return;
    strcpy(request.ifr_name, link->name);
    if (ioctl(fd, SIOCETHTOOL, &request) < 0)
        return;
    /* The header's own ethtool_cmd_speed() shifts a signed number. */
    uint32_t speed = (uint32_t)command.speed_hi << 16 | command.speed;
    link->speed_mbps = speed == (uint32_t)SPEED_UNKNOWN ? 0 : speed;
}
