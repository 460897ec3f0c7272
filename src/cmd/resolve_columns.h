/* Addresses of a name as rows. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cmd/receivers.h"
#include "names/resolve.h"
#include "net/rfc6724.h"
#include "net/socket.h"
#include "render/render.h"

struct resolve_row {
    const char *asked; /* the user's word */
    const char *canonical;
    const struct resolved *resolved;
    const char *device;     /* of a scope, NULL none */
    const char *interface;  /* that has the address, NULL: not this host's */
    bool local;             /* of this host */
    enum rfc6724_rule rule; /* 0: none, an only address or the C library's own order */
    const char *order;      /* in words, why it stands where it stands */
    bool looked;            /* listeners were looked for */
    const struct receiver *listeners;
    size_t n_listeners;
};

enum { RESOLVE_COLUMNS = 18 };
extern const struct render_column resolve_columns[RESOLVE_COLUMNS];

/* "line 2 of /etc/hosts", "dns" … */
void resolve_describe_origin(struct buf *out, const struct resolved *r);
/* "node[812] at 127.0.0.1:3000, …", or "nobody". */
void resolve_describe_listeners(struct buf *out, const struct resolve_row *row);
/* "[fe80::1%en0]:80"; without a port "fe80::1%en0". */
void resolve_describe_end(struct buf *out, const struct resolve_row *row);
