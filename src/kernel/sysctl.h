/* Kernel settings as this process may read them, from /proc/sys. */
#pragma once
#include <stdint.h>

struct buf;

/* Room for any value: ip_local_reserved_ports with every other port takes 190 KB. */
enum { SYSCTL_MAX = 1 << 18 };

/* name as sysctl(8) writes it: dots between the parts, a slash for a dot inside one
 * ("net.ipv4.conf.eth0/100.forwarding"). The readers return 0, -ENOENT (this kernel has no such
 * setting), -EACCES (it may not be read here), or another negative errno. */

/* The value's text without its newline, into an emptied *into; -EFBIG if that has no room for
 * it. */
int sysctl_read(const char *name, struct buf *into);
int sysctl_read_u64(const char *name, uint64_t *ret);
/* Two numbers, as net.ipv4.ip_local_port_range has them. */
int sysctl_read_pair(const char *name, uint32_t *ret_first, uint32_t *ret_second);
