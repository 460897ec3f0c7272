/* From numbers back to names: hosts by getnameinfo(3), services by getservent(3), and nobody waits.
 *
 * The C library may hang for as long as a name server likes, so threads of this module ask it. The
 * caller asks, waits no longer than it wants to, and takes what has come. A thread that still hangs
 * then is left behind; it holds nothing up, not even exit(3).
 *
 * A host's name is what the owner of the address says it is: any bytes, and no proof of anything. A
 * name that reads as an address is not taken.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/vec.h"
#include "net/addr.h"

struct reverse;

/* One of them asks about loopback addresses only: a name server can't keep it. */
enum { REVERSE_THREADS = 16 };

/* Who is asked. Called from threads; ctx must live until the last of them has come back. */
struct reverse_library {
    /* The name of an address, NUL-terminated. 0, or a negative errno for none. */
    int (*host)(void *ctx, const struct net_addr *a, char *ret, size_t size);
    /* All services, as services_in_range gives them. */
    int (*services)(void *ctx, struct vec *ret);
    void *ctx;
};

/* Makes the threads. They stay in the network namespace that the caller is in now, so it comes
 * before any visit to another one. library NULL: the C library. 0 or a negative errno. */
int reverse_new(const struct reverse_library *library, struct reverse **ret);
/* Doesn't wait for threads that hang. Names that were got end here. NULL is fine. */
void reverse_free(struct reverse *r);

/* Has the name of an address looked up. Each is asked about once, whatever its scope; a mapped
 * IPv4 address as the IPv4 address. Wildcards have no name, and beyond a limit of addresses the
 * rest have none. Never blocks. 0 or -ENOMEM. */
int reverse_ask(struct reverse *r, const struct net_addr *a);
/* Until all that was asked, and the services, are there, or until the deadline (time_monotonic_ns).
 * What comes later is not taken, so that an address has the same name throughout. */
void reverse_wait(struct reverse *r, uint64_t deadline_ns);

/* The name, or NULL: there is none, or none (yet). It lasts as long as *r. */
const char *reverse_host(struct reverse *r, const struct net_addr *a);
/* protocol: "tcp", "udp", "sctp" or "dccp". */
const char *reverse_service(struct reverse *r, uint16_t port, const char *protocol);
