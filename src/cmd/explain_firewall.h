/* The firewall in explanations: rules that berth doesn't evaluate, and so names, and rules that
 * hand a port on.
 */
#pragma once
#include "base/vec.h"
#include "cmd/explain_host.h"
#include "kernel/firewall.h"
#include "kernel/forwards.h"

struct explain_firewall {
    bool looked;
    int exists;          /* 1, 0, or a negative errno: it can't be seen whether there is one */
    int error;           /* of the listing: 0, or a negative errno */
    struct vec rules;    /* struct firewall_rule */
    struct vec forwards; /* struct kernel_forward */
};

/* Looks once; of a saved host nothing is known. */
void explain_firewall_look(struct explain_host *h, struct explain_firewall *f);
void explain_firewall_clear(struct explain_firewall *f);

/* What a connection passes. */
struct explain_passage {
    enum net_kind kind;
    uint16_t family, port;
    unsigned hooks; /* mask of enum firewall_hook */
    bool loopback;  /* it stays on this host */
};

struct explain_weight {
    bool unknown;      /* what rules there are can't be seen */
    uint32_t may_stop; /* how many rules may stop it, for all that their words tell */
    struct vec named;  /* const struct firewall_rule *: those that name the port, and policies */
    /* One that would stop it, and that none is seen to forestall; NULL: none */
    const struct firewall_rule *decides;
};

/* 0 or -ENOMEM. */
int explain_firewall_weigh(const struct explain_firewall *f, const struct explain_passage *p,
                           struct explain_weight *ret);
void explain_weight_clear(struct explain_weight *w);
