#include "kernel/links.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/ethtool.h>
#include <linux/netlink.h>
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
#include "net/iface.h"

/* A dump that changed under its reader (NLM_F_DUMP_INTR) is read again, so often at the most. */
enum { ATTEMPTS = 8, RECEIVE_SIZE = 32768 };

struct dump {
    struct vec *links;
    uint16_t interrupted;
};

static int on_message(const struct nlmsghdr *message, void *ctx)
{
    struct dump *d = ctx;
    d->interrupted |= message->nlmsg_flags & NLM_F_DUMP_INTR;
    int r = links_decode(d->links, message);
    if (r < 0) {
        errno = -r;
        return MNL_CB_ERROR;
    }
    return MNL_CB_OK;
}

static int receive(struct mnl_socket *nl, unsigned seq, struct dump *d)
{
    _Alignas(struct nlmsghdr) char bytes[RECEIVE_SIZE];
    for (;;) {
        ssize_t n = mnl_socket_recvfrom(nl, bytes, sizeof bytes);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        int r = mnl_cb_run(bytes, (size_t)n, seq, mnl_socket_get_portid(nl), on_message, d);
        if (r <= MNL_CB_STOP)
            return r < 0 ? -errno : 0;
    }
}

static int dump(struct mnl_socket *nl, uint16_t type, unsigned seq, struct dump *d)
{
    struct {
        struct nlmsghdr head;
        struct ifinfomsg link; /* longer than struct rtgenmsg, which RTM_GETADDR takes too */
    } request = {
        .head = {.nlmsg_len = sizeof request,
                 .nlmsg_type = type,
                 .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
                 .nlmsg_seq = seq},
        .link = {.ifi_family = AF_UNSPEC},
    };
    if (mnl_socket_sendto(nl, &request, sizeof request) < 0)
        return -errno;
    return receive(nl, seq, d);
}

static int read_once(struct mnl_socket *nl, unsigned attempt, struct vec *links)
{
    struct dump d = {.links = links};
    int r = dump(nl, RTM_GETLINK, 2 * attempt + 1, &d);
    if (r == 0)
        r = dump(nl, RTM_GETADDR, 2 * attempt + 2, &d);
    return r < 0 ? r : d.interrupted ? -EAGAIN : 0;
}

static int read_all(struct mnl_socket *nl, struct vec *ret)
{
    if (mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0)
        return -errno;
    for (unsigned attempt = 0; attempt < ATTEMPTS; attempt++) {
        struct vec links = VEC_INIT(struct net_iface);
        int r = read_once(nl, attempt, &links);
        if (r == 0) {
            *ret = links;
            return 0;
        }
        links_free(&links);
        if (r != -EAGAIN)
            return r;
    }
    return -EAGAIN;
}

int links_read(struct vec *ret, struct err *e)
{
    struct mnl_socket *nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
    int r = nl ? read_all(nl, ret) : -errno;
    if (nl)
        mnl_socket_close(nl);
    return r < 0 ? err_set(e, -r, "read the network interfaces", "", NULL) : 0;
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
    uint32_t speed = ethtool_cmd_speed(&command);
    link->speed_mbps = speed == (uint32_t)SPEED_UNKNOWN ? 0 : speed;
}
