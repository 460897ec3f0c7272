/* What was read of a host at one moment.
 *
 * The one value that decisions are made from: `explain` predicts from it, `--save` writes it and
 * `--facts` reads it back, so that a bug report, a test and another host's trouble are the same
 * thing. Streams of sockets that nobody needs to keep don't pass through it.
 */
#pragma once
#include <stdint.h>

#include "base/hash.h"
#include "base/vec.h"
#include "net/iface.h"
#include "net/socket.h"

struct net_namespace {
    uint64_t inode;
    char name[64]; /* of /run/netns, or "" */
    int32_t pid;   /* a process in it; 0 none known */
    uint32_t nsid_known;
};

struct net_sysctl {
    char name[64]; /* as sysctl(8) writes it: "net.ipv4.ip_unprivileged_port_start" */
    char *value;   /* owned, without the newline; NULL where it couldn't be read */
    bool forbidden;
};

/* A number that the kernel counts for the namespace, by nstat(8)'s name: "TcpExtListenOverflows".
 */
struct net_counter {
    char name[64];
    uint64_t value;
};

struct facts {
    char hostname[65], kernel[65]; /* uname's nodename and release */
    uint64_t taken_ns;             /* when, since 1970 */
    uint64_t boot_ns;              /* when, since boot: what start_ns is compared with */
    uint32_t uid;                  /* who looked */
    uint64_t capabilities;         /* effective, as a mask of 1 << CAP_… */
    uint64_t netns;                /* inode of the namespace that was looked at */
    uint8_t filtered;              /* 1: sockets of TCP or UDP were left out on purpose */
    struct vec sockets;            /* struct net_socket, owned (net_socket_copy) */
    struct vec processes;          /* struct net_process *, owned with their texts */
    struct vec interfaces;         /* struct net_iface, owned */
    struct vec namespaces;         /* struct net_namespace */
    struct vec sysctls;            /* struct net_sysctl, owned */
    struct vec counters;           /* struct net_counter, of kernel/snmp.h */
    struct hash process_by_pid;    /* pid -> index + 1 in processes */
};

#define _cleanup_facts_ __attribute__((cleanup(facts_clear)))

void facts_init(struct facts *f);
void facts_clear(struct facts *f);

/* Copies a socket, its owners and the processes that they point to into the facts. 0 or -ENOMEM. */
int facts_add_socket(struct facts *f, const struct net_socket *s);
/* A copy for the caller, to be released with net_socket_copy_free; the processes that it points to
 * are copied into the facts and live as long as these. 0 or -ENOMEM. */
int facts_copy_socket(struct facts *f, const struct net_socket *s, struct net_socket *ret);
/* Appends a setting with a copy of its value; value NULL: not known. 0, -ENAMETOOLONG or -ENOMEM.
 */
int facts_add_sysctl(struct facts *f, const char *name, const char *value, bool forbidden);
const char *facts_sysctl(const struct facts *f, const char *name); /* NULL: not known */
/* Appends a counter. 0, -ENAMETOOLONG or -ENOMEM. */
int facts_add_counter(struct facts *f, const char *name, uint64_t value);
/* 0 and its value, or -ENOENT: it isn't known. */
int facts_counter(const struct facts *f, const char *name, uint64_t *ret);
