/* What a process that talks to a peer gets as its environment: what tells of the connection
 * (BERTH_LOCAL_ADDR, BERTH_LOCAL_PORT, BERTH_REMOTE_ADDR, BERTH_REMOTE_PORT, BERTH_PROTO), and what
 * a program needs to find its way about. Nothing else of ours goes to a process that a stranger
 * speaks to.
 */
#pragma once
#include <sys/socket.h>

enum { CHILD_ENVIRONMENT_KEPT = 32, CHILD_ENVIRONMENT_OWN = 5 };

/* It stays where it is. */
struct child_environment {
    char own[CHILD_ENVIRONMENT_OWN][160];
    char *entries[CHILD_ENVIRONMENT_KEPT + CHILD_ENVIRONMENT_OWN + 1]; /* for exec */
};

void child_environment_fill(struct child_environment *env, const char *proto,
                            const struct sockaddr_storage *local, socklen_t local_n,
                            const struct sockaddr_storage *peer, socklen_t peer_n);
