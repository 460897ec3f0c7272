/* The parts of `berth explain socket`: the sockets that are meant, their other ends, and what their
 * states mean. */
#pragma once
#include "cmd/output.h"
#include "cmd/sockets.h"
#include "predict/socket_state.h"

struct socket_case {
    const struct net_socket *socket;
    const struct net_socket *far;      /* the other end, if it is on this host; NULL */
    const struct net_socket *listener; /* that it waits at, to be accepted; NULL */
    struct predict_state state, far_state;
};

struct socket_answer {
    struct vec cases; /* struct socket_case, those first that need somebody to move */
    size_t left_out;  /* as many more were found */
};

void explain_socket_show_words(struct output *o, const struct socket_answer *a);
void explain_socket_show_json(struct output *o, const struct socket_answer *a);
