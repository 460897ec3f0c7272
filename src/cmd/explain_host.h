/* What an explanation is made from: the host (this one, another namespace of it, or a saved one) as
 * src/predict wants it, and who holds the sockets that it names.
 *
 * Asked port by port, and kept, so that a question never reads the whole table of connections.
 */
#pragma once
#include "base/vec.h"
#include "cmd/sockets.h"
#include "kernel/ports.h"
#include "predict/host.h"

struct explain_host {
    const struct command *command;
    struct sockets sockets; /* where to look */
    struct predict_settings settings;
    struct vec links; /* struct net_iface; of a saved host borrowed from its facts */
    bool has_ipv6;
    uint32_t uid;                /* who asks */
    bool may_bind_low_ports;     /* has CAP_NET_BIND_SERVICE */
    bool may_transparent;        /* has CAP_NET_ADMIN or CAP_NET_RAW */
    struct ports_reader *reader; /* NULL: a saved host */
    bool shallow;                /* by sock_diag, which is quicker here and mostly enough */
    struct vec asked;            /* struct explain_port *, owned */
};

/* 0, or an exit status after a message. Always to be closed. */
int explain_host_open(struct explain_host *h, const struct command *c,
                      const struct sockets_arguments *a);
void explain_host_close(struct explain_host *h);

/* The host as it is at one port of TCP or UDP (0: at all of them). The result lives as long as *h.
 * 0, or a negative errno with *e filled. */
int explain_host_at(struct explain_host *h, enum net_kind kind, uint16_t port,
                    const struct predict_host **ret, struct err *e);
/* What a new connection meets at all ports, one by one: see ports_stream. 0, the sink's answer, or
 * a negative errno with *e filled. */
int explain_host_stream(struct explain_host *h, const struct ports_way *way,
                        const struct ports_sink *sink, bool *ret_buckets_known, struct err *e);
/* Looks more deeply from now on, after what was read left a question open: false where there is no
 * deeper way. What was read before stays valid. */
bool explain_host_deepen(struct explain_host *h);
/* Reads again from now on, since things may have changed. What was read before stays valid. */
void explain_host_refresh(struct explain_host *h);

/* Looks for the processes that hold a socket of explain_host_at's, once for all of its port: its
 * owners are filled then. A failure is told on stderr. */
void explain_host_find_owner(struct explain_host *h, const struct net_socket *s);

/* A device's index by its name, 0 if there is none; and its name, "" if there is none. */
uint32_t explain_host_device(const struct explain_host *h, const char *name);
const char *explain_host_device_name(const struct explain_host *h, uint32_t ifindex);
