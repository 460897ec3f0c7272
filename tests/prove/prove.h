/* The parts of prove: the questions, and what they share. */
#pragma once
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "kernel/ports.h"
#include "predict/host.h"
#include "scene.h"

enum kind {
    KIND_BIND,
    KIND_LISTEN,
    KIND_UDP,
    KIND_CHOOSE,
    KIND_CHOOSE_UDP,
    KIND_LOOKUP,
    KIND_LOOKUP_UDP,
    KIND_CONNECT,
    KINDS
};

struct count {
    unsigned long cases, agreed, depends, wrong, reuse_cases, reuse_depends;
};

struct prover {
    struct scene scene;
    struct vec links;
    enum source_via via;
    struct ports_reader *reader;
    bool verbose;
    struct count counts[KINDS];
    unsigned long case_number, clients;
};

struct facts_at {
    struct ports ports;
    struct vec pointers;
    struct predict_host host;
};

enum outcome { AGREED, DEPENDED, WRONG };

/* The facts of a port, as they are now. */
void prove_read_facts(struct prover *p, enum net_kind kind, uint16_t port, struct facts_at *ret);
void prove_clear_facts(struct facts_at *f);
void prove_show_facts(const struct facts_at *f);
void prove_count(struct prover *p, enum kind kind, enum outcome o, bool reuse);

struct net_addr prove_addr(const struct sockaddr_storage *a);
uint16_t prove_port(int fd);
uint64_t prove_inode(int fd);
/* The device that has the address, and whether one has. */
uint32_t prove_device(const struct prover *p, const struct net_addr *addr);
bool prove_is_here(const struct prover *p, const struct net_addr *a);

/* A client with a port of its own, which nobody else has or has had for long. */
int prove_make_client(struct prover *p, enum net_kind kind, int family);
void prove_empty_queues(struct prover *p);

/* What connect(2) gets: accepted, refused, or nothing, as when the accept queue is full; and of a
 * group the very member that gets it. */
void prove_connect(struct prover *p);
