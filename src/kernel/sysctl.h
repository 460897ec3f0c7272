/* Kernel settings as this process may read them, from /proc/sys. */
#pragma once
#include <stdint.h>

struct buf;
struct net_sysctl;

/* name as sysctl(8) writes it: dots between the parts, a slash for a dot inside one
 * ("net.ipv4.conf.eth0/100.forwarding"). The readers return 0, -ENOENT (this kernel has no such
 * setting), -EACCES (it may not be read here), or another negative errno. */

/* The value's text without its newline, into an emptied *into. */
int sysctl_read(const char *name, struct buf *into);
int sysctl_read_u64(const char *name, uint64_t *ret);
/* Two numbers, as net.ipv4.ip_local_port_range has them. */
int sysctl_read_pair(const char *name, uint32_t *ret_first, uint32_t *ret_second);

/* The value with what is known of it; a value that doesn't fit into the struct is cut. */
void sysctl_get(const char *name, struct net_sysctl *ret);
