/* Asks many ports at once whether they answer: by connecting (TCP), or with a datagram (UDP).
 *
 * What is said of a port is what the network said: nothing is looked up on this host. Ports are
 * asked in their order, so many at a time; fewer where descriptors run out. A connection that is
 * made is ended at once, or when the service has said something, if that was asked for.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flow/loop.h"
#include "flow/target.h"

enum probe_state {
    PROBE_LEFT,        /* no answer yet, and no verdict */
    PROBE_OPEN,        /* TCP: it connects; UDP: something came back */
    PROBE_REFUSED,     /* TCP: a reset, or an ICMP that says so; UDP: an ICMP "port unreachable" */
    PROBE_SILENT,      /* nothing came back in time */
    PROBE_UNREACHABLE, /* `error` says how; it came from here or from the way there */
    PROBE_FORBIDDEN,   /* this host doesn't let it out */
    PROBE_FAILED,      /* it couldn't be asked: `error` */
    PROBE_STATES
};

enum { PROBE_BANNER_MAX = 1024 };

struct probe_answer {
    uint8_t state; /* enum probe_state */
    uint8_t tries;
    uint16_t said_n;
    int error;        /* positive errno; 0 none */
    uint32_t took_us; /* of the last try, until the answer */
    bool at_once;     /* this host itself said so, when it was asked: nothing has left it */
    char *said;       /* what the service said first, said_n bytes; NULL nothing */
};

struct probe;

/* To be zeroed first. Everything up to `done` is the owner's to set before probes_start, and stays
 * his; type and port-less address of each host say what is asked where. */
struct probes {
    const struct target *hosts;
    size_t n_hosts;
    const uint16_t *ports;
    size_t n_ports;
    size_t parallel;     /* at a time, 1 at least */
    unsigned tries;      /* 1 … 255 */
    uint64_t timeout_ns; /* of one try */
    uint64_t listen_ns;  /* how long the service may take to say something; 0: not waited for */
    /* Each port once, in whatever order the answers come. */
    void (*answered)(struct loop *l, struct probes *p, size_t i);
    void (*done)(struct loop *l, struct probes *p);

    size_t n;                     /* n_hosts * n_ports */
    struct probe_answer *answers; /* port i % n_ports of host i / n_ports */
    size_t n_answered;
    /* of probe.c */
    struct probe *slots, *free;
    size_t n_slots, running, next;
    struct loop_turn turn;
};

/* There must be a host and a port. 0 or -ENOMEM: then nothing is called. Always to be cleared. */
int probes_start(struct loop *l, struct probes *p);
void probes_clear(struct loop *l, struct probes *p);

/* The target of a port. */
struct target probes_target(const struct probes *p, size_t i);

/* What an errno of a connection, or of a datagram's answer, says. at_once: it is connect(2)'s or
 * send(2)'s own, so that nothing has left this host. */
enum probe_state probe_judge(int error, bool at_once);
