/* What explanations ask the kernel, beside who has a port: routes, and its own lookup of sockets.
 */
#pragma once
#include "cmd/explain_host.h"
#include "kernel/route.h"
#include "predict/connect.h"

/* The route to q->to there; of a saved host what its interfaces tell. 0, or a negative errno with
 * *e filled. */
int explain_ask_route(struct explain_host *h, const struct route_query *q, struct net_route *ret,
                      struct err *e);

/* Asks whether a candidate's IPv4 address is the host's own: fills c->own. Of a saved host, or
 * where it can't be asked, interfaces tell. */
void explain_ask_own(struct explain_host *h, struct predict_candidate *c);

struct explain_lookup {
    bool asked; /* a saved host can't be */
    int error;  /* positive: it couldn't be asked */
    bool found;
    struct net_socket socket; /* of those without owners */
};
/* The socket that the kernel itself finds for a packet. */
void explain_ask_lookup(struct explain_host *h, const struct predict_packet *p,
                        struct explain_lookup *ret);
/* Whether it is the one that was foretold, or of the group that was. */
bool explain_lookup_agrees(const struct explain_lookup *l, const struct predict_receiver *r);
/* How many BPF programs choose listeners there; negative: that can't be seen. */
int explain_ask_steering(struct explain_host *h);

/* Whether no port is left that a connection could come from: TRI_MAYBE where that can't be seen.
 * Looks only where there are enough sockets for it, and keeps none. 0, or a negative errno. */
int explain_ask_ports_left(struct explain_host *h, const struct predict_connection *c,
                           const struct net_addr *source, enum tri *ret_none, struct err *e);

/* The next port above the candidate's that would do; 0: none of those near. */
uint16_t explain_ask_free_port(struct explain_host *h, const struct predict_candidate *c);
