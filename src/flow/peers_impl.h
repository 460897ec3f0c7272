/* Between the files of flow/peers: who is known. */
#pragma once
#include "flow/peers.h"

/* A peer with the addresses of this message, and nothing else. */
struct peer peers_address_of(struct peers *p, const struct msghdr *m);
/* The one that has these addresses, or NULL. */
struct peer *peers_find(const struct peers *p, const struct peer *heard);
void peers_enter(struct peers *p, struct peer *peer);
