/* Of the addresses of a scan, which are this host's own; and who has the ports there. */
#pragma once
#include "base/vec.h"
#include "net/facts.h"

struct target;

struct scan_local {
    uint32_t *devices;  /* of each address the device that has it; 0: it isn't this host's */
    bool any;           /* one of them is */
    bool loopback_down; /* so that nothing gets from this host to its own addresses */
    bool looked;        /* the sockets were read */
    bool hidden;        /* an owner was not to be seen */
    struct facts facts; /* the sockets */
    uint8_t *taken;     /* a port of any of them: one bit each */
};

/* Always to be cleared. 0 or -ENOMEM; interfaces that can't be read are none. */
int scan_local_init(struct scan_local *s, const struct vec *hosts);
void scan_local_clear(struct scan_local *s);
/* Reads those that listen now. A failure is told, and nobody is known then. */
void scan_local_look(struct scan_local *s, bool udp);
/* Adds to *ret (struct receiver) who gets what comes to a port of the host with that number. 0 or
 * -ENOMEM. */
int scan_local_find(struct scan_local *s, size_t host, const struct target *t, struct vec *ret);
/* One line on stderr if owners could not be seen. */
void scan_local_tell(const struct scan_local *s);
