/* Random sockets in a network namespace of their own: what predictions are tried on.
 *
 * Everything comes from one seed. Sockets of either family and protocol, bound, listening,
 * connected, closed and in TIME_WAIT, with every mix of the options that decide a bind, of two
 * users.
 */
#pragma once
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "net/state.h"

enum { SCENE_SOCKETS = 48, SCENE_PORTS = 4, SCENE_FIRST_PORT = 20000, SCENE_USER = 1001 };

struct scene_socket {
    int fd;
    bool listens;
    enum net_kind kind;
};

struct scene {
    uint64_t random;
    struct scene_socket sockets[SCENE_SOCKETS];
    int n;
    unsigned en0; /* its index */
};

/* What a program would ask for. */
struct scene_wish {
    enum net_kind kind;
    int family;
    struct sockaddr_storage address;
    uint16_t port;
    bool reuseaddr, reuseport, v6only, freebind, transparent, listens;
    unsigned device; /* index; 0 none */
    uid_t uid;
    int backlog;
};

/* Enters a new network namespace and furnishes it; ends the program where that can't be. */
void scene_init(struct scene *s, uint64_t seed);
uint32_t scene_random(struct scene *s, uint32_t below);
bool scene_chance(struct scene *s, uint32_t percent);

void scene_fill(struct scene *s);
void scene_empty(struct scene *s);

void scene_wish(struct scene *s, struct scene_wish *ret);
/* A random address that may be bound or connected to, with this port. */
void scene_address(struct scene *s, int family, uint16_t port, struct sockaddr_storage *ret);

/* Does what the wish says: the descriptor, or -1 with the call that failed ("bind") and errno. */
int scene_try(const struct scene_wish *w, const char **ret_call, int *ret_errno);
socklen_t scene_length(const struct sockaddr_storage *a);
