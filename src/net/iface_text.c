#include "net/iface_text.h"

#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_arp.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/buf.h"

struct word {
    uint32_t value;
    const char *text;
};
#define COUNT(table) (sizeof(table) / sizeof *(table))

static const struct word flag_words[] = {
    {IFF_UP, "UP"},
    {IFF_BROADCAST, "BROADCAST"},
    {IFF_DEBUG, "DEBUG"},
    {IFF_LOOPBACK, "LOOPBACK"},
    {IFF_POINTOPOINT, "POINTOPOINT"},
    {IFF_NOTRAILERS, "NOTRAILERS"},
    {IFF_RUNNING, "RUNNING"},
    {IFF_NOARP, "NOARP"},
    {IFF_PROMISC, "PROMISC"},
    {IFF_ALLMULTI, "ALLMULTI"},
    {IFF_MASTER, "MASTER"},
    {IFF_SLAVE, "SLAVE"},
    {IFF_MULTICAST, "MULTICAST"},
    {IFF_PORTSEL, "PORTSEL"},
    {IFF_AUTOMEDIA, "AUTOMEDIA"},
    {IFF_DYNAMIC, "DYNAMIC"},
    {IFF_LOWER_UP, "LOWER_UP"},
    {IFF_DORMANT, "DORMANT"},
    {IFF_ECHO, "ECHO"},
};

static const struct word operstate_words[] = {
    {IF_OPER_UNKNOWN, "UNKNOWN"}, {IF_OPER_NOTPRESENT, "NOTPRESENT"},
    {IF_OPER_DOWN, "DOWN"},       {IF_OPER_LOWERLAYERDOWN, "LOWERLAYERDOWN"},
    {IF_OPER_TESTING, "TESTING"}, {IF_OPER_DORMANT, "DORMANT"},
    {IF_OPER_UP, "UP"},
};

static const struct word type_words[] = {
    {ARPHRD_ETHER, "ether"},
    {ARPHRD_LOOPBACK, "loopback"},
    {ARPHRD_NONE, "none"},
    {ARPHRD_PPP, "ppp"},
    {ARPHRD_TUNNEL, "ipip"},
    {ARPHRD_TUNNEL6, "tunnel6"},
    {ARPHRD_SIT, "sit"},
    {ARPHRD_IPGRE, "gre"},
    {ARPHRD_IP6GRE, "gre6"},
    {ARPHRD_INFINIBAND, "infiniband"},
    {ARPHRD_CAN, "can"},
    {ARPHRD_SLIP, "slip"},
    {ARPHRD_RAWIP, "rawip"},
    {ARPHRD_NETLINK, "netlink"},
    {ARPHRD_VSOCKMON, "vsockmon"},
    {ARPHRD_IEEE80211, "ieee802.11"},
    {ARPHRD_IEEE80211_RADIOTAP, "ieee802.11/radiotap"},
    {ARPHRD_6LOWPAN, "6lowpan"},
    {ARPHRD_VOID, "void"},
};

static const struct word scope_words[] = {
    {RT_SCOPE_UNIVERSE, "global"}, {RT_SCOPE_SITE, "site"},       {RT_SCOPE_LINK, "link"},
    {RT_SCOPE_HOST, "host"},       {RT_SCOPE_NOWHERE, "nowhere"},
};

static const struct word addr_flag_words[] = {
    {IFA_F_TENTATIVE, "tentative"},
    {IFA_F_DADFAILED, "dadfailed"},
    {IFA_F_OPTIMISTIC, "optimistic"},
    {IFA_F_DEPRECATED, "deprecated"},
    {IFA_F_NODAD, "nodad"},
    {IFA_F_HOMEADDRESS, "home"},
    {IFA_F_MANAGETEMPADDR, "mngtmpaddr"},
    {IFA_F_NOPREFIXROUTE, "noprefixroute"},
    {IFA_F_MCAUTOJOIN, "autojoin"},
    {IFA_F_STABLE_PRIVACY, "stable-privacy"},
};

static const struct word protocol_words[] = {
    {1, "kernel_lo"}, /* IFAPROT_KERNEL_LO, _RA, _LL */
    {2, "kernel_ra"},
    {3, "kernel_ll"},
};

static void add_number_or_word(struct buf *out, const struct word *words, size_t n, uint32_t value)
{
    for (size_t i = 0; i < n; i++) {
        if (words[i].value == value) {
            buf_str(out, words[i].text);
            return;
        }
    }
    buf_u64(out, value);
}

static void add_comma(struct buf *out, bool *first)
{
    if (!*first)
        buf_char(out, ',');
    *first = false;
}

/* Appends the words of the bits that are set; returns the bits that have none. */
static uint32_t add_bits(struct buf *out, const struct word *words, size_t n, uint32_t bits,
                         bool *first)
{
    for (size_t i = 0; i < n; i++) {
        if (!(bits & words[i].value))
            continue;
        add_comma(out, first);
        buf_str(out, words[i].text);
        bits &= ~words[i].value;
    }
    return bits;
}

static void add_rest(struct buf *out, uint32_t bits, bool *first)
{
    if (!bits)
        return;
    add_comma(out, first);
    buf_str(out, "0x");
    buf_hex(out, bits);
}

void net_iface_format_flags(struct buf *out, uint32_t flags)
{
    bool first = true;
    add_rest(out, add_bits(out, flag_words, COUNT(flag_words), flags, &first), &first);
}

void net_iface_format_operstate(struct buf *out, uint8_t operstate)
{
    add_number_or_word(out, operstate_words, COUNT(operstate_words), operstate);
}

void net_iface_format_type(struct buf *out, uint16_t type)
{
    add_number_or_word(out, type_words, COUNT(type_words), type);
}

static int family_of_mac(const struct net_iface *i)
{
    switch (i->type) {
    case ARPHRD_TUNNEL:
    case ARPHRD_SIT:
    case ARPHRD_IPGRE:
        return i->mac_len == 4 ? AF_INET : 0;
    case ARPHRD_TUNNEL6:
    case ARPHRD_IP6GRE:
        return i->mac_len == 16 ? AF_INET6 : 0;
    default:
        return 0;
    }
}

void net_iface_format_mac(struct buf *out, const struct net_iface *i, const uint8_t *bytes)
{
    int family = family_of_mac(i);
    if (family) {
        struct net_addr a = net_addr_from_bytes(family, bytes);
        net_addr_format(out, &a);
        return;
    }
    for (unsigned k = 0; k < i->mac_len; k++)
        buf_printf(out, "%s%02x", k ? ":" : "", bytes[k]);
}

void net_iface_format_scope(struct buf *out, uint8_t scope)
{
    add_number_or_word(out, scope_words, COUNT(scope_words), scope);
}

/* IFA_F_TEMPORARY is IFA_F_SECONDARY by number: the family says which it is. What isn't permanent
 * has a lifetime. */
void net_iface_format_addr_flags(struct buf *out, const struct net_iface_addr *a)
{
    bool first = true;
    uint32_t bits = a->flags;
    if (bits & IFA_F_SECONDARY) {
        add_comma(out, &first);
        buf_str(out, a->addr.family == AF_INET6 ? "temporary" : "secondary");
    }
    if (!(bits & IFA_F_PERMANENT)) {
        add_comma(out, &first);
        buf_str(out, "dynamic");
    }
    bits &= ~(uint32_t)(IFA_F_SECONDARY | IFA_F_PERMANENT);
    add_rest(out, add_bits(out, addr_flag_words, COUNT(addr_flag_words), bits, &first), &first);
}

void net_iface_format_addr_protocol(struct buf *out, uint8_t protocol)
{
    add_number_or_word(out, protocol_words, COUNT(protocol_words), protocol);
}
