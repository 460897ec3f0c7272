/* What the files of holders share. */
#pragma once
#include <stdbool.h>

struct net_socket;

/* Whether a connection is one that came to this listener: its place takes in their local end, a
 * UNIX socket's bears its name. */
bool predict_may_serve(const struct net_socket *listener, const struct net_socket *s);
/* TIME_WAIT, or closed by its program and not yet over, as far as the row says it. */
bool predict_is_remains(const struct net_socket *s);
