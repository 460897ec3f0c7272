#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "base/vec.h"
#include "kernel/links.h"
#include "kernel/links_decode.h"
#include "kernel/sysctl.h"
#include "net/facts.h"
#include "net/iface.h"

struct message {
    _Alignas(8) char bytes[4096];
};

static struct nlmsghdr *start_link(struct message *m, int index, const char *name)
{
    struct nlmsghdr *head = mnl_nlmsg_put_header(m->bytes);
    head->nlmsg_type = RTM_NEWLINK;
    struct ifinfomsg *link = mnl_nlmsg_put_extra_header(head, sizeof *link);
    link->ifi_index = index;
    link->ifi_flags = IFF_UP | 1 << 16;
    mnl_attr_put_strz(head, IFLA_IFNAME, name);
    return head;
}

static struct nlmsghdr *start_addr(struct message *m, int index, int family, uint8_t prefix)
{
    struct nlmsghdr *head = mnl_nlmsg_put_header(m->bytes);
    head->nlmsg_type = RTM_NEWADDR;
    struct ifaddrmsg *addr = mnl_nlmsg_put_extra_header(head, sizeof *addr);
    addr->ifa_index = (uint32_t)index;
    addr->ifa_family = (uint8_t)family;
    addr->ifa_prefixlen = prefix;
    addr->ifa_flags = IFA_F_PERMANENT;
    return head;
}

static void put_addr(struct nlmsghdr *head, uint16_t type, const char *text)
{
    struct net_addr a;
    assert_int_equal(net_addr_parse(text, &a, NULL), 0);
    mnl_attr_put(head, type, net_addr_length(&a), a.bytes);
}

static void expect_addr(const struct net_addr *a, const char *text)
{
    _cleanup_buf_ struct buf b = BUF_INIT(64);
    net_addr_format(&b, a);
    assert_string_equal(buf_cstr(&b), text);
}

static void test_link(void **state)
{
    (void)state;
    struct message m;
    struct vec links = VEC_INIT(struct net_iface);
    struct nlmsghdr *head = start_link(&m, 7, "veth0");
    mnl_attr_put_u32(head, IFLA_MTU, 1400);
    mnl_attr_put_u32(head, IFLA_LINK, 9);
    mnl_attr_put_u32(head, IFLA_LINK_NETNSID, 3);
    mnl_attr_put_u8(head, IFLA_OPERSTATE, 6);
    mnl_attr_put(head, IFLA_ADDRESS, 6, "\x02\x00\x00\x00\x00\x01");
    struct nlattr *nest = mnl_attr_nest_start(head, IFLA_LINKINFO);
    mnl_attr_put_strz(head, IFLA_INFO_KIND, "veth");
    mnl_attr_nest_end(head, nest);
    nest = mnl_attr_nest_start(head, IFLA_PROP_LIST);
    mnl_attr_put_strz(head, IFLA_ALT_IFNAME, "uplink");
    mnl_attr_put_strz(head, IFLA_ALT_IFNAME, "second");
    mnl_attr_nest_end(head, nest);
    mnl_attr_put_u32(head, 999, 1); /* unknown: skipped */
    assert_int_equal(links_decode(&links, head), 0);

    const struct net_iface *i = vec_at(&links, 0);
    assert_int_equal(i->index, 7);
    assert_string_equal(i->name, "veth0");
    assert_int_equal(i->flags, IFF_UP | 1 << 16);
    assert_int_equal(i->mtu, 1400);
    assert_int_equal(i->link, 9);
    assert_int_equal(i->link_netns, 3);
    assert_int_equal(i->operstate, 6);
    assert_int_equal(i->mac_len, 6);
    assert_string_equal(i->kind, "veth");
    assert_string_equal(i->altname, "uplink");
    links_free(&links);
}

static void test_addrs(void **state)
{
    (void)state;
    struct message m;
    struct vec links = VEC_INIT(struct net_iface);
    links_decode(&links, start_link(&m, 7, "tun0"));

    struct nlmsghdr *head = start_addr(&m, 7, AF_INET, 32);
    put_addr(head, IFA_ADDRESS, "10.0.0.2");
    put_addr(head, IFA_LOCAL, "10.0.0.1");
    mnl_attr_put_strz(head, IFA_LABEL, "tun0:a");
    assert_int_equal(links_decode(&links, head), 0);

    head = start_addr(&m, 7, AF_INET6, 200); /* a prefix longer than the address */
    struct ifa_cacheinfo cache = {.ifa_prefered = 10, .ifa_valid = 20};
    put_addr(head, IFA_ADDRESS, "fe80::1");
    mnl_attr_put_u32(head, IFA_FLAGS, IFA_F_TENTATIVE | IFA_F_NOPREFIXROUTE);
    mnl_attr_put(head, IFA_CACHEINFO, sizeof cache, &cache);
    assert_int_equal(links_decode(&links, head), 0);

    head = start_addr(&m, 8, AF_INET, 8); /* of a link that isn't there */
    put_addr(head, IFA_LOCAL, "10.0.0.1");
    assert_int_equal(links_decode(&links, head), 0);
    head = start_addr(&m, 7, AF_INET6, 64);
    mnl_attr_put(head, IFA_ADDRESS, 4, "abcd"); /* too short for its family */
    assert_int_equal(links_decode(&links, head), 0);

    const struct net_iface *i = vec_at(&links, 0);
    assert_int_equal(i->n_addrs, 2);
    expect_addr(&i->addrs[0].addr, "10.0.0.1");
    expect_addr(&i->addrs[0].peer, "10.0.0.2");
    assert_string_equal(i->addrs[0].label, "tun0:a");
    assert_int_equal(i->addrs[0].valid_s, UINT32_MAX);
    expect_addr(&i->addrs[1].addr, "fe80::1");
    assert_int_equal(i->addrs[1].addr.scope, 7);
    assert_int_equal(i->addrs[1].peer.family, AF_UNSPEC);
    assert_int_equal(i->addrs[1].prefix_len, 128);
    assert_int_equal(i->addrs[1].flags, IFA_F_TENTATIVE | IFA_F_NOPREFIXROUTE);
    assert_int_equal(i->addrs[1].preferred_s, 10);
    links_free(&links);
}

static void test_broken(void **state)
{
    (void)state;
    struct message m;
    struct vec links = VEC_INIT(struct net_iface);
    struct nlmsghdr *head = mnl_nlmsg_put_header(m.bytes);
    head->nlmsg_type = RTM_NEWLINK;
    assert_int_equal(links_decode(&links, head), -EBADMSG);
    head->nlmsg_type = RTM_NEWADDR;
    assert_int_equal(links_decode(&links, head), -EBADMSG);
    head = start_link(&m, 1, "a name that is far too long for it");
    head->nlmsg_len -= 1;
    assert_int_equal(links_decode(&links, head), -EBADMSG);
    head->nlmsg_len += 1;
    assert_int_equal(links_decode(&links, head), 0);
    const struct net_iface *i = vec_at(&links, 0);
    assert_int_equal(strlen(i->name), sizeof i->name - 1);
    links_free(&links);
}

/* Every namespace has lo, and libc's own enumeration names the same interfaces. */
static void test_this_host(void **state)
{
    (void)state;
    struct vec links;
    assert_int_equal(links_read(&links, NULL), 0);
    const struct net_iface *lo = net_iface_by_name(links.items, (uint32_t)links.len, "lo");
    assert_non_null(lo);
    assert_int_equal(lo->index, 1);
    assert_true(lo->flags & IFF_LOOPBACK);
    assert_int_equal(lo->link_netns, -1);
    struct if_nameindex *names = if_nameindex();
    size_t n = 0;
    for (; names[n].if_index; n++)
        assert_non_null(net_iface_by_name(links.items, (uint32_t)links.len, names[n].if_name));
    if_freenameindex(names);
    assert_int_equal(links.len, n);
    links_free(&links);
}

static void test_sysctl(void **state)
{
    (void)state;
    _cleanup_buf_ struct buf b = BUF_INIT(65536);
    uint64_t value;
    uint32_t first, last;
    assert_int_equal(sysctl_read("kernel.ostype", &b), 0);
    assert_string_equal(buf_cstr(&b), "Linux");
    assert_int_equal(sysctl_read_u64("net.ipv4.ip_unprivileged_port_start", &value), 0);
    assert_int_equal(sysctl_read_pair("net.ipv4.ip_local_port_range", &first, &last), 0);
    assert_true(first < last);
    assert_int_equal(sysctl_read("kernel.no_such_thing", &b), -ENOENT);
    assert_int_equal(sysctl_read("kernel.//.//.etc.passwd", &b), -EINVAL);
    assert_int_equal(sysctl_read("", &b), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_link),   cmocka_unit_test(test_addrs),
        cmocka_unit_test(test_broken), cmocka_unit_test(test_this_host),
        cmocka_unit_test(test_sysctl),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
