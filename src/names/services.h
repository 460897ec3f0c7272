/* The services database: names of ports, as the C library knows them (getservent(3), so nsswitch
 * counts: /etc/services, and whatever else the host is told to ask).
 */
#pragma once
#include <stdint.h>

#include "base/vec.h"

struct service {
    char *name;
    char *protocol; /* "tcp", "udp" … as the database has it */
    char **aliases; /* NULL ends them */
    uint16_t port;
};

/* Lists of struct service, owned: release with services_free. Each function adds to *ret (a
 * VEC_INIT(struct service)); none found is 0 with nothing added. -ENOMEM, or another negative
 * errno. */
/* protocol: "tcp", "udp" …; NULL: every one. Aliases count as names. */
int services_by_name(const char *name, const char *protocol, struct vec *ret);
int services_by_port(uint16_t port, const char *protocol, struct vec *ret);
/* All entries of first … last (and one protocol, or every), in the database's order. Sources that
 * can't list what they have (some of nsswitch's) are left out. */
int services_in_range(uint16_t first, uint16_t last, const char *protocol, struct vec *ret);
void services_free(struct vec *services);

/* The port of a name for a protocol ("tcp", "udp"; NULL: any). 0 or -ENOENT. */
int services_port(const char *name, const char *protocol, uint16_t *ret);
