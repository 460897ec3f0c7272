#include "kernel/firewall.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/vec.h"
#include "kernel/attrs.h"
#include "kernel/listing.h"
#include "kernel/netlink.h"

/* Whether there is one: a chain of nf_tables that hangs at a hook, or a table of the older
 * iptables. */

static int on_chain(void *ctx, const struct nlmsghdr *m)
{
    struct attr attrs[NFTA_CHAIN_HOOK + 1];
    attrs_parse_message(m, sizeof(struct nfgenmsg), attrs, NFTA_CHAIN_HOOK + 1);
    *(bool *)ctx |= attrs[NFTA_CHAIN_HOOK].data != NULL;
    return 0;
}

static int find_chain(bool *ret)
{
    struct {
        struct nlmsghdr head;
        struct nfgenmsg body;
    } request = {.head = {.nlmsg_len = sizeof request,
                          .nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETCHAIN},
                 .body = {.nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0}};
    _cleanup_netlink_ struct netlink n = NETLINK_CLOSED;
    bool found = false;
    const struct netlink_reader reader = {.message = on_chain, .ctx = &found};
    int result = netlink_open(&n, NETLINK_NETFILTER, NULL);
    if (result == 0)
        result = netlink_dump(&n, &request.head, &reader, NULL);
    *ret = found;
    /* A kernel without nf_tables knows no such request. */
    return result == -EINVAL || result == -EOPNOTSUPP || result == -EPROTONOSUPPORT ||
                   result == -ENOENT || result == -EINTR
               ? 0
               : result;
}

static bool has_old_tables(const char *path)
{
    _cleanup_buf_ struct buf names = BUF_INIT(4096);
    return fd_read_file(AT_FDCWD, path, &names) == 0 && names.len > 0;
}

bool firewall_is_old(void)
{
    return has_old_tables("/proc/thread-self/net/ip_tables_names") ||
           has_old_tables("/proc/thread-self/net/ip6_tables_names");
}

int firewall_exists(void)
{
    bool found = firewall_is_old();
    int result = found ? 0 : find_chain(&found);
    return found ? 1 : result;
}

/* Listings */

struct source {
    const char *const command[4];
    enum firewall_family family; /* none: nft's, which tells it */
};

static int read_one(const struct source *s, struct firewall *ret)
{
    _cleanup_buf_ struct buf text = BUF_INIT(LISTING_MAX);
    int result = listing_read(s->command, &text);
    if (result < 0)
        return result;
    return s->family ? firewall_parse_iptables(text.data, text.len, s->family, ret)
                     : firewall_parse_nft(text.data, text.len, ret);
}

int firewall_read(struct firewall *ret)
{
    static const struct source nft = {{"/usr/sbin/nft", "list", "ruleset", NULL},
                                      FIREWALL_NO_FAMILY};
    /* The second of a pair is asked where the first isn't installed. */
    static const struct source old[][2] = {
        {{{"/usr/sbin/iptables-legacy-save", NULL}, FIREWALL_IP},
         {{"/usr/sbin/iptables-save", NULL}, FIREWALL_IP}},
        {{{"/usr/sbin/ip6tables-legacy-save", NULL}, FIREWALL_IP6},
         {{"/usr/sbin/ip6tables-save", NULL}, FIREWALL_IP6}},
    };
    int result = read_one(&nft, ret);
    if (result == 0 && !firewall_is_old())
        return 0;
    for (size_t i = 0; i < sizeof old / sizeof *old; i++) {
        int r = read_one(&old[i][0], ret);
        if (r == -ENOENT)
            r = read_one(&old[i][1], ret);
        if (r == 0 || result == -ENOENT)
            result = r;
    }
    return result;
}
