/* The parts that bind's questions have in common; of src/predict alone. */
#pragma once
#include "predict/bind.h"
#include "predict/overlap.h"

/* Checks of the address and the caller, in the kernel's order. The first that fails, or RULE_NONE;
 * *ret_errno its errno. *certain: TRI_MAYBE if a setting decides that isn't known (its bit is then
 * added to *unknown). */
enum predict_rule rules_of_address(const struct predict_candidate *c, const struct predict_host *h,
                                   int *ret_errno, enum tri *ret_broken, uint32_t *unknown);

/* The candidate's address as it stands after these checks. */
struct predict_end rules_end(const struct predict_candidate *c);

/* What a look at one owner says: TRI_YES, it stands in the way. */
struct rules_clash {
    enum tri clash;
    enum predict_rule rule;
    enum net_field unknown;
};

/* How the owners of a port are looked at. */
enum rules_way {
    RULES_BIND,          /* an explicit port */
    RULES_LISTEN,        /* the second look */
    RULES_CHOOSE,        /* the kernel chooses: sharing is not wanted */
    RULES_CHOOSE_RELAXED /* ip_autobind_reuse */
};

struct rules_clash rules_clash_tcp(const struct predict_candidate *c,
                                   const struct net_socket *owner, enum rules_way way);
/* Of UDP: TRI_YES ends the walk with a refusal, `accepts` ends it with success. */
struct rules_clash rules_clash_udp(const struct predict_candidate *c,
                                   const struct net_socket *owner, enum tri *ret_accepts);

/* Whether this socket has the port in the kernel's list of owners. */
bool rules_owns(const struct net_socket *s, enum net_kind kind, uint32_t port);
