/* Addresses of families that have no IP: UNIX names, netlink and packet protocols, vsock. */
#include <string.h>

#include "base/parse.h"
#include "net/filter_impl.h"

const filter_tree *filter_path(struct filter_parser *p, const struct filter_spec *spec)
{
    static const struct filter_what unix_kinds = {.kinds = NET_KINDS_UNIX};
    const struct filter_what *what = spec->has_what ? &spec->what : &unix_kinds;
    if (filter_is_any(spec->rest))
        return filter_within(p, what, NULL);
    if (spec->end == NET_PEER)
        return filter_fault(p, spec->word,
                            "a UNIX peer has no name here, only its inode: peer_inode = N");
    filter_tree *n = filter_node(p, NET_FILTER_PATH);
    if (!n)
        return NULL;
    n->end = NET_LOCAL;
    n->text = spec->rest;
    return filter_within(p, what, n);
}

static const filter_tree *id_node(struct filter_parser *p, enum net_filter_end end, uint64_t number)
{
    filter_tree *n = filter_node(p, NET_FILTER_ID);
    if (n) {
        n->end = end;
        n->number = number;
    }
    return n;
}

static const filter_tree *protocol_node(struct filter_parser *p, uint64_t number)
{
    filter_tree *n = filter_node(p, NET_FILTER_FIELD);
    if (n) {
        n->field = NET_F_PROTOCOL;
        n->relation = NET_EQ;
        n->number = number;
    }
    return n;
}

struct protocol_name {
    const char *name;
    uint32_t number;
};

/* include/uapi/linux/netlink.h, by the names that ss knows from nl_protos, and the kernel's own. */
static const struct protocol_name netlink_protocols[] = {
    {"rtnl", 0},     {"route", 0},      {"unused", 1},      {"usersock", 2},   {"fw", 3},
    {"firewall", 3}, {"tcpdiag", 4},    {"sock_diag", 4},   {"nflog", 5},      {"xfrm", 6},
    {"selinux", 7},  {"iscsi", 8},      {"audit", 9},       {"fiblookup", 10}, {"connector", 11},
    {"nft", 12},     {"netfilter", 12}, {"ip6fw", 13},      {"dec-rt", 14},    {"uevent", 15},
    {"genl", 16},    {"generic", 16},   {"scsi-trans", 18}, {"ecryptfs", 19},  {"rdma", 20},
    {"crypto", 21},
};

/* include/uapi/linux/if_ether.h */
static const struct protocol_name ether_protocols[] = {
    {"all", 0x0003},      {"ip", 0x0800},      {"ipv4", 0x0800},    {"arp", 0x0806},
    {"rarp", 0x8035},     {"802.1q", 0x8100},  {"ipx", 0x8137},     {"ipv6", 0x86dd},
    {"ppp_disc", 0x8863}, {"ppp_ses", 0x8864}, {"802.1ad", 0x88a8}, {"lldp", 0x88cc},
    {"eapol", 0x888e},    {"ptp", 0x88f7},     {"loop", 0x0060},
};

static bool find_protocol(const struct protocol_name *list, size_t n, const char *name,
                          uint64_t *ret)
{
    for (size_t i = 0; i < n; i++) {
        if (filter_same_word(name, list[i].name)) {
            *ret = list[i].number;
            return true;
        }
    }
    return parse_u64(name, 0, UINT16_MAX, ret) == 0;
}

/* "PROTOCOL:PORT" of netlink and packet sockets; either may be "*" or missing. */
const filter_tree *filter_by_protocol(struct filter_parser *p, const struct filter_spec *spec)
{
    bool netlink = spec->what.kinds == 1 << NET_NETLINK;
    size_t n = strcspn(spec->rest, ":");
    const char *name = filter_text(p, spec->rest, n), *id = spec->rest + n + (spec->rest[n] == ':');
    const filter_tree *tree = filter_what_node(p, &spec->what);
    uint64_t number;
    uint32_t ifindex;
    if (!name)
        return NULL;
    if (!filter_is_any(name)) {
        bool found =
            netlink
                ? find_protocol(netlink_protocols,
                                sizeof netlink_protocols / sizeof *netlink_protocols, name, &number)
                : find_protocol(ether_protocols, sizeof ether_protocols / sizeof *ether_protocols,
                                name, &number);
        if (!found)
            return filter_fault_part(p, spec->word, spec->rest, n, "no such %s protocol: '%s'",
                                     netlink ? "netlink" : "Ethernet", filter_quote(name).text);
        tree = filter_pair(p, NET_FILTER_AND, tree, protocol_node(p, number));
    }
    if (filter_is_any(id))
        return tree;
    if (netlink && strcmp(id, "kernel") == 0)
        number = 0;
    else if (!netlink && p->names->device && p->names->device(p->names->ctx, id, &ifindex) == 0)
        number = ifindex;
    else if (parse_u64(id, 0, UINT32_MAX, &number) < 0)
        return filter_fault_part(p, spec->word, id, strlen(id),
                                 netlink ? "'%s' is no netlink port id" : "no device '%s'",
                                 filter_quote(id).text);
    return filter_pair(p, NET_FILTER_AND, tree, id_node(p, spec->end, number));
}

const filter_tree *filter_vsock(struct filter_parser *p, const struct filter_spec *spec)
{
    size_t n = strcspn(spec->rest, ":");
    const char *cid = filter_text(p, spec->rest, n);
    const char *port = spec->rest + n + (spec->rest[n] == ':');
    const filter_tree *tree = filter_what_node(p, &spec->what);
    uint32_t first, last;
    uint64_t number;
    if (!cid || !filter_read_port(p, spec, port, &first, &last))
        return NULL;
    if (!filter_is_any(cid)) {
        if (parse_u64(cid, 0, UINT32_MAX, &number) < 0)
            return filter_fault_part(p, spec->word, spec->rest, n, "'%s' is no vsock CID",
                                     filter_quote(cid).text);
        tree = filter_pair(p, NET_FILTER_AND, tree, id_node(p, spec->end, number));
    }
    if (filter_is_any(port))
        return tree;
    return filter_pair(p, NET_FILTER_AND, tree, filter_host_node(p, spec->end, first, last));
}
