/* For predict/firewall_rule.c: what one word says of a packet. */
#pragma once
#include "predict/firewall.h"

enum firewall_test {
    TEST_NOTHING, /* its words are passed over */
    TEST_UNKNOWN,
    TEST_SPORT,
    TEST_DPORT,
    TEST_PORTS, /* either */
    TEST_PROTOCOL,
    TEST_NETWORK, /* IPv4 or IPv6 */
    TEST_SADDR,
    TEST_DADDR,
    TEST_IN,
    TEST_OUT,
    TEST_STATE, /* of connection tracking */
    TEST_DIRECTION,
    TEST_STATUS,
    TEST_DADDR_TYPE,
    TEST_WAY_BACK, /* whether a route leads back through the device that it came in by */
    TEST_FLAGS
};

struct firewall_subject {
    const struct firewall *f;
    const struct firewall_packet *p;
    enum firewall_hook hook;
};

/* Whether the packet has this value there. */
enum tri firewall_test_word(const struct firewall_subject *s, enum firewall_test test,
                            const struct firewall_word *w);
/* Of a number n: whether it is below, or above, that of the packet's ports. */
enum tri firewall_test_order(const struct firewall_subject *s, enum firewall_test test,
                             const char *order, const struct firewall_word *w);
/* Whether it is TCP (or UDP, "tcp", "udp", "th": either), so that its header has the field. */
enum tri firewall_test_transport(const struct firewall_subject *s, const struct firewall_word *w);
/* Of the flags of a TCP header, bits of enum firewall_flags: the packet's, and those of a word (-1:
 * it is none). */
enum { FIREWALL_FLAGS_KNOWN = 0x3f }; /* those of congestion aren't foretold */
unsigned firewall_flags_of(const struct firewall_subject *s);
int firewall_flag(const struct firewall_word *w);
