/* What a prediction is made from: one network namespace, as far as its kernel could be asked.
 *
 * All borrowed, all values: predict asks nobody. What isn't known is marked so, and then the
 * answer may be `depends`, never a guess.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "net/bucket.h"
#include "net/iface.h"
#include "net/socket.h"
#include "predict/tri.h"

/* A set of ports. */
struct port_set {
    uint64_t words[65536 / 64];
};

static inline bool port_set_has(const struct port_set *s, uint32_t port)
{
    return s->words[port / 64] >> port % 64 & 1;
}

static inline void port_set_add(struct port_set *s, uint32_t port)
{
    s->words[port / 64] |= UINT64_C(1) << port % 64;
}

/* Kernel settings of the namespace; defaults of the kernel where they couldn't be read, and then
 * `unknown` has their bit. */
enum predict_setting {
    PREDICT_UNPRIVILEGED_START, /* net.ipv4.ip_unprivileged_port_start */
    PREDICT_PORT_RANGE,         /* net.ipv4.ip_local_port_range */
    PREDICT_RESERVED,           /* net.ipv4.ip_local_reserved_ports */
    PREDICT_NONLOCAL4,          /* net.ipv4.ip_nonlocal_bind */
    PREDICT_NONLOCAL6,          /* net.ipv6.ip_nonlocal_bind */
    PREDICT_BINDV6ONLY,         /* net.ipv6.bindv6only */
    PREDICT_AUTOBIND_REUSE,     /* net.ipv4.ip_autobind_reuse */
    PREDICT_SOMAXCONN,          /* net.core.somaxconn */
    PREDICT_SETTINGS
};

struct predict_settings {
    uint32_t unknown; /* mask of 1 << enum predict_setting */
    uint32_t unprivileged_start;
    uint32_t range_first, range_last;
    struct port_set reserved;
    bool nonlocal4, nonlocal6, bindv6only, autobind_reuse;
    uint32_t somaxconn;
};
/* The kernel's defaults. */
void predict_settings_init(struct predict_settings *s);
/* From the text of a setting as sysctl(8) has it: "net.ipv4.ip_local_port_range", "32768\t60999".
 * A name that isn't among them is passed over; a value that can't be read makes it unknown. */
void predict_settings_read(struct predict_settings *s, const char *name, const char *value);
/* The setting's name, for those who ask for them. */
const char *predict_setting_name(enum predict_setting s);

struct predict_host {
    const struct net_iface *interfaces;
    uint32_t n_interfaces;
    bool has_ipv6; /* the kernel has IPv6 at all: socket(AF_INET6) works */
    struct predict_settings settings;

    /* The sockets of this namespace at the ports that are asked about (port 0: all), each with as
     * many of its fields known as could be. */
    const struct net_socket *const *sockets;
    size_t n_sockets;
    bool complete;          /* none can be missing, those that are only bound included */
    bool udp_ordered;       /* those of UDP stand in the order of the kernel's list */
    bool listeners_ordered; /* those of TCP that listen do */

    const struct net_bucket *buckets; /* of TCP */
    size_t n_buckets;
    bool buckets_known; /* a port without a bucket has none */
};
