/* Services as rows: a port, its name in one protocol, and who listens there. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "names/services.h"
#include "net/socket.h"
#include "render/render.h"

/* A process that listens at a port. */
struct services_holder {
    uint16_t port;
    enum net_kind kind;
    int32_t pid; /* 0: no process, or one that may not be seen */
    bool hidden;
    char comm[16 + 1];
};

struct services_row {
    const struct service *service; /* NULL: the port has no name */
    const char *protocol;          /* the service's, or what was asked for; NULL: any */
    uint16_t port;
    enum presence privilege; /* whether `privileged` is known */
    bool privileged;
    const struct services_holder *holders; /* of this port and protocol */
    size_t n_holders;
    bool observable; /* berth can tell who listens with this protocol */
};

enum { SERVICES_COLUMNS = 7 };
extern const struct render_column services_columns[SERVICES_COLUMNS];
