/* Addresses as sockets take them, and back. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "net/addr.h"

/* False if it is no IP address. ret_port may be NULL. */
bool sockaddr_read(const struct sockaddr *from, struct net_addr *ret, uint16_t *ret_port);
/* Its length. The address must be one of IPv4 or IPv6. */
socklen_t sockaddr_from(struct sockaddr_storage *ret, const struct net_addr *a, uint16_t port);
