/* BPF programs that choose which socket gets a packet, past the rules: those of type sk_lookup,
 * which belong to a network namespace. (Those of a SO_REUSEPORT group can't be asked for.)
 */
#pragma once

/* How many there are in the calling thread's namespace; -EPERM without CAP_NET_ADMIN, or another
 * negative errno. */
int steering_count(void);
