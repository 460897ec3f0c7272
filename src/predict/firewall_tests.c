/* Single words of rules against a packet: ports, addresses, devices, states. */
#include "predict/firewall_tests.h"

#include <string.h>

#include "base/parse.h"

static bool copy(const struct firewall_word *w, char *ret, size_t size)
{
    if (w->n == 0 || w->n >= size)
        return false;
    memcpy(ret, w->at, w->n);
    ret[w->n] = '\0';
    return true;
}

/* Ports */

/* "80", "8000-8100" of nft, "8000:8100" of iptables. */
static bool parse_range(const struct firewall_word *w, struct firewall_ports *ret)
{
    char text[16];
    if (!copy(w, text, sizeof text))
        return false;
    char *colon = strchr(text, ':');
    if (colon)
        *colon = '-';
    return parse_port_range(text, &ret->first, &ret->last) == 0;
}

static enum tri test_port(const struct firewall_ports *have, const struct firewall_word *w)
{
    struct firewall_ports want;
    if (!parse_range(w, &want))
        return TRI_MAYBE;
    if (have->last < want.first || want.last < have->first)
        return TRI_NO;
    return want.first <= have->first && have->last <= want.last ? TRI_YES : TRI_MAYBE;
}

enum tri firewall_test_order(const struct firewall_subject *s, enum firewall_test test,
                             const char *order, const struct firewall_word *w)
{
    struct firewall_ports n, have = test == TEST_SPORT ? s->p->from_port : s->p->to_port;
    bool above = *order == '>', same = order[1] == '=';
    if ((test != TEST_SPORT && test != TEST_DPORT) || !parse_range(w, &n) || n.first != n.last)
        return TRI_MAYBE;
    bool all = above ? have.first + same > n.first : have.last < n.first + same;
    bool none = above ? have.last + same <= n.first : have.first >= n.first + same;
    return all ? TRI_YES : none ? TRI_NO : TRI_MAYBE;
}

/* Protocols */

static enum tri test_protocol(enum net_kind kind, const struct firewall_word *w)
{
    const char *name = kind == NET_UDP ? "udp" : "tcp", *number = kind == NET_UDP ? "17" : "6";
    return tri_of(firewall_word_is(w, name) || firewall_word_is(w, number) ||
                  firewall_word_is(w, "all"));
}

enum tri firewall_test_transport(const struct firewall_subject *s, const struct firewall_word *w)
{
    return firewall_word_is(w, "th") ? TRI_YES : test_protocol(s->p->kind, w);
}

static enum tri test_network(int family, const struct firewall_word *w)
{
    bool v4 = firewall_word_is(w, "ipv4") || firewall_word_is(w, "ip"),
         v6 = firewall_word_is(w, "ipv6") || firewall_word_is(w, "ip6");
    return tri_of(family == AF_INET6 ? v6 : v4);
}

/* Addresses */

static enum tri test_range(const struct net_addr *a, char *text, char *dash)
{
    struct net_addr first, last, plain = *a;
    *dash = '\0';
    plain.scope = 0;
    if (net_addr_parse(text, &first, NULL) < 0 || net_addr_parse(dash + 1, &last, NULL) < 0)
        return TRI_MAYBE;
    return tri_of(net_addr_compare(&first, &plain) <= 0 && net_addr_compare(&plain, &last) <= 0);
}

static enum tri test_address(const struct net_addr *a, const struct firewall_word *w)
{
    char text[128];
    struct net_prefix prefix;
    if (!a->family || !copy(w, text, sizeof text))
        return TRI_MAYBE;
    char *dash = strchr(text, '-');
    if (dash)
        return test_range(a, text, dash);
    if (net_prefix_parse(text, &prefix) < 0)
        return TRI_MAYBE;
    return tri_of(prefix.addr.family == a->family && net_prefix_contains(&prefix, a));
}

static enum tri test_type(const struct firewall_subject *s, const struct firewall_word *w)
{
    bool local = s->hook == FIREWALL_INPUT || s->hook == FIREWALL_PREROUTING ||
                 (s->p->in && strcmp(s->p->in, "lo") == 0);
    if (!local || s->p->answers)
        return TRI_MAYBE;
    return tri_of(firewall_word_is(w, "local") || firewall_word_is(w, "LOCAL"));
}

/* Devices: "eth0", "eth*" of nft, "eth+" of iptables. At hooks where a packet has none of the kind,
 * its name is empty (nft_meta_store_ifname of net/netfilter/nft_meta.c), and so unlike all.
 * test: test_explain_connect.py, test_chains_everywhere */
static enum tri test_device(const char *device, const struct firewall_word *w)
{
    if (!device || w->n == 0)
        return TRI_NO;
    char last = w->at[w->n - 1];
    if (last == '*' || last == '+')
        return tri_of(strncmp(device, w->at, w->n - 1) == 0);
    if (!w->quoted && w->at[0] >= '0' && w->at[0] <= '9') /* a number, where the name is gone */
        return TRI_MAYBE;
    return tri_of(strlen(device) == w->n && memcmp(device, w->at, w->n) == 0);
}

static bool has_in(enum firewall_hook hook)
{
    return hook == FIREWALL_INGRESS || hook == FIREWALL_PREROUTING || hook == FIREWALL_INPUT ||
           hook == FIREWALL_FORWARD;
}

static bool has_out(enum firewall_hook hook)
{
    return hook == FIREWALL_EGRESS || hook == FIREWALL_POSTROUTING || hook == FIREWALL_OUTPUT ||
           hook == FIREWALL_FORWARD;
}

/* Connection tracking */

static enum tri test_state(const struct firewall_subject *s, const struct firewall_word *w)
{
    static const char *const states[][2] = {{"new", "NEW"},
                                            {"established", "ESTABLISHED"},
                                            {"related", "RELATED"},
                                            {"invalid", "INVALID"},
                                            {"untracked", "UNTRACKED"}};
    if (s->f->untracks || s->hook == FIREWALL_INGRESS || s->hook == FIREWALL_EGRESS)
        return TRI_MAYBE;
    for (size_t i = 0; i < sizeof states / sizeof *states; i++)
        if (firewall_word_is(w, states[i][0]) || firewall_word_is(w, states[i][1]))
            return tri_of(i == (s->p->answers ? 1 : 0));
    return firewall_word_is(w, "DNAT") && s->p->translated ? TRI_YES : TRI_MAYBE;
}

static enum tri test_status(const struct firewall_subject *s, const struct firewall_word *w)
{
    bool known = firewall_word_is(w, "dnat") && s->p->translated && !s->f->untracks;
    return known ? TRI_YES : TRI_MAYBE;
}

static enum tri test_direction(const struct firewall_subject *s, const struct firewall_word *w)
{
    if (s->f->untracks)
        return TRI_MAYBE;
    bool reply = firewall_word_is(w, "reply") || firewall_word_is(w, "REPLY");
    return tri_of(reply == s->p->answers);
}

/* The device that a packet comes in by is taken to be the one that leads back; a loopback device
 * always is (nft_fib_is_loopback of include/net/netfilter/nft_fib.h). */
static enum tri test_way_back(const struct firewall_word *w)
{
    if (firewall_word_is(w, "missing") || firewall_word_is(w, "0"))
        return TRI_NO;
    return firewall_word_is(w, "exists") ? TRI_YES : TRI_MAYBE;
}

/* Flags of TCP */

static const struct {
    const char *names[2];
    unsigned bit;
} flags[] = {{{"fin", "FIN"}, 1},  {{"syn", "SYN"}, 2},
             {{"rst", "RST"}, 4},  {{"psh", "PSH"}, 8},
             {{"ack", "ACK"}, 16}, {{"urg", "URG"}, 32},
             {{"ecn", "ECE"}, 64}, {{"cwr", "CWR"}, 128},
             {{"0x0", "NONE"}, 0}, {{"all", "ALL"}, FIREWALL_FLAGS_KNOWN}};

unsigned firewall_flags_of(const struct firewall_subject *s)
{
    return s->p->answers ? 2 | 16 : 2;
}

int firewall_flag(const struct firewall_word *w)
{
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        if (firewall_word_is(w, flags[i].names[0]) || firewall_word_is(w, flags[i].names[1]))
            return (int)flags[i].bit;
    return -1;
}

enum tri firewall_test_word(const struct firewall_subject *s, enum firewall_test test,
                            const struct firewall_word *w)
{
    const struct firewall_packet *p = s->p;
    switch (test) {
    case TEST_SPORT:
        return test_port(&p->from_port, w);
    case TEST_DPORT:
        return test_port(&p->to_port, w);
    case TEST_PORTS:
        return tri_or(test_port(&p->from_port, w), test_port(&p->to_port, w));
    case TEST_PROTOCOL:
        return test_protocol(p->kind, w);
    case TEST_NETWORK:
        return test_network(p->to.family, w);
    case TEST_SADDR:
        return test_address(&p->from, w);
    case TEST_DADDR:
        return test_address(&p->to, w);
    case TEST_IN:
        return test_device(has_in(s->hook) ? p->in : NULL, w);
    case TEST_OUT:
        return test_device(has_out(s->hook) ? p->out : NULL, w);
    case TEST_STATE:
        return test_state(s, w);
    case TEST_DIRECTION:
        return test_direction(s, w);
    case TEST_STATUS:
        return test_status(s, w);
    case TEST_DADDR_TYPE:
        return test_type(s, w);
    case TEST_WAY_BACK:
        return test_way_back(w);
    default:
        return TRI_MAYBE;
    }
}
