/* What a firewall may do to a packet of a new connection, by its rules' own words. Pure.
 *
 * Each condition is met, isn't, or can't be told (a set elsewhere, a limit, a mark, an owner); what
 * can't be told is never taken for an acceptance. So what isn't named here as a stop is none.
 */
#pragma once
#include "net/addr.h"
#include "net/firewall.h"
#include "net/state.h"
#include "predict/tri.h"

struct firewall_ports {
    uint16_t first, last; /* one, or a range of which it is one */
};

/* One packet's way through hooks of this host. */
struct firewall_packet {
    enum net_kind kind;
    struct net_addr from, to; /* AF_UNSPEC: not known; `to` has the family in any case */
    struct firewall_ports from_port, to_port;
    const char *in, *out; /* names of devices; NULL: none */
    unsigned hooks;       /* mask of 1 << enum firewall_hook */
    bool answers;         /* it is the answer to what was let through, not the first */
    bool translated;      /* a rule gave its connection another destination */
};

enum firewall_action {
    FIREWALL_ACCEPTS,
    FIREWALL_STOPS,     /* drops, refuses, or hands over to a program */
    FIREWALL_TRANSLATES /* gives it another destination */
};

/* A rule that the packet meets, or may. */
struct firewall_met {
    const struct firewall_chain *chain;
    const struct firewall_rule *rule; /* NULL: the chain's policy */
    enum firewall_action action;
    enum tri certain; /* YES: its conditions, and those on the way to it, are all met */
    bool names_port;  /* that the packet goes to */
};

/* Appends to *ret (struct firewall_met) what decides or may decide about the packet, in the order
 * in which it is met: in chains that translate, or in all others. 0 or -ENOMEM. */
int predict_firewall(const struct firewall *f, const struct firewall_packet *p, bool translating,
                     struct vec *ret);

/* For predict/firewall.c: what one rule says of a packet. */
enum firewall_verdict {
    FIREWALL_CONTINUE,
    FIREWALL_ACCEPT,
    FIREWALL_STOP,
    FIREWALL_TRANSLATE,
    FIREWALL_RETURN,
    FIREWALL_JUMP,
    FIREWALL_GOTO
};
struct firewall_branch {
    enum tri met;
    enum firewall_verdict verdict;
    struct firewall_word target; /* of a jump */
};
struct firewall_reading {
    struct vec branches; /* struct firewall_branch: one, or those of a verdict map */
    bool names_port;
};
/* *ret->branches is emptied first. 0 or -ENOMEM. */
int firewall_read_rule(const struct firewall *f, const struct firewall_chain *c,
                       const struct firewall_rule *r, const struct firewall_packet *p,
                       enum firewall_hook hook, struct firewall_reading *ret);
