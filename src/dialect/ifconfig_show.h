/* The interfaces as ifconfig sees them: by name, each label of an IPv4 address ("eth0:1") one more.
 * Internal to the tongues netstat and ifconfig. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/vec.h"
#include "net/iface.h"

struct out;

/* As /proc/net/dev has them. */
struct ifconfig_counters {
    char name[16 + 1];
    uint64_t rx_bytes, rx_packets, rx_errors, rx_dropped, rx_fifo, rx_frame;
    uint64_t tx_bytes, tx_packets, tx_errors, tx_dropped, tx_fifo, tx_collisions, tx_carrier;
};

struct ifconfig_entry {
    char name[32];
    const struct net_iface *link;
    bool alias;
};

struct ifconfig {
    struct vec links;    /* struct net_iface */
    struct vec counters; /* struct ifconfig_counters */
    struct vec entries;  /* struct ifconfig_entry, sorted */
};

/* Of this thread's network namespace. 0, or a negative errno after a message; *ret is always to be
 * cleared. */
int ifconfig_read(struct ifconfig *ret);
void ifconfig_clear(struct ifconfig *i);
/* By name; a label that no address has is found too, as the kernel's ioctls do. */
bool ifconfig_find(const struct ifconfig *i, const char *name, struct ifconfig_entry *ret);

void ifconfig_print_line(const struct ifconfig *i, const struct ifconfig_entry *e, struct out *out);
void ifconfig_print_paragraph(const struct ifconfig *i, const struct ifconfig_entry *e,
                              struct out *out);
