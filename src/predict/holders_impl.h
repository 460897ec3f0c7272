/* What the files of holders share. */
#pragma once
#include <stdbool.h>

struct net_socket;

/* Whether a listener's place takes in the local end of a socket. */
bool predict_same_place(const struct net_socket *listener, const struct net_socket *s);
/* TIME_WAIT, or closed by its program and not yet over, as far as the row says it. */
bool predict_is_remains(const struct net_socket *s);
