/* Names to addresses by getaddrinfo(3), in its order, and where each address came from.
 *
 * The order and the addresses are always the C library's. Origins are found afterwards: the hosts
 * file is read for a line that says the same; where that doesn't settle it, the other sources of
 * nsswitch.conf(5) are asked one by one, as the C library did, until one has the address. The last
 * that is left needn't be asked.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/vec.h"
#include "names/origin.h"
#include "net/addr.h"

struct rfc6724_tables;

enum resolve_origin {
    RESOLVE_LITERAL, /* the name is an address */
    RESOLVE_BARE,    /* no name: this machine, or every interface */
    RESOLVE_HOSTS,   /* a line of /etc/hosts */
    RESOLVE_SOURCE,  /* another source of nsswitch.conf */
    RESOLVE_UNCLEAR  /* none of them says the same now */
};

struct resolved {
    struct net_addr addr;
    uint16_t port;
    enum resolve_origin origin;
    char source[32]; /* as nsswitch.conf calls it: "files", "dns"; "" none */
    unsigned line;   /* of the hosts file; 0 none */
    /* What the kernel would send from, by a UDP socket that is connected and sends nothing. */
    bool reachable;
    int unreachable_error; /* the errno of connect(2) */
    struct net_addr from;
};

struct resolve_question {
    const char *name;     /* NULL: this machine */
    const char *service;  /* a name or a number; NULL: none, the port is then 0 */
    int family;           /* AF_UNSPEC, AF_INET, AF_INET6 */
    int socket_type;      /* SOCK_STREAM, SOCK_DGRAM */
    bool every_interface; /* with no name: the wildcards */
};

struct resolve_answer {
    struct vec addresses; /* struct resolved, in the C library's order */
    char canonical[256];  /* the name's canonical one; "" if it is the same */
    struct origin_sources sources;
};

/* 0, or the EAI_… code of getaddrinfo (gai_strerror(3) has words for it). *ret is always to be
 * cleared. */
int resolve(const struct resolve_question *q, struct resolve_answer *ret);
void resolve_clear(struct resolve_answer *a);

/* The tables of the order: the C library's own, and /etc/gai.conf over them. */
void resolve_read_tables(struct rfc6724_tables *ret);

/* Fills origin, source and line of each address. May ask the network again. */
void resolve_find_origins(const struct resolve_question *q, struct resolve_answer *a);
