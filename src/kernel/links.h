/* The interfaces of this process's network namespace, by rtnetlink(7). */
#pragma once

struct err;
struct net_iface;
struct vec;

/* Every interface with its addresses and counters, in the kernel's order, into *ret (struct
 * net_iface; the caller empties it with links_free). speed_mbps stays 0: links_read_speed asks for
 * it. 0 or a negative errno with *e filled; *ret is unchanged on failure. */
int links_read(struct vec *ret, struct err *e);
void links_free(struct vec *links);

/* The link's speed as its driver tells it (ethtool); 0 where there is none. */
void links_read_speed(struct net_iface *link);
