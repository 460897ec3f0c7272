/* Holders of a port in words, for `who` and `free`. */
#pragma once
#include "cmd/socket_view.h"
#include "net/holders.h"

struct buf;

struct holder_text {
    struct socket_view *view;
    const struct net_socket *const *sockets; /* all that were found */
    size_t n;
    uint64_t real_ns; /* now, since 1970 */
    bool colour;      /* the palette of tables */
    bool live;        /* working directories and such are of this host */
};

/* One short paragraph, its last line ended. Bytes from elsewhere are escaped. */
void holder_describe(struct buf *out, const struct holder_text *t, const struct net_holder *h);
/* "nginx[812]", or "pid 812". */
void holder_name(struct buf *out, const struct net_holder *h);
