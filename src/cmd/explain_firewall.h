/* The firewall in explanations: what its rules may do to a connection, and ports that they hand on.
 */
#pragma once
#include "base/vec.h"
#include "cmd/explain_host.h"
#include "kernel/firewall.h"
#include "kernel/forwards.h"
#include "predict/firewall.h"

struct explain_firewall {
    bool looked;
    int exists; /* 1, 0, or a negative errno: it can't be seen whether there is one */
    int error;  /* of the listing: 0, or a negative errno */
    struct firewall rules;
    struct vec forwards; /* struct kernel_forward */
};

/* Looks once; of a saved host nothing is known. */
void explain_firewall_look(struct explain_host *h, struct explain_firewall *f);
void explain_firewall_clear(struct explain_firewall *f);

enum explain_way { EXPLAIN_STAYS, EXPLAIN_COMES_IN, EXPLAIN_GOES_OUT, EXPLAIN_GOES_THROUGH };

/* A connection, and its way. */
struct explain_passage {
    enum net_kind kind;
    struct net_addr from, to;
    struct firewall_ports from_port;
    uint16_t to_port;
    enum explain_way way;
    const char *in, *out; /* the devices that it comes in by, and goes out by; unless it stays */
    bool translated;      /* a rule gave it this destination */
};

/* A rule that hands the connection on. */
struct explain_handing {
    const struct firewall_met *met; /* NULL: none */
    /* Where to; NULL: that can't be told. */
    const struct kernel_forward *forward;
};
/* The first that it meets, or may. met: storage (struct firewall_met). 0 or -ENOMEM. */
int explain_firewall_hand_on(const struct explain_firewall *f, const struct explain_passage *p,
                             struct vec *met, struct explain_handing *ret);

struct explain_weight {
    bool unknown;      /* what rules there are can't be seen */
    uint32_t may_stop; /* how many may stop it */
    struct vec met;    /* struct firewall_met: those, and who accept it by its port */
};

/* Adds what is met in both directions: what stops the answer stops the connection. before: up to
 * where a rule gives it another destination. 0 or -ENOMEM. */
int explain_firewall_weigh(const struct explain_firewall *f, const struct explain_passage *p,
                           bool before, struct explain_weight *ret);
void explain_weight_clear(struct explain_weight *w);
